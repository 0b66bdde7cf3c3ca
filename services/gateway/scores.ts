import { randomUUID } from "node:crypto";
import type { Hono } from "hono";

import { validateScoreBody } from "../../schemas/dialects/langfuse.ts";
import { invalidRequest } from "../../schemas/errors.ts";
import type { DeleteBody } from "../../schemas/records.ts";
import { isoOf } from "../../schemas/time.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import type { Gateway } from "./app.ts";
import { callerOf, writerOf } from "./caller.ts";
import { ingestHandler, jsonDocument, sourceOf, tellPosition } from "./ingest.ts";
import { scoreChecker } from "./score-check.ts";

/** Scores one by one (write-api §1.1, §2.7): POST writes one as a batch of one would, DELETE by id. */
export function scoreRoutes(app: Hono<HttpEnv>, gateway: Gateway): void {
  app.post(
    "/api/public/scores",
    ingestHandler(gateway, async (c, body) => {
      const document = jsonDocument(c, body, gateway.depthMax);
      const caller = await callerOf(c, gateway.keys);
      if (document.tooDeep(document.value)) throw invalidRequest([tooDeep]);
      const validated = validateScoreBody(document.value, document.rounded);
      if (!validated.ok) throw invalidRequest(validated.issues);
      const score = validated.body;
      const issue = await scoreChecker(gateway.registry, caller.project.id)(score);
      if (issue) throw invalidRequest([issue]);
      const id = score.id || randomUUID();
      const event = {
        id: randomUUID(),
        type: "score-create",
        timestamp: isoOf(gateway.now()),
        body: { ...score, id },
      };
      const { traceId, sessionId } = score;
      const position = await gateway.accept(sourceOf(c, caller), "langfuse", [
        { owner: { traceId, sessionId, id }, body: JSON.stringify(event), isPlain: true },
      ]);
      tellPosition(c, position);
      return c.json({ id }, 200);
    }),
  );

  app.delete(
    "/api/public/scores/:id",
    ingestHandler(gateway, async (c) => {
      const caller = await writerOf(c, gateway.keys);
      const id = c.req.param("id") ?? "";
      const deletion: DeleteBody = { kind: "score", id };
      const position = await gateway.accept(sourceOf(c, caller), "delete", [
        { owner: { id }, body: JSON.stringify(deletion), isPlain: true },
      ]);
      tellPosition(c, position);
      // Also for an id that nobody has: whether it exists is only known behind the log.
      return c.json({ message: "Score deletion queued successfully" }, 202);
    }),
  );
}

const tooDeep = { code: "custom", path: [], message: "The body is nested too deeply" };
