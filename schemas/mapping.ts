import { withCostBasis } from "./cost-basis.ts";
import { langfuseFacts } from "./dialects/langfuse-facts.ts";
import { ownerOf } from "./dialects/langfuse-owner.ts";
import { validateEvent } from "./dialects/langfuse.ts";
import type { LangfuseEvent } from "./dialects/langfuse.ts";
import type { Deletion, Fact } from "./facts.ts";
import { parseJson } from "./json.ts";
import type { ParkReason } from "./parked.ts";
import { eventFacts } from "./otlp/event-facts.ts";
import { spanFacts } from "./otlp/facts.ts";
import type { OtelSpan } from "./otlp/span.ts";
import { decodeRecord, HandedRecord, ownerKey } from "./records.ts";
import type { DecodedRecord, DeleteBody, RecordHeader } from "./records.ts";
import type { Registry } from "./registry.ts";
import { isConfigured, judgeScore } from "./score-configs.ts";

export type Mapping =
  | { readonly ok: true; readonly statements: readonly (Fact | Deletion)[] }
  | { readonly ok: false; readonly reason: ParkReason; readonly detail: string };

/** The gateway refuses deeper bodies by a setting that ends below this; here it only guards the stack. */
const depthMax = 2000;

/**
 * Turns a record of the log into what it states. The same record gives the same statements, always; it never throws.
 * `registry` must have passed the record's position: configuration is taken as it was there, whatever came later.
 */
export function mapRecord(record: DecodedRecord | HandedRecord, registry: Registry): Mapping {
  try {
    return record instanceof HandedRecord
      ? mapEvent(record.header, record.event, registry)
      : mapDecoded(record, registry);
  } catch (error) {
    return { ok: false, reason: "unmappable", detail: String(error) };
  }
}

function mapDecoded(record: DecodedRecord, registry: Registry): Mapping {
  const { dialect } = record.header;
  switch (dialect) {
    case "langfuse":
      return mapLangfuse(record, registry);
    case "otlp":
      return mapSpan(record, registry);
    case "otlp-events":
      return { ok: true, statements: eventFacts(record.header, spanOf(record)) };
    case "delete":
      return { ok: true, statements: [deletionOf(record)] };
    // It tells writers where to look; of the entities it names it states nothing.
    case "loose":
      return { ok: true, statements: [] };
  }
  return { ok: false, reason: "undecodable", detail: `unknown dialect ${String(dialect)}` };
}

/** The log key under which a parked record goes into the log again: its owner's where it can be told. */
export function ownerKeyOf(bytes: Buffer): string {
  const record = decodeRecord(bytes);
  const { header, body } = record;
  if (header.routed !== undefined) return header.routed;
  if (header.dialect === "delete") {
    const { kind, id }: DeleteBody = JSON.parse(body);
    return ownerKey(header.project, kind === "trace" ? { traceId: id, id } : { id });
  }
  if (header.dialect === "otlp" || header.dialect === "otlp-events") {
    const { traceId, spanId } = spanOf(record);
    return ownerKey(header.project, { traceId, id: spanId });
  }
  const validated = validateEvent(parseJson(body, { depthMax }).value);
  const isOwned = validated.ok && validated.event.type !== "sdk-log";
  return ownerKey(header.project, isOwned ? ownerOf(validated.event) : { id: header.keyId });
}

function mapLangfuse({ header, body, isPlain }: DecodedRecord, registry: Registry): Mapping {
  const { value, rounded } = isPlain ? plainly(body) : parseJson(body, { depthMax });
  const validated = validateEvent(value, rounded);
  if (!validated.ok) {
    return { ok: false, reason: "unmappable", detail: JSON.stringify(validated.issues) };
  }
  return mapEvent(header, validated.event, registry);
}

function mapEvent(header: RecordHeader, event: LangfuseEvent, registry: Registry): Mapping {
  const position = Number(header.registry);
  let configured: Fact["columns"] | null = null;
  if (event.type === "score-create" && isConfigured(event.body)) {
    const config = registry.scoreConfigs.at(header.project, event.body.configId ?? "", position);
    const judgement = judgeScore(event.body, config);
    if (!judgement.ok) {
      return { ok: false, reason: "score-config", detail: judgement.issue.message };
    }
    configured = judgement.columns;
  }
  const facts = langfuseFacts(header, event);
  if (!facts) return { ok: false, reason: "no-id", detail: `${event.type} without body.id` };
  const statements = facts.map((fact) =>
    configured
      ? { ...fact, columns: { ...fact.columns, ...configured } }
      : withCostBasis(fact, position, registry.models),
  );
  return { ok: true, statements };
}

function mapSpan(record: DecodedRecord, registry: Registry): Mapping {
  const { header } = record;
  const facts = spanFacts(header, spanOf(record));
  const position = Number(header.registry);
  const statements = facts.map((fact) => withCostBasis(fact, position, registry.models));
  return { ok: true, statements };
}

/** The gateway decoded it and wrote it as JSON of its own. */
function spanOf({ body }: DecodedRecord): OtelSpan {
  return JSON.parse(body);
}

function plainly(body: string): { readonly value: unknown; readonly rounded: unknown } {
  const value: unknown = JSON.parse(body);
  return { value, rounded: value };
}

function deletionOf({ header, body }: DecodedRecord): Deletion {
  const { kind, id }: DeleteBody = JSON.parse(body);
  return { kind, project: header.project, id, deletedAt: header.receivedAt };
}
