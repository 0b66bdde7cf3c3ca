import type { StoredTraceTotals } from "../../schemas/public-api/trace.ts";
import { isAnyOf, whereOf, type ProjectReader } from "./conditions.ts";

/** Which observations and scores of the traces count. */
export interface PartsFilter {
  readonly traceIds: readonly string[];
  readonly environment?: readonly string[] | undefined;
}

/** What the observations of each trace add up to; a trace without any has no entry. */
export async function totalsOfTraces(
  reader: ProjectReader,
  filter: PartsFilter,
): Promise<Map<string, StoredTraceTotals>> {
  const where = whereOf(reader, [
    isAnyOf("trace_id", filter.traceIds),
    isAnyOf("environment", filter.environment),
  ]);
  const rows = await reader.db.query<StoredTraceTotals>(
    `SELECT trace_id,
       min(start_time) AS min_start,
       max(start_time) AS max_start,
       max(if(isNull(end_time), NULL, greatest(start_time, end_time))) AS max_end,
       sum(total_cost) AS cost
     FROM sluice.observations FINAL
     WHERE ${where.sql}
     GROUP BY trace_id`,
    where.params,
    reader.budget,
  );
  return new Map(rows.map((row) => [row.trace_id, row]));
}

/** The ids of the observations of each trace, in no order. */
export async function observationIdsOfTraces(
  reader: ProjectReader,
  filter: PartsFilter,
): Promise<Map<string, readonly string[]>> {
  const where = whereOf(reader, [
    isAnyOf("trace_id", filter.traceIds),
    isAnyOf("environment", filter.environment),
  ]);
  return idsByTrace(
    await reader.db.query<TraceIds>(
      `SELECT trace_id, groupArray(id) AS ids
       FROM sluice.observations FINAL
       WHERE ${where.sql}
       GROUP BY trace_id`,
      where.params,
      reader.budget,
    ),
  );
}

/** The ids of the scores of each trace and its observations, in no order; corrections are not among them. */
export async function scoreIdsOfTraces(
  reader: ProjectReader,
  filter: PartsFilter,
): Promise<Map<string, readonly string[]>> {
  const where = whereOf(reader, [
    isAnyOf("trace_id", filter.traceIds),
    isAnyOf("environment", filter.environment),
  ]);
  return idsByTrace(
    await reader.db.query<TraceIds>(
      `SELECT trace_id, groupArray(id) AS ids
       FROM sluice.scores FINAL
       WHERE ${where.sql} AND data_type != 'CORRECTION'
       GROUP BY trace_id`,
      where.params,
      reader.budget,
    ),
  );
}

interface TraceIds {
  readonly trace_id: string;
  readonly ids: readonly string[];
}

function idsByTrace(rows: readonly TraceIds[]): Map<string, readonly string[]> {
  return new Map(rows.map((row) => [row.trace_id, row.ids]));
}
