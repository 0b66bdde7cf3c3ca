import type { Filter } from "../../schemas/filters.ts";
import type { StoredTraceContext } from "../../schemas/public-api/observation-v2.ts";
import {
  equals,
  isAnyOf,
  isWithin,
  whereOf,
  type Condition,
  type ProjectReader,
  type TimeRange,
} from "./conditions.ts";
import { observationV2FilterSql } from "./filters-columns.ts";
import { filterConditions } from "./filters.ts";
import type { ObservationKey } from "./observations.ts";
import { newestUpTo } from "./windows.ts";

export interface ObservationV2Filter extends TimeRange {
  readonly type?: string | undefined;
  readonly name?: string | undefined;
  readonly level?: string | undefined;
  readonly traceId?: string | undefined;
  readonly version?: string | undefined;
  /** Empty: without a parent. */
  readonly parentObservationId?: string | undefined;
  readonly isRootObservation?: boolean | undefined;
  readonly environment?: readonly string[] | undefined;
  /** Of the trace that the observation belongs to. */
  readonly userId?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly advanced: Filter;
}

export interface ObservationV2Key extends ObservationKey {
  /** As ClickHouse prints it. */
  readonly start_time: string;
}

/** A place in the list: rows that come after it are older, or of the same moment and lower ids. */
export interface ObservationPlace {
  /** Epoch milliseconds. */
  readonly startTime: number;
  readonly traceId: string;
  readonly id: string;
}

/**
 * The keys of the first `limit` observations behind `after`, the newest first. Within one moment trace and id decide,
 * which no two rows share: so no page skips or repeats a row, whatever is written in between.
 */
export async function observationsBehind(
  reader: ProjectReader,
  filter: ObservationV2Filter,
  after: ObservationPlace | undefined,
  limit: number,
): Promise<ObservationV2Key[]> {
  // Says of the sort key and the index of times what the condition on the place says of single rows.
  const to = Math.min(filter.to ?? Infinity, after ? after.startTime + 1 : Infinity);
  const range = { from: filter.from, to: to === Infinity ? undefined : to };
  return await newestUpTo(range, reader.now, limit, (window, missing) => {
    const where = whereOf(reader, [
      ...conditionsOf(reader, filter),
      isWithin("start_time", window, reader.now),
      after && isBehind(after),
    ]);
    return reader.db.query<ObservationV2Key>(
      `SELECT id, trace_id, start_time, toUnixTimestamp(key_hour) AS hour
       FROM sluice.observations FINAL
       WHERE ${where.sql}
       ORDER BY start_time DESC, trace_id DESC, id DESC
       LIMIT {limit:UInt32}`,
      { ...where.params, limit: missing },
      reader.budget,
    );
  });
}

/** What observations show of their traces, by trace id; a trace that is not stored has no entry. */
export async function contextOfTraces(
  reader: ProjectReader,
  traceIds: readonly string[],
): Promise<Map<string, StoredTraceContext>> {
  if (traceIds.length === 0) return new Map();
  const where = whereOf(reader, [isAnyOf("id", traceIds, "ids")]);
  const rows = await reader.db.query<StoredTraceContext>(
    `SELECT id, name, user_id, session_id, release, tags, public, bookmarked
     FROM sluice.traces FINAL
     WHERE ${where.sql}`,
    where.params,
    reader.budget,
  );
  return new Map(rows.map((row) => [row.id, row]));
}

function conditionsOf(
  reader: ProjectReader,
  filter: ObservationV2Filter,
): readonly (Condition | undefined)[] {
  return [
    equals("type", filter.type),
    equals("name", filter.name),
    equals("level", filter.level),
    equals("trace_id", filter.traceId),
    equals("version", filter.version),
    equals("parent_id", filter.parentObservationId),
    isRoot(filter.isRootObservation),
    isAnyOf("environment", filter.environment),
    isOfTraceWith(reader, [
      equals("user_id", filter.userId),
      equals("session_id", filter.sessionId),
    ]),
    ...filterConditions(reader, filter.advanced, observationV2FilterSql),
  ];
}

function isRoot(wanted: boolean | undefined): Condition | undefined {
  if (wanted === undefined) return undefined;
  return { sql: `${wanted ? "" : "NOT "}(parent_id = '' OR marked_root)`, params: {} };
}

function isOfTraceWith(
  reader: ProjectReader,
  conditions: readonly (Condition | undefined)[],
): Condition | undefined {
  if (conditions.every((condition) => condition === undefined)) return undefined;
  const where = whereOf(reader, conditions);
  return {
    sql: `trace_id IN (SELECT id FROM sluice.traces FINAL WHERE ${where.sql})`,
    params: where.params,
  };
}

function isBehind({ startTime, traceId, id }: ObservationPlace): Condition {
  return {
    sql: `(start_time, trace_id, id) < (fromUnixTimestamp64Milli({last_time:Int64}, 'UTC'), {last_trace:String}, {last_id:String})`,
    params: { last_time: startTime, last_trace: traceId, last_id: id },
  };
}
