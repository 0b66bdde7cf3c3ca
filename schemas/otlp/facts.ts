import { sortedRecord } from "../canonical.ts";
import { rank, step } from "../clock.ts";
import type { Rank } from "../clock.ts";
import type { ColumnValue, Fact } from "../facts.ts";
import { clockSkewMs } from "../key-hour.ts";
import type { RecordHeader } from "../records.ts";
import { storableMs } from "../time.ts";
import { mapSpan } from "./mapping/map-span.ts";
import type { MappedSpan } from "./mapping/map-span.ts";
import type { Times } from "./mapping/times.ts";
import type { OtelSpan } from "./span.ts";

/** What the facts of a span take from the record that brought it. */
export type SpanHeader = Pick<
  RecordHeader,
  "project" | "receivedAt" | "keyId" | "sdkName" | "sdkVersion"
>;

/**
 * What a span states: its observation first, then what it says of its trace. The same span again, as exporters repeat
 * it, states the same. `text` is the span's JSON, for who has it at hand. Never throws.
 */
export function spanFacts(
  header: SpanHeader,
  span: OtelSpan,
  text: string = JSON.stringify(span),
): Fact[] {
  const mapped = mapSpan(span, header.receivedAt);
  const facts = [observationFact(header, span, mapped, text), traceFact(header, span, mapped)];
  if (Object.keys(mapped.trace.metadata).length > 0) {
    facts.push(statedMetadata(header, span, mapped));
  }
  return facts;
}

function observationFact(
  header: SpanHeader,
  span: OtelSpan,
  mapped: MappedSpan,
  text: string,
): Fact {
  const statement = newStatement();
  state(statement, "trace_id", span.traceId);
  stateTime(statement, "start_time", mapped.times);
  stateOrDefault(statement, "environment", mapped.environment, "default");
  stateOrDefault(statement, "type", mapped.type, "SPAN");
  state(statement, "parent_id", span.parentSpanId || null);
  if (mapped.standing === "marked root") state(statement, "marked_root", true);
  state(statement, "name", mapped.name);
  // An event is a moment: it has no end.
  if (mapped.type !== "EVENT") state(statement, "end_time", mapped.times.endMs);
  state(statement, "completion_start_time", stored(mapped.completionStartMs));
  state(statement, "version", mapped.version);
  stateOrDefault(statement, "level", mapped.level, "DEFAULT");
  state(statement, "status_message", mapped.statusMessage);
  state(statement, "input", mapped.input);
  state(statement, "output", mapped.output);
  state(statement, "model", mapped.call.model);
  state(statement, "model_params", mapped.call.modelParameters);
  state(statement, "prompt_name", mapped.call.prompt?.name);
  state(statement, "prompt_version", mapped.call.prompt?.version);
  if (mapped.call.usage) {
    state(statement, "provided_usage", sortedRecord(mapped.call.usage));
    // Stated together; the mapping of the record fills in what the tiers of the project's models ask for.
    state(statement, "usage_attributes", {});
  }
  if (mapped.call.cost) state(statement, "provided_cost", sortedRecord(mapped.call.cost));
  state(statement, "otel", text);
  stateAttribution(statement, header, rank.explicit);
  const { startMs, endMs, endRest } = mapped.times;
  // Of two versions of one span the one that ended later is the more complete.
  const moment = { ms: endMs ?? startMs, rest: endRest };
  return factOf(header, span, "observation", statement, moment, mapped.metadata);
}

const standingRank = {
  root: rank.root,
  "marked root": rank.markedRoot,
  child: rank.child,
} as const;

