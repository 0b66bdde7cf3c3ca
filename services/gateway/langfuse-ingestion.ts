import type { Context, Hono } from "hono";

import { eventError, parseEnvelope, validateEvent } from "../../schemas/dialects/langfuse.ts";
import type { EventError, LangfuseEvent } from "../../schemas/dialects/langfuse.ts";
import { batchUnauthorized, invalidBatch } from "../../schemas/errors.ts";
import type { JsonDocument } from "../../schemas/json.ts";
import { authenticate } from "../runtime/auth.ts";
import type { ProjectCaller } from "../runtime/auth.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import type { AcceptedEvent } from "./accept.ts";
import type { Gateway } from "./app.ts";
import { ingestHandler, jsonDocument, sourceOf } from "./ingest.ts";

/**
 * `POST /api/public/ingestion`: a batch of Langfuse events, each judged by itself (write-api §1).
 * The order of checks is the contract's: body, method, key, envelope, events.
 */
export function langfuseIngestion(app: Hono<HttpEnv>, gateway: Gateway): void {
  app.post(
    "/api/public/ingestion",
    ingestHandler(gateway, async (c, body) => {
      const document = jsonDocument(c, body, gateway.depthMax);
      const caller = await projectCaller(c, gateway);
      const envelope = parseEnvelope(document.value);
      if (!envelope.ok) throw invalidBatch(envelope.errors);
      const { accepted, successes, errors, sdkLogs } = judge(envelope.batch, document, caller);
      const line = c.get("line");
      line.events = envelope.batch.length;
      line.rejected = errors.length;
      if (sdkLogs > 0) gateway.log.debug("sdk logs are not stored", { events: sdkLogs });
      await gateway.accept(sourceOf(c, caller), "langfuse", accepted);
      return c.json({ successes, errors }, 207);
    }),
  );
}

async function projectCaller(c: Context<HttpEnv>, gateway: Gateway): Promise<ProjectCaller> {
  const caller = await authenticate(c.req.header("authorization"), gateway.keys);
  if (!caller.ok) throw batchUnauthorized(caller.message);
  if (caller.access === "organization") {
    throw batchUnauthorized("Missing projectId in scope. Are you using an organization key?");
  }
  return caller;
}

interface Verdict {
  readonly accepted: readonly AcceptedEvent[];
  readonly successes: readonly { id: string; status: 201 }[];
  readonly errors: readonly EventError[];
  /** Valid, but in no list: they are not stored. */
  readonly sdkLogs: number;
}

function judge(batch: readonly unknown[], document: JsonDocument, caller: ProjectCaller): Verdict {
  const events: LangfuseEvent[] = [];
  const accepted: AcceptedEvent[] = [];
  const invalid: EventError[] = [];
  const forbidden: EventError[] = [];
  let sdkLogs = 0;
  for (const [index, element] of batch.entries()) {
    const validated = document.tooDeep(element) ? tooDeep : validateEvent(element);
    if (!validated.ok) {
      invalid.push(eventError(element, 400, validated.issues));
      continue;
    }
    const { event } = validated;
    if (event.type === "sdk-log") {
      sdkLogs += 1;
    } else if (caller.access === "scores" && event.type !== "score-create") {
      forbidden.push(eventError(element, 401));
    } else {
      events.push(event);
      const text = document.elementText?.(index) ?? JSON.stringify(element);
      accepted.push({ owner: ownerOf(event), body: text });
    }
  }
  return { accepted, successes: successesOf(events), errors: [...invalid, ...forbidden], sdkLogs };
}

const tooDeep = {
  ok: false,
  issues: [{ code: "custom", path: [], message: "The event is nested too deeply" }],
} as const;

/** Creates by time, then updates by time (write-api §1.5). */
function successesOf(events: readonly LangfuseEvent[]): { id: string; status: 201 }[] {
  return events
    .map(({ id, type, timestamp }) => ({
      id,
      isUpdate: type.endsWith("-update") ? 1 : 0,
      at: Date.parse(timestamp),
    }))
    .sort((a, b) => a.isUpdate - b.isUpdate || a.at - b.at)
    .map(({ id }) => ({ id, status: 201 }));
}
