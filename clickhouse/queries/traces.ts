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
import { asksOfRowsAlone, fewKeysOf, inOrderOf, isAt, noSkipIndexes, type RowKey } from "./keys.ts";
import { newestRows } from "./newest.ts";
import { noPayloadColumns, payloadColumns, type PayloadWeight } from "./payload.ts";
import type { Counted } from "./row-counts.ts";
import { pageOfNewest, type Slice } from "./windows.ts";

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

export interface TracePage {
  /** By key only, in the order of the list; small columns decide which they are. */
  readonly keys: readonly RowKey[];
  /** How many the list has. */
  readonly total: number;
  /**
   * Set where so few rows have ever matched that the page has room for all: the keys are theirs, in no order. Which of them
   * match now is told by the read that shows them, and the total with it.
   */
  readonly candidates?: { readonly where: Condition; readonly order: string };
}

/** The traces of one page, or what {@link tracesOfPage} finds them by. */
export async function pageOfTraces(
  reader: ProjectReader,
  filter: TraceFilter,
  order: TraceOrder,
  slice: Slice,
): Promise<TracePage> {
  const column = traceOrderColumns[order.column];
  const direction = order.direction === "asc" ? "ASC" : "DESC";
  const where = traceWhere(reader, filter);
  const by = `${column} ${direction}, timestamp ${direction}, id ${direction}`;
  const read = (within: Condition, settings = ""): Promise<Page<RowKey>> =>
    reader.db.page<RowKey>(
      `SELECT id, hour
       FROM (
         SELECT id, toUnixTimestamp(key_hour) AS hour, timestamp, ${column}
         FROM sluice.traces AS t FINAL
         WHERE ${within.sql} ${settings}
       )
       ORDER BY ${by}
       LIMIT {limit:UInt32} OFFSET {offset:UInt64}`,
      { ...within.params, ...slice },
      reader.budget,
    );
  const isNewestFirst = column === "timestamp" && direction === "DESC";
  const hasRange = filter.from !== undefined || filter.to !== undefined;
  const isCountable = isNewestFirst && !hasRange && asksOfRowsAlone(where);
  const counted: Counted = { table: "traces", where };
  const isOfAll = where.sql === whereOf(reader, []).sql;
  const ofNewest = (): Promise<Page<RowKey>> =>
    pageOfNewest(reader, counted, slice, (range) =>
      read(traceWhere(reader, { ...filter, ...range })),
    );
  if (isCountable && (isOfAll || reader.counts.has(counted))) return pageOf(await ofNewest());
  const keys = await fewKeysOf(reader, "traces", where);
  if (keys === undefined) {
    // Of many rows a second page is likely asked for, which a count spares from looking at them all.
    return pageOf(await (isCountable && reader.counts.isKept ? ofNewest() : read(where)));
  }
  if (slice.offset === 0 && keys.length <= slice.limit) {
    return { keys, total: keys.length, candidates: { where, order: by } };
  }
  return pageOf(await read(allOf([where, isAt(keys)]), noSkipIndexes));
}

function pageOf({ rows, total }: Page<RowKey>): TracePage {
  return { keys: rows, total };
}

/** The rows of a page in the order of the list, and how many the list has. */
export async function tracesOfPage(
  reader: ProjectReader,
  { keys, total, candidates }: TracePage,
  withPayload: boolean,
): Promise<Page<TraceRead>> {
  if (keys.length === 0) return { rows: [], total };
  if (!candidates) {
    const rows = await readTraces(reader, withPayload, [isAt(keys)]);
    return { rows: inOrderOf(keys, rows), total };
  }
  const { where, order } = candidates;
  // The condition names columns as they are stored, and the read shows some under the same name otherwise.
  const settings = `${noSkipIndexes}, prefer_column_name_to_alias = 1`;
  const rows = await readTraces(reader, withPayload, [where, isAt(keys)], order, settings);
  return { rows, total: rows.length };
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
