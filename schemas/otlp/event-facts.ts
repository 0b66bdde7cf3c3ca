import { rank } from "../clock.ts";
import type { Rank } from "../clock.ts";
import { langfuseFacts } from "../dialects/langfuse-facts.ts";
import { validateEvent } from "../dialects/langfuse.ts";
import type { LangfuseEvent } from "../dialects/langfuse.ts";
import type { ColumnValue, Fact } from "../facts.ts";
import type { RecordHeader } from "../records.ts";
import { isoOf } from "../time.ts";
import { derivedUuid } from "../uuid.ts";
import { spanFacts } from "./facts.ts";
import { timesOf } from "./mapping/times.ts";
import { asNumber, asText, plainMap } from "./mapping/values.ts";
import type { OtelEvent, OtelSpan } from "./span.ts";

/** Events of the GenAI conventions that say what went into a model and what came out of it. */
const contentEvents: ReadonlySet<string> = new Set([
  "gen_ai.client.inference.operation.details",
  "gen_ai.system.message",
  "gen_ai.user.message",
  "gen_ai.assistant.message",
  "gen_ai.tool.message",
  "gen_ai.choice",
  "gen_ai.content.prompt",
  "gen_ai.content.completion",
]);

const evaluationEvent = "gen_ai.evaluation.result";

/** Whether something is made of an event that came in a log record: of the other records nothing is kept. */
export function isGenAiEvent(event: OtelEvent): boolean {
  return contentEvents.has(event.name) || evaluationOf(event) !== null;
}

/**
 * What events that came apart from their span state: its input and output, which the span's own outweigh, and scores
 * of it. `span` holds the ids and nothing but events. Never throws.
 */
export function eventFacts(header: RecordHeader, span: OtelSpan): Fact[] {
  const [observation] = spanFacts(header, span);
  if (!observation) return [];
  const { columns } = observation;
  const scores = span.events.flatMap((event) => scoreFacts(header, span, event, columns));
  const hasContent = columns["input"] !== undefined || columns["output"] !== undefined;
  return hasContent ? [contentFact(observation), ...scores] : scores;
}

/** What the row needs when the span itself never comes; the span says better. */
const placeholders = ["start_time", "environment", "level", "key_id", "sdk_name", "sdk_version"];

function contentFact(observation: Fact): Fact {
  const columns: Record<string, ColumnValue> = { type: "GENERATION" };
  const ranks: Record<string, Rank> = { type: rank.defaulted };
  const state = (column: string, at: Rank): void => {
    const value = observation.columns[column];
    if (value === undefined) return;
    columns[column] = value;
    ranks[column] = at;
  };
  state("trace_id", rank.explicit);
  state("input", rank.derived);
  state("output", rank.derived);
  for (const column of placeholders) state(column, rank.defaulted);
  return { ...observation, columns, ranks, metadata: null };
}

function scoreFacts(
  header: RecordHeader,
  span: OtelSpan,
  event: OtelEvent,
  { environment }: Fact["columns"],
): readonly Fact[] {
  const score = scoreOf(header, span, event, environment);
  return (score && langfuseFacts(header, score)) ?? [];
}

/** An evaluation as the score event that it amounts to; a repeat of it has the same id. Null for other events. */
function scoreOf(
  header: RecordHeader,
  span: OtelSpan,
  event: OtelEvent,
  environment: ColumnValue | undefined,
): LangfuseEvent | null {
  const evaluation = evaluationOf(event);
  if (!evaluation) return null;
  const { traceId, spanId } = span;
  const id = derivedUuid(header.project, traceId, spanId, JSON.stringify(event));
  const timestamp = isoOf(timesOf({ ...span, startNanos: event.nanos }, header.receivedAt).startMs);
  const body = { ...evaluation, id, traceId, observationId: spanId, environment };
  const validated = validateEvent({ id, type: "score-create", timestamp, body });
  return validated.ok ? validated.event : null;
}

/** The parts of a score's body that an evaluation gives. Null for other events, and without a name or a value. */
function evaluationOf(event: OtelEvent): object | null {
  if (event.name !== evaluationEvent) return null;
  const said = plainMap(event.attributes);
  const name = asText(said["gen_ai.evaluation.name"]);
  const number = asNumber(said["gen_ai.evaluation.score.value"]);
  const label = asText(said["gen_ai.evaluation.score.label"]);
  if (name === null || (number === null && label === null)) return null;
  const response = asText(said["gen_ai.response.id"]);
  return {
    name,
    value: number ?? label,
    dataType: number === null ? "CATEGORICAL" : "NUMERIC",
    comment: asText(said["gen_ai.evaluation.explanation"]),
    metadata: {
      ...(number !== null && label !== null && { label }),
      ...(response !== null && { responseId: response }),
    },
  };
}
