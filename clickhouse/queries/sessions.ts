import type { StoredSession } from "../../schemas/public-api/session.ts";
import type { Page } from "../engine.ts";
import {
  allOf,
  equals,
  isAnyOf,
  whereOf,
  type Condition,
  type ProjectReader,
  type TimeRange,
} from "./conditions.ts";
import { fewKeysOf, isAt, noSkipIndexes } from "./keys.ts";
import { newestRows } from "./newest.ts";
import type { Slice } from "./windows.ts";

/** The range is that of `createdAt`. */
export interface SessionFilter extends TimeRange {
  readonly environment?: readonly string[] | undefined;
}

/**
 * A session is what its traces say: it was created when the first of them was received, in that one's environment.
 * That is a time of receipt, about which `key_hour` says nothing, so a list looks at all traces with a session.
 */
const sessionColumns = `
    session_id,
    min(created_at) AS session_created_at,
    argMin(environment, (created_at, id)) AS session_environment`;

/** The sessions of one page, the newest first, and how many the list has. */
export async function pageOfSessions(
  reader: ProjectReader,
  filter: SessionFilter,
  slice: Slice,
): Promise<Page<StoredSession>> {
  const sessions = sessionsOf(reader, filter);
  return await reader.db.page<StoredSession>(
    `${sessions.sql}
     ORDER BY session_created_at DESC, session_id DESC
     LIMIT {limit:UInt32} OFFSET {offset:UInt64}`,
    { ...sessions.params, ...slice },
    reader.budget,
  );
}

/** Undefined when no trace names the session. */
export async function sessionById(
  reader: ProjectReader,
  id: string,
): Promise<StoredSession | undefined> {
  const isNamed = { sql: "session_id != ''", params: {} };
  const isOfSession = whereOf(reader, [equals("session_id", id), isNamed]);
  const keys = await fewKeysOf(reader, "traces", isOfSession);
  const where = keys ? allOf([isOfSession, isAt(keys)]) : isOfSession;
  const columns = "session_id, created_at, environment, id";
  const traces = newestRows("traces", columns, where, undefined, keys ? noSkipIndexes : "");
  const rows = await reader.db.query<StoredSession>(
    `SELECT ${sessionColumns} FROM (${traces}) GROUP BY session_id`,
    where.params,
    reader.budget,
  );
  return rows[0];
}

function sessionsOf(reader: ProjectReader, filter: SessionFilter): Condition {
  const where = whereOf(reader, []);
  const having = allOf([
    { sql: "session_id != ''", params: {} },
    isAnyOf("session_environment", filter.environment),
    receivedFrom(filter.from),
    receivedBefore(filter.to),
  ]);
  return {
    sql: `SELECT ${sessionColumns}
     FROM sluice.traces FINAL
     WHERE ${where.sql} AND session_id != ''
     GROUP BY session_id
     HAVING ${having.sql}`,
    params: { ...where.params, ...having.params },
  };
}

function receivedFrom(from: number | undefined): Condition | undefined {
  if (from === undefined) return undefined;
  return { sql: "toUnixTimestamp64Milli(session_created_at) >= {from:Int64}", params: { from } };
}

function receivedBefore(to: number | undefined): Condition | undefined {
  if (to === undefined) return undefined;
  return { sql: "toUnixTimestamp64Milli(session_created_at) < {to:Int64}", params: { to } };
}
