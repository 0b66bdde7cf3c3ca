import {
  isoOfColumn,
  orNull,
  parseMetadata,
  type JsonValue,
  type StoredMetadata,
} from "./stored-value.ts";

export const scoreDataTypes = ["NUMERIC", "BOOLEAN", "CATEGORICAL", "TEXT", "CORRECTION"] as const;
export const scoreSources = ["API", "EVAL", "ANNOTATION"] as const;

/** A row of `scores` as a read brings it. */
export interface StoredScore {
  readonly project_id: string;
  readonly id: string;
  readonly trace_id: string;
  readonly observation_id: string;
  readonly session_id: string;
  readonly dataset_run_id: string;
  readonly timestamp: string;
  readonly name: string;
  readonly source: string;
  readonly data_type: (typeof scoreDataTypes)[number];
  readonly value: number;
  readonly string_value: string;
  readonly comment: string;
  readonly environment: string;
  readonly metadata: StoredMetadata;
  readonly config_id: string;
  readonly queue_id: string;
  readonly execution_trace_id: string;
  readonly author_user_id: string;
  readonly created_at: string;
  readonly updated_at: string;
}

/** What a score in a list shows of its trace. */
export interface StoredScoreTrace {
  readonly id: string;
  readonly user_id: string;
  readonly session_id: string;
  readonly tags: readonly string[];
  readonly environment: string;
}

/** A score of the first API version (read-api §7.4): of a trace or an observation, never a correction. */
export interface ScoreV1 {
  id: string;
  projectId: string;
  timestamp: string;
  createdAt: string;
  updatedAt: string;
  environment: string;
  name: string;
  source: string;
  dataType: string;
  /** Left out for TEXT. */
  value?: number;
  stringValue: string | null;
  comment: string | null;
  authorUserId: string | null;
  configId: string | null;
  queueId: string | null;
  executionTraceId: string | null;
  metadata: Record<string, JsonValue>;
  traceId: string;
  observationId: string | null;
}

/** A score of the second API version, of whatever it scores. */
export interface ScoreV2 extends Omit<ScoreV1, "traceId"> {
  traceId: string | null;
  sessionId: string | null;
  datasetRunId: string | null;
}

export interface ScoreTraceV1 {
  userId: string | null;
  tags: readonly string[];
  environment: string;
}

export interface ScoreTraceV2 extends ScoreTraceV1 {
  sessionId: string | null;
}

export function scoreV1Of(row: StoredScore): ScoreV1 {
  return {
    id: row.id,
    projectId: row.project_id,
    timestamp: isoOfColumn(row.timestamp),
    createdAt: isoOfColumn(row.created_at),
    updatedAt: isoOfColumn(row.updated_at),
    environment: row.environment || "default",
    name: row.name,
    source: row.source,
    dataType: row.data_type,
    ...(row.data_type === "TEXT" ? {} : { value: row.value }),
    stringValue: row.data_type === "NUMERIC" ? null : row.string_value,
    comment: orNull(row.comment),
    authorUserId: orNull(row.author_user_id),
    configId: orNull(row.config_id),
    queueId: orNull(row.queue_id),
    executionTraceId: orNull(row.execution_trace_id),
    metadata: parseMetadata(row.metadata),
    traceId: row.trace_id,
    observationId: orNull(row.observation_id),
  };
}

export function scoreV2Of(row: StoredScore): ScoreV2 {
  return {
    ...scoreV1Of(row),
    traceId: orNull(row.trace_id),
    sessionId: orNull(row.session_id),
    datasetRunId: orNull(row.dataset_run_id),
  };
}

export function scoreTraceV1Of(trace: StoredScoreTrace): ScoreTraceV1 {
  return {
    userId: orNull(trace.user_id),
    tags: trace.tags,
    environment: trace.environment || "default",
  };
}

export function scoreTraceV2Of(trace: StoredScoreTrace): ScoreTraceV2 {
  return { ...scoreTraceV1Of(trace), sessionId: orNull(trace.session_id) };
}
