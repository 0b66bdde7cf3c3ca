import type { Filter } from "../../schemas/filters.ts";
import type { StoredTraceTotals } from "../../schemas/public-api/trace.ts";
import { allOf, isAnyOf, whereOf, type Condition, type ProjectReader } from "./conditions.ts";
import { traceFilterSql } from "./filters-columns.ts";
import { environmentConditions, partsSince } from "./filters.ts";
import { newestRows } from "./newest.ts";

/** Which observations and scores of the traces count. */
export interface PartsFilter {
  readonly traceIds: readonly string[];
  readonly environment?: readonly string[] | undefined;
  /** Epoch milliseconds; see {@link partsSince}. */
  readonly from?: number | undefined;
  /** The filter of the traces: what it says of environments holds for their parts too. */
  readonly advanced?: Filter;
}

/** The observations of a trace: which they are, in no order, and what they add up to. */
export interface TraceObservations extends StoredTraceTotals {
  readonly ids: readonly string[];
}

/** The observations of each trace, in one look; a trace without any has no entry. */
export async function observationsOfTraces(
  reader: ProjectReader,
  filter: PartsFilter,
): Promise<Map<string, TraceObservations>> {
  if (filter.traceIds.length === 0) return new Map();
  const parts = partsOf(reader, "observations", "id, start_time, end_time, total_cost", filter);
  const rows = await reader.db.query<TraceObservations>(
    `SELECT trace_id,
       groupArray(id) AS ids,
       min(start_time) AS min_start,
       max(start_time) AS max_start,
       max(if(isNull(end_time), NULL, greatest(start_time, end_time))) AS max_end,
       sum(total_cost) AS cost
     FROM ${parts.sql}
     GROUP BY trace_id`,
    parts.params,
    reader.budget,
  );
  return new Map(rows.map((row) => [row.trace_id, row]));
}

/** The ids of the scores of each trace and its observations, in no order; corrections are not among them. */
export async function scoreIdsOfTraces(
  reader: ProjectReader,
  filter: PartsFilter,
): Promise<Map<string, readonly string[]>> {
  if (filter.traceIds.length === 0) return new Map();
  const isNoCorrection = { sql: "data_type != 'CORRECTION'", params: {} };
  const parts = partsOf(reader, "scores", "id", filter, isNoCorrection);
  const rows = await reader.db.query<{ trace_id: string; ids: readonly string[] }>(
    `SELECT trace_id, groupArray(id) AS ids FROM ${parts.sql} GROUP BY trace_id`,
    parts.params,
    reader.budget,
  );
  return new Map(rows.map((row) => [row.trace_id, row.ids]));
}

/** What follows FROM: the newest row of each part, and of those the ones that count. */
function partsOf(
  reader: ProjectReader,
  table: "observations" | "scores",
  columns: string,
  filter: PartsFilter,
  condition?: Condition,
): Condition {
  const ofTraces = whereOf(reader, [
    isAnyOf("trace_id", filter.traceIds),
    condition,
    partsSince(reader, table, filter.from),
  ]);
  const inEnvironment = allOf([
    isAnyOf("environment", filter.environment),
    ...environmentConditions(filter.advanced ?? [], traceFilterSql),
  ]);
  const rows = newestRows(table, `trace_id, environment, ${columns}`, ofTraces);
  const where = inEnvironment.sql === "" ? "" : ` WHERE ${inEnvironment.sql}`;
  return { sql: `(${rows})${where}`, params: allOf([ofTraces, inEnvironment]).params };
}
