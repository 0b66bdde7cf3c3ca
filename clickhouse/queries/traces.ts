import type { Filter } from "../../schemas/filters.ts";
import type { StoredTrace } from "../../schemas/public-api/trace.ts";
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
import { traceFilterSql } from "./filters-columns.ts";
import { filterConditions } from "./filters.ts";
import { fewKeysOf, inOrderOf, isAt, noSkipIndexes, type RowKey } from "./keys.ts";
import { newestRows } from "./newest.ts";
import { noPayloadColumns, payloadColumns, type PayloadWeight } from "./payload.ts";
import { pageOfAll, type Slice } from "./windows.ts";

export interface TraceFilter extends TimeRange {
  readonly userId?: string | undefined;
  readonly name?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly version?: string | undefined;
  readonly release?: string | undefined;
  /** The trace has all of them. */
  readonly tags?: readonly string[] | undefined;
  /** The trace is in one of them. */
  readonly environment?: readonly string[] | undefined;
  readonly advanced: Filter;
}

const traceOrderColumns = {
  id: "id",
  timestamp: "timestamp",
  name: "name",
  userId: "user_id",
  release: "release",
  version: "version",
  public: "public",
  bookmarked: "bookmarked",
  sessionId: "session_id",
} as const;

export interface TraceOrder {
  readonly column: keyof typeof traceOrderColumns;
  readonly direction: "asc" | "desc";
}

export function isTraceOrderColumn(name: string): name is TraceOrder["column"] {
  return Object.hasOwn(traceOrderColumns, name);
}

export type TraceRead = StoredTrace & PayloadWeight;

/** The traces of one page, by key only, and how many the list has; small columns decide which they are. */
export async function pageOfTraces(
  reader: ProjectReader,
  filter: TraceFilter,
  order: TraceOrder,
  slice: Slice,
): Promise<Page<RowKey>> {
  const column = traceOrderColumns[order.column];
  const direction = order.direction === "asc" ? "ASC" : "DESC";
  const where = traceWhere(reader, filter);
  const read = (within: Condition, settings = ""): Promise<Page<RowKey>> =>
    reader.db.page<RowKey>(
      `SELECT id, hour
       FROM (
         SELECT id, toUnixTimestamp(key_hour) AS hour, timestamp, ${column}
         FROM sluice.traces AS t FINAL
         WHERE ${within.sql} ${settings}
       )
       ORDER BY ${column} ${direction}, timestamp ${direction}, id ${direction}
       LIMIT {limit:UInt32} OFFSET {offset:UInt64}`,
      { ...within.params, ...slice },
      reader.budget,
    );
  const isNewestFirst = column === "timestamp" && direction === "DESC";
  const ofAll = isNewestFirst
    ? await pageOfAll(reader, "traces", where, slice, (range) =>
        read(traceWhere(reader, { ...filter, ...range })),
      )
    : undefined;
  if (ofAll) return ofAll;
  const keys = await fewKeysOf(reader, "traces", where);
  if (keys === undefined) return await read(where);
  if (keys.length === 0) return { rows: [], total: 0 };
  return await read(allOf([where, isAt(keys)]), noSkipIndexes);
}

export async function tracesByKey(
  reader: ProjectReader,
  keys: readonly RowKey[],
  withPayload: boolean,
): Promise<TraceRead[]> {
  if (keys.length === 0) return [];
  const rows = await readTraces(reader, withPayload, [isAt(keys)]);
  return inOrderOf(keys, rows);
}

export async function traceById(
  reader: ProjectReader,
  id: string,
  withPayload: boolean,
): Promise<TraceRead | undefined> {
  const rows = await readTraces(reader, withPayload, [equals("t.id", id, "id")]);
  return rows[0];
}

/** All traces of a session, the last written first. */
export async function tracesOfSession(
  reader: ProjectReader,
  sessionId: string,
): Promise<TraceRead[]> {
  const isOfSession = equals("t.session_id", sessionId, "session_id");
  const keys = await fewKeysOf(reader, "traces", whereOf(reader, [isOfSession]));
  const conditions = keys ? [isOfSession, isAt(keys)] : [isOfSession];
  const settings = keys ? noSkipIndexes : "";
  return await readTraces(reader, true, conditions, "updated_at DESC, id DESC", settings);
}

async function readTraces(
  reader: ProjectReader,
  withPayload: boolean,
  conditions: readonly (Condition | undefined)[],
  order?: string,
  settings?: string,
): Promise<TraceRead[]> {
  const where = whereOf(reader, conditions);
  const columns = `
       t.project_id AS project_id, t.id AS id, t.timestamp AS timestamp, t.name AS name, t.user_id AS user_id,
       t.session_id AS session_id, t.environment AS environment, t.release AS release, t.version AS version,
       t.tags AS tags, t.public AS public, t.bookmarked AS bookmarked, t.created_at AS created_at,
       t.updated_at AS updated_at, ${withPayload ? payloadColumns : noPayloadColumns}`;
  return await reader.db.query<TraceRead>(
    newestRows("traces", columns, where, order, settings),
    where.params,
    reader.budget,
  );
}

function traceWhere(reader: ProjectReader, filter: TraceFilter): Condition {
  const simple = [
    equals("user_id", filter.userId),
    equals("name", filter.name),
    equals("session_id", filter.sessionId),
    equals("version", filter.version),
    equals("release", filter.release),
    holdsAll("tags", filter.tags),
  ];
  return whereOf(reader, [
    ...simple,
    isAnyOf("environment", filter.environment),
    isWithin("timestamp", filter, reader.now),
    ...filterConditions(reader, filter.advanced, traceFilterSql, { ...filter, ofTraces: simple }),
  ]);
}