/** A span below another says nothing of the trace's name, input and output, unless it is said of the trace. */
function traceFact(header: SpanHeader, span: OtelSpan, mapped: MappedSpan): Fact {
  const { trace, standing } = mapped;
  const own = standingRank[standing];
  const isRoot = standing !== "child";
  const statement = newStatement();
  stateTime(statement, "timestamp", mapped.times);
  // The earliest of all its spans, however they stand.
  if (mapped.times.isTimed) statement.ranks["timestamp"] = rank.child;
  stateOrDefault(statement, "environment", mapped.environment, "default");
  if (mapped.environment !== null) statement.ranks["environment"] = own;
  stateOrImply(statement, "name", trace.name, isRoot ? mapped.name : null, own);
  stateOrImply(statement, "input", trace.input, isRoot ? mapped.input : null, own);
  stateOrImply(statement, "output", trace.output, isRoot ? mapped.output : null, own);
  for (const [column, belonging] of [
    ["user_id", trace.user],
    ["session_id", trace.session],
  ] as const) {
    const isOfTrace = belonging?.isOfTrace ?? false;
    stateOrImply(statement, column, isOfTrace ? belonging?.id : null, belonging?.id, own);
  }
  stateOrImply(statement, "release", null, trace.release, own);
  stateOrImply(statement, "version", null, mapped.version, own);
  state(statement, "tags", trace.tags);
  // Once published it stays so: no span can take it back (otlp.md §4.2).
  state(statement, "public", trace.isPublic || null);
  stateAttribution(statement, header, own);
  statement.ranks["metadata"] = own;
  const implied = isRoot ? mapped.metadata : trace.sharedMetadata;
  const metadata = Object.keys(implied).length > 0 ? implied : null;
  return factOf(header, span, "trace", statement, startOf(mapped), metadata);
}

/** Metadata that is said of the trace outweighs what its root has under the same key. */
function statedMetadata(header: SpanHeader, span: OtelSpan, mapped: MappedSpan): Fact {
  const statement = newStatement();
  stateTime(statement, "timestamp", mapped.times);
  if (mapped.times.isTimed) statement.ranks["timestamp"] = rank.child;
  return factOf(header, span, "trace", statement, startOf(mapped), mapped.trace.metadata);
}

interface Moment {
  readonly ms: number;
  /** The digits below the millisecond. */
  readonly rest: string;
}

function startOf({ times }: MappedSpan): Moment {
  return { ms: times.startMs, rest: times.startRest };
}

function factOf(
  header: SpanHeader,
  span: OtelSpan,
  kind: "observation" | "trace",
  { columns, ranks }: Statement,
  { ms, rest }: Moment,
  metadata: Fact["metadata"],
): Fact {
  const { project, receivedAt } = header;
  return {
    kind,
    project,
    id: kind === "trace" ? span.traceId : span.spanId,
    receivedAt,
    time: Math.min(ms, receivedAt + clockSkewMs),
    step: step.create,
    event: `${rest}.${span.spanId}`,
    columns,
    ranks,
    metadata,
  };
}

interface Statement {
  readonly columns: Record<string, ColumnValue>;
  readonly ranks: Record<string, Rank>;
}

function newStatement(): Statement {
  return { columns: {}, ranks: {} };
}

/** Null says nothing. */
function state({ columns }: Statement, column: string, value: ColumnValue | undefined): void {
  if (value !== null && value !== undefined) columns[column] = value;
}

function stateOrDefault(
  statement: Statement,
  column: string,
  value: string | null,
  otherwise: string,
): void {
  statement.columns[column] = value ?? otherwise;
  if (value === null) statement.ranks[column] = rank.defaulted;
}

/** What was said of the trace, else what its span implies at the rank of its standing. */
function stateOrImply(
  statement: Statement,
  column: string,
  stated: string | null | undefined,
  implied: string | null | undefined,
  at: Rank,
): void {
  state(statement, column, stated ?? implied);
  if (!stated) statement.ranks[column] = at;
}

function stateTime(statement: Statement, column: string, { startMs, isTimed }: Times): void {
  statement.columns[column] = startMs;
  if (!isTimed) statement.ranks[column] = rank.defaulted;
}

function stateAttribution(statement: Statement, header: SpanHeader, at: Rank): void {
  state(statement, "key_id", header.keyId);
  state(statement, "sdk_name", header.sdkName);
  state(statement, "sdk_version", header.sdkVersion);
  if (at !== rank.explicit) statement.ranks["key_id"] = at;
}

function stored(ms: number | null): number | null {
  return ms === null ? null : storableMs(ms);
}
