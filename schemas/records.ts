import type { StoredEvent } from "./dialects/langfuse-owner.ts";

/**
 * A record of the event log: what a client sent, validated but not mapped, with what the gateway knew of it.
 *
 * Layout: one format byte, the header's length (u32, little endian), the header as JSON, the body's bytes as sent.
 * The body stays apart from the header so that neither is escaped inside the other.
 */

export interface RecordHeader {
  readonly project: string;
  /** Which mapping turns the body into facts. */
  readonly dialect: "langfuse" | "otlp" | "otlp-events" | "delete" | "loose";
  /** When the gateway had it, epoch milliseconds. Never changes, also when the record is appended again. */
  readonly receivedAt: number;
  /** The public key that sent it. */
  readonly keyId: string;
  readonly sdkName: string;
  readonly sdkVersion: string;
  /** The registry position the gateway had folded: the writer maps with no older configuration. */
  readonly registry: string;
  /** The log key under which a writer has appended it again, because what it is about lives there. */
  readonly routed?: string;
}

export interface DecodedRecord {
  readonly header: RecordHeader;
  readonly body: string;
  /** The gateway saw that JSON.parse reads the body as `parseJson` does, so that nobody need look again. */
  readonly isPlain: boolean;
}

/** A record of a Langfuse event as the gateway had it, for a writer in the same process: it need not decode its bytes. */
export class HandedRecord {
  readonly header: RecordHeader;
  /** Not to be changed. */
  readonly event: StoredEvent;

  constructor(header: RecordHeader, event: StoredEvent) {
    this.header = header;
    this.event = event;
  }
}

/** The body of a `delete` record. */
export interface DeleteBody {
  readonly kind: "trace" | "score";
  readonly id: string;
}

/**
 * The body of a `loose` record, which writers append for each other: rows that were written under a key which a later
 * record of the same entity may not have. Not routed, it goes to every partition; routed, to the owner of the rows.
 */
export interface LooseBody {
  readonly entities: readonly { readonly kind: "observation" | "score"; readonly id: string }[];
}

/** The first byte says how to read the rest, and of a body whether it is plain. */
const format = { careful: 1, plain: 2 } as const;
const prefixBytes = 5;

/** Encodes records that share one header; the header is turned to bytes once. A body of bytes is UTF-8. */
export function recordEncoder(
  header: RecordHeader,
): (body: string | Buffer, isPlain?: boolean) => Buffer {
  const json = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.allocUnsafe(prefixBytes + json.length);
  prefix.writeUInt32LE(json.length, 1);
  json.copy(prefix, prefixBytes);
  return (body, isPlain = false) => {
    const bodyBytes = typeof body === "string" ? Buffer.byteLength(body) : body.length;
    const record = Buffer.allocUnsafe(prefix.length + bodyBytes);
    record.set(prefix);
    record[0] = isPlain ? format.plain : format.careful;
    if (typeof body === "string") record.write(body, prefix.length);
    else record.set(body, prefix.length);
    return record;
  };
}

/** Throws an Error when the bytes are not a record of a format that this build knows. */
export function decodeRecord(bytes: Buffer): DecodedRecord {
  return recordDecoder()(bytes);
}

/** Decodes records one after the other: the header of one request's records is read once. */
export function recordDecoder(): (bytes: Buffer) => DecodedRecord {
  let known: { readonly bytes: Buffer; readonly header: RecordHeader } | null = null;
  return (bytes) => {
    const first = bytes.length < prefixBytes ? -1 : bytes.readUInt8(0);
    if (first !== format.careful && first !== format.plain) {
      throw new Error("not a record: unknown format byte");
    }
    const bodyStart = prefixBytes + bytes.readUInt32LE(1);
    if (bodyStart > bytes.length) throw new Error("not a record: the header is cut off");
    const json = bytes.subarray(prefixBytes, bodyStart);
    if (!known?.bytes.equals(json)) known = { bytes: json, header: JSON.parse(json.toString()) };
    return {
      header: known.header,
      body: bytes.toString("utf8", bodyStart),
      isPlain: first === format.plain,
    };
  };
}

export interface RecordOwner {
  readonly traceId?: string | null | undefined;
  readonly sessionId?: string | null | undefined;
  /** The entity's own id, or the event's where the entity has none. */
  readonly id: string;
}

/**
 * The log key that decides which writer owns the row: the trace where one is named, else the session, else the id.
 * Parts are joined by a carriage return, the one character that the contract forbids in ids.
 */
export function ownerKey(project: string, owner: RecordOwner): string {
  if (owner.traceId) return `trace\r${project}\r${owner.traceId}`;
  if (owner.sessionId) return `session\r${project}\r${owner.sessionId}`;
  return `id\r${project}\r${owner.id}`;
}
