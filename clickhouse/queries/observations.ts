import type { Filter } from "../../schemas/filters.ts";
import type { StoredObservation } from "../../schemas/public-api/observation.ts";
import type { Page } from "../engine.ts";
import {
  equals,
  isAnyOf,
  isWithin,
  whereOf,
  type Condition,
  type ProjectReader,
  type TimeRange,
} from "./conditions.ts";
import { observationFilterSql } from "./filters-columns.ts";
import { filterConditions } from "./filters.ts";
import { inOrderOf, isAt, type RowKey } from "./keys.ts";
import { newestRows } from "./newest.ts";
import { noPayloadColumns, payloadColumns, type PayloadWeight } from "./payload.ts";
import { pageOfNewest, type Slice } from "./windows.ts";

export interface ObservationFilter extends TimeRange {
  readonly type?: string | undefined;
  readonly name?: string | undefined;
  readonly level?: string | undefined;
  readonly traceId?: string | undefined;
  readonly version?: string | undefined;
  readonly parentObservationId?: string | undefined;
  /** The user of the trace that the observation belongs to. */
  readonly userId?: string | undefined;
  readonly environment?: readonly string[] | undefined;
  readonly advanced: Filter;
}

export interface ObservationKey extends RowKey {
  readonly trace_id: string;
}

export type ObservationRead = StoredObservation &
  PayloadWeight & {
    /** USD. */
    readonly total_cost: string | null;
  };

/** The observations of one page, the newest first, by key only, and how many the list has. */
export async function pageOfObservations(
  reader: ProjectReader,
  filter: ObservationFilter,
  slice: Slice,
): Promise<Page<ObservationKey>> {
  const where = observationWhere(reader, filter);
  const read = (within: Condition): Promise<Page<ObservationKey>> =>
    reader.db.page<ObservationKey>(
      `SELECT id, trace_id, toUnixTimestamp(key_hour) AS hour
       FROM sluice.observations FINAL
       WHERE ${within.sql}
       ORDER BY start_time DESC, id DESC
       LIMIT {limit:UInt32} OFFSET {offset:UInt64}`,
      { ...within.params, ...slice },
      reader.budget,
    );
  if (where.sql !== whereOf(reader, []).sql) return await read(where);
  return await pageOfNewest(reader, { table: "observations", where }, slice, (range) =>
    read(observationWhere(reader, { ...filter, ...range })),
  );
}

/** `payload` says what to read of inputs, outputs and metadata: {@link payloadColumns} or its like. */
export async function observationsByKey(
  reader: ProjectReader,
  keys: readonly ObservationKey[],
  payload: string = payloadColumns,
): Promise<ObservationRead[]> {
  if (keys.length === 0) return [];
  const traceIds = [...new Set(keys.map((key) => key.trace_id))];
  const rows = await readObservations(reader, payload, [
    isAnyOf("t.trace_id", traceIds, "trace_ids"),
    isAt(keys),
  ]);
  return inOrderOf(keys, rows);
}

export async function observationById(
  reader: ProjectReader,
  id: string,
): Promise<ObservationRead | undefined> {
  const rows = await readObservations(reader, payloadColumns, [equals("t.id", id, "id")]);
  return rows[0];
}

/**
 * All observations of a trace, the last written first. Read through the index of trace ids over all time, not only
 * around the trace: a child may lie days away from its trace, and none may be missing here.
 */
export async function observationsOfTrace(
  reader: ProjectReader,
  traceId: string,
  withPayload: boolean,
): Promise<ObservationRead[]> {
  return await readObservations(reader, withPayload ? payloadColumns : noPayloadColumns, [
    equals("t.trace_id", traceId, "trace_id"),
  ]);
}

async function readObservations(
  reader: ProjectReader,
  payload: string,
  conditions: readonly (Condition | undefined)[],
): Promise<ObservationRead[]> {
  const where = whereOf(reader, conditions);
  const columns = `
       t.project_id AS project_id, t.trace_id AS trace_id, t.id AS id, t.parent_id AS parent_id,
       t.marked_root AS marked_root, t.type AS type,
       t.name AS name, t.start_time AS start_time, t.end_time AS end_time,
       t.completion_start_time AS completion_start_time, t.environment AS environment, t.version AS version,
       t.level AS level, t.status_message AS status_message, t.model AS model, t.model_params AS model_params,
       t.model_id AS model_id, t.prompt_id AS prompt_id, t.prompt_name AS prompt_name,
       t.prompt_version AS prompt_version, t.usage_details AS usage_details, t.cost_details AS cost_details, t.pricing AS pricing,
       t.total_cost AS total_cost,
       t.created_at AS created_at, t.updated_at AS updated_at,
       ${payload}`;
  return await reader.db.query<ObservationRead>(
    newestRows("observations", columns, where),
    where.params,
    reader.budget,
  );
}

function observationWhere(reader: ProjectReader, filter: ObservationFilter): Condition {
  return whereOf(reader, [
    equals("type", filter.type),
    equals("name", filter.name),
    equals("level", filter.level),
    equals("trace_id", filter.traceId),
    equals("version", filter.version),
    equals("parent_id", filter.parentObservationId),
    isOfUser(reader, filter.userId),
    isAnyOf("environment", filter.environment),
    isWithin("start_time", filter, reader.now),
    ...filterConditions(reader, filter.advanced, observationFilterSql),
  ]);
}

function isOfUser(reader: ProjectReader, userId: string | undefined): Condition | undefined {
  if (userId === undefined) return undefined;
  const where = whereOf(reader, [equals("user_id", userId)]);
  return {
    sql: `trace_id IN (SELECT id FROM sluice.traces FINAL WHERE ${where.sql})`,
    params: where.params,
  };
}
