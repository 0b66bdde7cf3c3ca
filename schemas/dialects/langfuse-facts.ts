import { sortedRecord } from "../canonical.ts";
import { rank, step } from "../clock.ts";
import type { Rank, Step } from "../clock.ts";
import type { ColumnValue, Fact } from "../facts.ts";
import { clockSkewMs } from "../key-hour.ts";
import type { RecordHeader } from "../records.ts";
import { millisOf, storableMs } from "../time.ts";
import { derivedUuid } from "../uuid.ts";
import type { LangfuseEvent } from "./langfuse.ts";
import { metadataOf, payloadOf } from "./langfuse-payload.ts";
import { providedCost, providedUsage } from "./langfuse-provided.ts";
import type { Counted } from "./langfuse-provided.ts";

/** What the columns state and, where it was not the client who said so, how strongly. */
interface Statement {
  readonly columns: Record<string, ColumnValue>;
  readonly ranks: Record<string, Rank>;
}

/**
 * The fact that a validated event states. Null when it names no entity: the contract answers such an event as accepted
 * (write-api §1.5), though there is nothing to store it under.
 */
export function langfuseFacts(header: RecordHeader, event: LangfuseEvent): readonly Fact[] | null {
  if (event.type === "sdk-log") return [];
  const { body } = event;
  if (!body.id) return null;
  const envelopeTime = millisOf(event.timestamp);
  const statement =
    event.type === "trace-create"
      ? traceStatement(event.body, envelopeTime)
      : event.type === "score-create"
        ? scoreStatement(event.body, envelopeTime)
        : observationStatement(header, event, body.id, envelopeTime);
  Object.assign(statement.columns, {
    key_id: header.keyId,
    sdk_name: header.sdkName,
    sdk_version: header.sdkVersion,
  });
  return [
    {
      kind: kindOf(event.type),
      project: header.project,
      id: body.id,
      receivedAt: header.receivedAt,
      time: Math.min(envelopeTime, header.receivedAt + clockSkewMs),
      step: stepOf(event),
      event: event.id,
      columns: statement.columns,
      ranks: statement.ranks,
      metadata: metadataOf(body.metadata),
    },
  ];
}

function stepOf({ type, body }: Exclude<LangfuseEvent, { readonly type: "sdk-log" }>): Step {
  if (!type.endsWith("-update")) return step.create;
  return "endTime" in body && body.endTime ? step.end : step.update;
}

type EventType = Exclude<LangfuseEvent["type"], "sdk-log">;

function kindOf(type: EventType): Fact["kind"] {
  if (type === "trace-create") return "trace";
  return type === "score-create" ? "score" : "observation";
}

function traceStatement(body: BodyOf<"trace-create">, envelopeTime: number): Statement {
  const statement = newStatement();
  stateTime(statement, "timestamp", body.timestamp, envelopeTime);
  stateEnvironment(statement, body.environment);
  stateOrClear(statement, "name", body.name);
  stateOrClear(statement, "user_id", body.userId);
  stateOrClear(statement, "session_id", body.sessionId);
  stateOrClear(statement, "release", body.release);
  stateOrClear(statement, "version", body.version);
  state(statement, "tags", body.tags);
  state(statement, "public", body.public);
  statePayload(statement, "input", body.input);
  statePayload(statement, "output", body.output);
  return statement;
}

type ObservationEvent = Exclude<
  LangfuseEvent,
  { type: "trace-create" | "score-create" | "sdk-log" }
>;

function observationStatement(
  header: RecordHeader,
  event: ObservationEvent,
  id: string,
  envelopeTime: number,
): Statement {
  const { body } = event;
  const statement = newStatement();
  stateOrDefault(statement, "trace_id", body.traceId, () => derivedUuid(header.project, id));
  stateTime(statement, "start_time", body.startTime, envelopeTime);
  stateEnvironment(statement, "environment" in body ? body.environment : null);
  statement.columns["type"] = typeOf(event);
  // An update says what it is sent with, which must not turn an agent or a tool into a span.
  if (event.type.endsWith("-update")) statement.ranks["type"] = rank.derived;
  state(statement, "parent_id", body.parentObservationId);
  stateOrClear(statement, "name", body.name);
  state(statement, "version", body.version);
  stateOrDefault(statement, "level", body.level, () => "DEFAULT", body.level === null);
  state(statement, "status_message", body.statusMessage);
  statePayload(statement, "input", body.input);
  statePayload(statement, "output", body.output);
  if (event.type === "event-create") return statement;
  stateMoment(statement, "end_time", event.body.endTime);
  if (event.type === "span-create" || event.type === "span-update") return statement;
  stateGeneration(statement, event.body);
  return statement;
}

