import type { Hono } from "hono";
import * as z from "zod";

import { invalidRequest } from "../../schemas/errors.ts";
import { issuesOf } from "../../schemas/issues.ts";
import type { DeleteBody } from "../../schemas/records.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import type { AcceptedEvent } from "./accept.ts";
import type { Gateway } from "./app.ts";
import { writerOf } from "./caller.ts";
import { ingestHandler, jsonDocument, sourceOf, tellPosition } from "./ingest.ts";

/** Nobody is told whether a trace existed: that is only known behind the log (read-api §3.3). */
export const bulkBody = z.strictObject({ traceIds: z.array(z.string().min(1)).min(1).max(1000) });

/** `DELETE` of one trace, or of up to a thousand: records in the log that win over late replays of what they delete. */
export function traceDeletion(app: Hono<HttpEnv>, gateway: Gateway): void {
  app.delete(
    "/api/public/traces/:id",
    ingestHandler(gateway, async (c) => {
      const caller = await writerOf(c, gateway.keys);
      const position = await gateway.accept(sourceOf(c, caller), "delete", [
        deletionOf(c.req.param("id") ?? ""),
      ]);
      tellPosition(c, position);
      return c.json({ message: "Trace deleted successfully" }, 200);
    }),
  );

  app.delete(
    "/api/public/traces",
    ingestHandler(gateway, async (c, body) => {
      const document = jsonDocument(c, body, gateway.depthMax);
      const caller = await writerOf(c, gateway.keys);
      const parsed = bulkBody.safeParse(document.rounded);
      if (!parsed.success) throw invalidRequest(issuesOf(parsed.error));
      const deletions = parsed.data.traceIds.map(deletionOf);
      const position = await gateway.accept(sourceOf(c, caller), "delete", deletions);
      tellPosition(c, position);
      return c.json({ message: "Traces deleted successfully" }, 200);
    }),
  );
}

function deletionOf(id: string): AcceptedEvent {
  const body: DeleteBody = { kind: "trace", id };
  return { owner: { traceId: id, id }, body: JSON.stringify(body), isPlain: true };
}
