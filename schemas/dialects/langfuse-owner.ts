import type { RecordOwner } from "../records.ts";
import type { LangfuseEvent } from "./langfuse.ts";

/** An event that goes into the log. */
export type StoredEvent = Exclude<LangfuseEvent, { type: "sdk-log" }>;

/** A trace owns itself, its observations and its scores. */
export function ownerOf(event: StoredEvent): RecordOwner {
  const id = event.body.id ?? event.id;
  if (event.type === "trace-create") {
    return { traceId: event.body.id, sessionId: event.body.sessionId, id };
  }
  const sessionId = event.type === "score-create" ? event.body.sessionId : null;
  return { traceId: event.body.traceId, sessionId, id };
}
