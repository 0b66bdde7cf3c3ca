import type { StoredEvent } from "../../schemas/dialects/langfuse-owner.ts";
import { bodyTooLarge, unavailable } from "../../schemas/errors.ts";
import { positionAfter } from "../../schemas/position.ts";
import type { Position } from "../../schemas/position.ts";
import { HandedRecord, ownerKey, recordEncoder } from "../../schemas/records.ts";
import type { RecordHeader, RecordOwner } from "../../schemas/records.ts";
import { AppendError } from "../runtime/event-log/port.ts";
import type { EventLog } from "../runtime/event-log/port.ts";

export interface AcceptOptions {
  readonly eventLog: EventLog;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** The registry position that this process has folded. */
  readonly registryPosition: () => string;
}

/** Who sent it, as the record says it. */
export type Source = Pick<RecordHeader, "project" | "keyId" | "sdkName" | "sdkVersion">;

export interface AcceptedEvent {
  readonly owner: RecordOwner;
  /** The record's body: what the client sent, as text or in UTF-8. */
  readonly body: string | Buffer;
  /** Whether JSON.parse alone reads it as it was validated. */
  readonly isPlain: boolean;
  /** What a writer would make of the body, for one in this process. */
  readonly event?: StoredEvent;
}

/**
 * Makes the events of one request durable, in one append; resolves when they are. A 2xx may be sent after that and not
 * before. Rejects with a 503 ApiError when the log cannot take them now and with 413 when it never will.
 * Resolves to where they lie in the log; null when there were none.
 */
export type Accept = (
  source: Source,
  dialect: RecordHeader["dialect"],
  events: readonly AcceptedEvent[],
) => Promise<Position | null>;

/** The one path from every dialect's routes into the log. */
export function createAccept({ eventLog, now, registryPosition }: AcceptOptions): Accept {
  let receivedAt = 0;
  return async (source, dialect, events) => {
    if (events.length === 0) return null;
    // No await between here and the append: within a process, log order is the order of receivedAt, also when the
    // clock steps back.
    receivedAt = Math.max(receivedAt, now());
    const stampedAt = receivedAt;
    // A delete kills what was received until its own millisecond: what comes after it must not share that.
    if (dialect === "delete") receivedAt += 1;
    const header = { ...source, dialect, receivedAt: stampedAt, registry: registryPosition() };
    const encode = recordEncoder(header);
    const entries = events.map(({ owner, body, isPlain, event }) => ({
      key: ownerKey(source.project, owner),
      value: encode(body, isPlain),
      ...(event && { origin: new HandedRecord(header, event) }),
    }));
    try {
      const positions = await eventLog.append(entries);
      return positionAfter(eventLog.generation, positions);
    } catch (error) {
      throw answerFor(error);
    }
  };
}

function answerFor(cause: unknown): unknown {
  if (!(cause instanceof AppendError)) return cause;
  if (cause.kind === "too-large") return bodyTooLarge();
  const message =
    cause.kind === "closed"
      ? "The server is shutting down. Try again."
      : "The event log cannot take events now. Try again.";
  return unavailable(message, 1, { cause });
}