interface GenerationParts extends Counted {
  readonly completionStartTime?: string | null | undefined;
  readonly model?: string | null | undefined;
  readonly modelParameters?: unknown;
  /** Both or neither; the legacy `observation-*` events have none. */
  readonly promptName?: string | null | undefined;
  readonly promptVersion?: number | null | undefined;
}

function stateGeneration(statement: Statement, body: GenerationParts): void {
  stateMoment(statement, "completion_start_time", body.completionStartTime);
  stateOrClear(statement, "model", body.model);
  if (body.modelParameters) {
    statement.columns["model_params"] = JSON.stringify(body.modelParameters);
  }
  const usage = providedUsage(body);
  if (usage) {
    statement.columns["provided_usage"] = sortedRecord(usage);
    // Stated together; the mapping fills in what the tiers of the project's models ask for.
    statement.columns["usage_attributes"] = {};
  }
  const cost = providedCost(body);
  if (cost) statement.columns["provided_cost"] = sortedRecord(cost);
  if (body.promptName && body.promptVersion) {
    statement.columns["prompt_name"] = body.promptName;
    statement.columns["prompt_version"] = body.promptVersion;
  }
}

function scoreStatement(body: BodyOf<"score-create">, envelopeTime: number): Statement {
  const statement = newStatement();
  stateOrDefault(statement, "trace_id", body.traceId, () => "");
  statement.columns["timestamp"] = storableMs(envelopeTime);
  stateEnvironment(statement, body.environment);
  state(statement, "name", body.name);
  stateOrDefault(statement, "source", body.source, () => "API");
  Object.assign(statement.columns, scoreValue(body));
  stateOrClear(statement, "comment", body.comment);
  stateOrClear(statement, "observation_id", body.observationId);
  state(statement, "session_id", body.sessionId);
  state(statement, "dataset_run_id", body.datasetRunId);
  state(statement, "config_id", body.configId);
  state(statement, "queue_id", body.queueId);
  state(statement, "execution_trace_id", body.executionTraceId);
  return statement;
}

/** The three columns of a score's value (write-api §2.7): a label has the number 0, a boolean has its name. */
function scoreValue(body: BodyOf<"score-create">): Record<string, ColumnValue> {
  const dataType = body.dataType ?? (typeof body.value === "number" ? "NUMERIC" : "CATEGORICAL");
  const isText = typeof body.value === "string";
  const text = dataType === "BOOLEAN" ? (body.value === 1 ? "True" : "False") : "";
  return {
    data_type: dataType,
    // Adding 0 turns -0 into 0: the column's text form cannot tell them apart.
    value: isText ? 0 : Number(body.value) + 0,
    string_value: isText ? String(body.value) : text,
  };
}

type BodyOf<Type extends LangfuseEvent["type"]> = Extract<LangfuseEvent, { type: Type }>["body"];

/** `span-create` is a SPAN, `agent-update` would be an AGENT; legacy `observation-*` events name their type. */
function typeOf(event: ObservationEvent): string {
  return "type" in event.body ? event.body.type : event.type.replace(/-.*/, "").toUpperCase();
}

function newStatement(): Statement {
  return { columns: {}, ranks: {} };
}

/** Null and absent say nothing. */
function state(statement: Statement, column: string, value: ColumnValue | undefined): void {
  if (value !== null && value !== undefined) statement.columns[column] = value;
}

/** Null clears, absent says nothing (write-api §3.3). */
function stateOrClear(
  statement: Statement,
  column: string,
  value: string | null | undefined,
): void {
  if (value !== undefined) statement.columns[column] = value ?? "";
}

/** What the client left out, or left empty, gets a default that any stated value outweighs. */
function stateOrDefault(
  statement: Statement,
  column: string,
  value: string | null | undefined,
  otherwise: () => string,
  isCleared = false,
): void {
  statement.columns[column] = value || otherwise();
  if (!value && !isCleared) statement.ranks[column] = rank.defaulted;
}

function stateEnvironment(statement: Statement, environment: string | null): void {
  stateOrDefault(statement, "environment", environment, () => "default");
}

/** The envelope's time stands in for one that the client left out. */
function stateTime(
  statement: Statement,
  column: string,
  stated: string | null | undefined,
  envelopeTime: number,
): void {
  statement.columns[column] = storableMs(stated ? millisOf(stated) : envelopeTime);
  if (!stated) statement.ranks[column] = rank.defaulted;
}

function stateMoment(
  statement: Statement,
  column: string,
  stated: string | null | undefined,
): void {
  if (stated) statement.columns[column] = storableMs(millisOf(stated));
}

/** A falsy payload (0, false) gives way to any other, whatever came later (write-api §3.2). */
function statePayload(statement: Statement, column: string, value: unknown): void {
  const payload = payloadOf(value);
  if (payload === null) return;
  statement.columns[column] = payload;
  if (!value) statement.ranks[column] = rank.defaulted;
}
