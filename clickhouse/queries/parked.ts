import type { ParkedRow } from "../../schemas/parked.ts";
import type { Db } from "../engine.ts";
import { insertRows } from "../insert.ts";
import { whereOf, type ProjectReader } from "./conditions.ts";

/** A parked record as it is read: 64-bit integers as text, times as epoch milliseconds. */
export interface StoredParked {
  readonly partition: number;
  readonly ver: string;
  readonly received_at: number;
  readonly parked_at: number;
  readonly reason: string;
  readonly detail: string;
  /** base64 */
  readonly record: string;
}

const waiting = { sql: "redriven_at = 0", params: {} };

const columns = `partition, ver,
    toFloat64(toUnixTimestamp64Milli(received_at)) AS received_ms,
    toFloat64(toUnixTimestamp64Milli(parked_at)) AS parked_ms,
    reason, detail, record`;

/** The records of one page that wait, the newest first. */
export async function pageOfParked(
  reader: ProjectReader,
  page: { readonly limit: number; readonly offset: number },
): Promise<StoredParked[]> {
  const where = whereOf(reader, [waiting]);
  return await readParked(
    reader,
    `${where.sql} ORDER BY ver DESC, partition LIMIT {limit:UInt32} OFFSET {offset:UInt64}`,
    { ...where.params, ...page },
  );
}

export async function countParked(reader: ProjectReader): Promise<number> {
  const where = whereOf(reader, [waiting]);
  const rows = await reader.db.query<{ total: string }>(
    `SELECT count() AS total FROM sluice.parked_records FINAL WHERE ${where.sql}`,
    where.params,
    reader.budget,
  );
  return Number(rows[0]?.total ?? 0);
}

/** Those of these positions that wait. */
export async function parkedAt(
  reader: ProjectReader,
  positions: readonly { readonly partition: number; readonly ver: string }[],
): Promise<StoredParked[]> {
  const where = whereOf(reader, [
    waiting,
    {
      sql: "toString(ver) IN {vers:Array(String)}",
      params: { vers: positions.map(({ ver }) => ver) },
    },
  ]);
  const asked = new Set(positions.map(({ partition, ver }) => `${partition}-${ver}`));
  const rows = await readParked(reader, where.sql, where.params);
  return rows.filter(({ partition, ver }) => asked.has(`${partition}-${ver}`));
}

/** Records that they are in the log again, so that they wait no more. */
export async function markRedriven(
  db: Db,
  project: string,
  parked: readonly StoredParked[],
  at: number,
): Promise<void> {
  const rows = parked.map((row) => ({ ...row, project_id: project, redriven_at: at }) as ParkedRow);
  await insertRows(db, "parked_records", rows);
}

async function readParked(
  reader: ProjectReader,
  rest: string,
  params: Parameters<Db["query"]>[1],
): Promise<StoredParked[]> {
  const rows = await reader.db.query<
    Omit<StoredParked, "received_at" | "parked_at"> & { received_ms: number; parked_ms: number }
  >(`SELECT ${columns} FROM sluice.parked_records FINAL WHERE ${rest}`, params, reader.budget);
  return rows.map(({ received_ms, parked_ms, ...row }) => ({
    ...row,
    received_at: received_ms,
    parked_at: parked_ms,
  }));
}
