import { langfuseFacts } from "./dialects/langfuse-facts.ts";
import { ownerOf } from "./dialects/langfuse-owner.ts";
import { validateEvent } from "./dialects/langfuse.ts";
import type { Deletion, Fact } from "./facts.ts";
import { parseJson } from "./json.ts";
import type { ParkReason } from "./parked.ts";
import { decodeRecord, ownerKey } from "./records.ts";
import type { DecodedRecord, DeleteBody, RecordHeader } from "./records.ts";

export type Mapping =
  | {
      readonly ok: true;
      readonly header: RecordHeader;
      readonly statements: readonly (Fact | Deletion)[];
    }
  | {
      readonly ok: false;
      /** Null when the bytes are not a record at all. */
      readonly header: RecordHeader | null;
      readonly reason: ParkReason;
      readonly detail: string;
    };

/** The gateway refuses deeper bodies by a setting that ends below this; here it only guards the stack. */
const depthMax = 2000;

/** Turns a record of the log into what it states. The same bytes give the same statements, always; it never throws. */
export function mapRecord(bytes: Buffer): Mapping {
  let record: DecodedRecord;
  try {
    record = decodeRecord(bytes);
  } catch (error) {
    return { ok: false, header: null, reason: "undecodable", detail: String(error) };
  }
  const { header } = record;
  try {
    switch (header.dialect) {
      case "langfuse":
        return mapLangfuse(record);
      case "delete":
        return { ok: true, header, statements: [deletionOf(record)] };
    }
    return {
      ok: false,
      header,
      reason: "undecodable",
      detail: `unknown dialect ${String(header.dialect)}`,
    };
  } catch (error) {
    return { ok: false, header, reason: "unmappable", detail: String(error) };
  }
}

/** The log key under which a parked record goes into the log again: its owner's where it can be told. */
export function ownerKeyOf(bytes: Buffer): string {
  const { header, body } = decodeRecord(bytes);
  if (header.dialect === "delete") {
    const { kind, id }: DeleteBody = JSON.parse(body);
    return ownerKey(header.project, kind === "trace" ? { traceId: id, id } : { id });
  }
  const validated = validateEvent(parseJson(body, { depthMax }).value);
  const isOwned = validated.ok && validated.event.type !== "sdk-log";
  return ownerKey(header.project, isOwned ? ownerOf(validated.event) : { id: header.keyId });
}

function mapLangfuse({ header, body }: DecodedRecord): Mapping {
  const validated = validateEvent(parseJson(body, { depthMax }).value);
  if (!validated.ok) {
    return { ok: false, header, reason: "unmappable", detail: JSON.stringify(validated.issues) };
  }
  const facts = langfuseFacts(header, validated.event);
  if (!facts)
    return {
      ok: false,
      header,
      reason: "no-id",
      detail: `${validated.event.type} without body.id`,
    };
  return { ok: true, header, statements: facts };
}

function deletionOf({ header, body }: DecodedRecord): Deletion {
  const { kind, id }: DeleteBody = JSON.parse(body);
  return { kind, project: header.project, id, deletedAt: header.receivedAt };
}
