import type { Filter } from "../../schemas/filters.ts";
import type { StoredScore, StoredScoreTrace } from "../../schemas/public-api/score.ts";
import type { Page } from "../engine.ts";
import {
  allOf,
  equals,
  holdsAll,
  isAnyOf,
  isWithin,
  whereOf,
  type Condition,
  type ProjectReader,
  type TimeRange,
} from "./conditions.ts";
import { scoreFilterSql } from "./filters-columns.ts";
import { environmentConditions, filterConditions } from "./filters.ts";
import { inOrderOf, isAt, type RowKey } from "./keys.ts";
import { newestRows } from "./newest.ts";
import type { Slice } from "./windows.ts";

export const scoreOperators = ["=", "!=", "<", ">", "<=", ">="] as const;

export interface ScoreFilter extends TimeRange {
  /** Only what the first API version knows: scores of traces and observations, no corrections. */
  readonly onlyV1: boolean;
  readonly ids?: readonly string[] | undefined;
  readonly name?: string | undefined;
  readonly source?: string | undefined;
  readonly dataType?: string | undefined;
  readonly configId?: string | undefined;
  readonly queueId?: string | undefined;
  readonly traceId?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly datasetRunId?: string | undefined;
  readonly observationIds?: readonly string[] | undefined;
  readonly environment?: readonly string[] | undefined;
  readonly value?: { readonly operator: (typeof scoreOperators)[number]; readonly number: number };
  /** What the trace must be; null: scores are shown whether their trace is known or not. */
  readonly trace: ScoreTraceFilter | null;
  readonly advanced: Filter;
}

export interface ScoreTraceFilter {
  readonly userId?: string | undefined;
  readonly tags?: readonly string[] | undefined;
}

export interface ScoreKey extends RowKey {
  readonly trace_id: string;
}

/** The scores of one page, the newest first, by key only, and how many the list has. */
export async function pageOfScores(
  reader: ProjectReader,
  filter: ScoreFilter,
  slice: Slice,
): Promise<Page<ScoreKey>> {
  const where = scoreWhere(reader, filter);
  return await reader.db.page<ScoreKey>(
    `SELECT id, trace_id, toUnixTimestamp(key_hour) AS hour
     FROM sluice.scores FINAL
     WHERE ${where.sql}
     ORDER BY timestamp DESC, id DESC
     LIMIT {limit:UInt32} OFFSET {offset:UInt64}`,
    { ...where.params, ...slice },
    reader.budget,
  );
}

export async function scoresByKey(
  reader: ProjectReader,
  keys: readonly ScoreKey[],
): Promise<StoredScore[]> {
  if (keys.length === 0) return [];
  const traceIds = [...new Set(keys.map((key) => key.trace_id))];
  const rows = await readScores(reader, [isAnyOf("t.trace_id", traceIds, "trace_ids"), isAt(keys)]);
  return inOrderOf(keys, rows);
}

export async function scoreById(
  reader: ProjectReader,
  id: string,
  { onlyV1 }: { readonly onlyV1: boolean },
): Promise<StoredScore | undefined> {
  const rows = await readScores(reader, [equals("id", id), onlyV1 ? knownToV1 : undefined]);
  return rows[0];
}

/** The scores of a trace and its observations, as the first API version knows them; the newest first. */
export async function scoresOfTrace(
  reader: ProjectReader,
  traceId: string,
): Promise<StoredScore[]> {
  const isOfTrace = equals("trace_id", traceId);
  return await readScores(reader, [isOfTrace, knownToV1], "timestamp DESC, id DESC");
}

/** What a list shows of the traces of its scores. */
export async function tracesOfScores(
  reader: ProjectReader,
  traceIds: readonly string[],
): Promise<Map<string, StoredScoreTrace>> {
  if (traceIds.length === 0) return new Map();
  const where = whereOf(reader, [isAnyOf("id", traceIds)]);
  const rows = await reader.db.query<StoredScoreTrace>(
    newestRows("traces", "id, user_id, session_id, tags, environment", where),
    where.params,
    reader.budget,
  );
  return new Map(rows.map((row) => [row.id, row]));
}

async function readScores(
  reader: ProjectReader,
  conditions: readonly (Condition | undefined)[],
  order?: string,
): Promise<StoredScore[]> {
  const where = whereOf(reader, conditions);
  const columns = `
       project_id, id, trace_id, observation_id, session_id, dataset_run_id, timestamp, name, source, data_type,
       value, string_value, comment, environment, metadata, config_id, queue_id, execution_trace_id,
       author_user_id, created_at, updated_at`;
  return await reader.db.query<StoredScore>(
    newestRows("scores", columns, where, order),
    where.params,
    reader.budget,
  );
}

const knownToV1: Condition = {
  sql: "session_id = '' AND dataset_run_id = '' AND data_type != 'CORRECTION'",
  params: {},
};

function scoreWhere(reader: ProjectReader, filter: ScoreFilter): Condition {
  const own = whereOf(reader, [
    filter.onlyV1 ? knownToV1 : undefined,
    isAnyOf("id", filter.ids, "ids"),
    equals("name", filter.name),
    equals("source", filter.source),
    equals("data_type", filter.dataType),
    equals("config_id", filter.configId),
    equals("queue_id", filter.queueId),
    equals("trace_id", filter.traceId),
    equals("session_id", filter.sessionId),
    equals("dataset_run_id", filter.datasetRunId),
    isAnyOf("observation_id", filter.observationIds),
    isAnyOf("environment", filter.environment),
    comparesTo(filter.value),
    isWithin("timestamp", filter, reader.now),
    ...filterConditions(reader, filter.advanced, scoreFilterSql),
  ]);
  return filter.trace ? allOf([own, traceIsThere(reader, own, filter, filter.trace)]) : own;
}

/**
 * The score's trace is stored and is as asked. Where only its being there is asked, and only of a stretch of time, the
 * traces are looked up by the ids that the scores at hand name: a third of the time of listing all traces.
 */
function traceIsThere(
  reader: ProjectReader,
  scores: Condition,
  filter: ScoreFilter,
  trace: ScoreTraceFilter,
): Condition {
  const asksOfTrace = trace.userId !== undefined || trace.tags !== undefined;
  const isNamed = {
    sql: `id IN (SELECT trace_id FROM sluice.scores WHERE ${scores.sql})`,
    params: {},
  };
  const where = whereOf(reader, [
    equals("user_id", trace.userId),
    holdsAll("tags", trace.tags),
    ...(asksOfTrace
      ? [
          isAnyOf("environment", filter.environment),
          ...environmentConditions(filter.advanced, scoreFilterSql),
        ]
      : []),
    !asksOfTrace && filter.from !== undefined ? isNamed : undefined,
  ]);
  const stored = `trace_id IN (SELECT id FROM sluice.traces FINAL WHERE ${where.sql})`;
  return { sql: asksOfTrace ? stored : `(trace_id = '' OR ${stored})`, params: where.params };
}

function comparesTo(value: ScoreFilter["value"]): Condition | undefined {
  if (value === undefined) return undefined;
  return {
    sql: `data_type != 'TEXT' AND value ${value.operator} {value:Float64}`,
    params: { value: value.number },
  };
}
