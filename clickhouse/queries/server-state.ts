import type { Db } from "../engine.ts";

export interface ServerIdentity {
  /** Like `25.8.33.6`. */
  readonly version: string;
  /** The server's clock, in milliseconds since 1970. */
  readonly now: number;
}

export interface SystemLog {
  readonly name: string;
  /** Whether its rows are deleted with time. */
  readonly hasTtl: boolean;
  readonly bytes: number;
}

export interface Disk {
  readonly name: string;
  readonly freeBytes: number;
  readonly totalBytes: number;
}

export async function serverIdentity(db: Db): Promise<ServerIdentity> {
  const [row] = await db.query<{ version: string; now: string }>(
    "SELECT version() AS version, toUnixTimestamp64Milli(now64(3)) AS now",
  );
  return { version: row?.version ?? "", now: Number(row?.now ?? Number.NaN) };
}

/** The server's logs about itself, which grow for ever where nobody says otherwise. */
export async function systemLogs(db: Db): Promise<readonly SystemLog[]> {
  const rows = await db.query<{ name: string; engine_full: string; bytes: string | null }>(
    `SELECT name, engine_full, total_bytes AS bytes FROM system.tables
     WHERE database = 'system' AND engine LIKE '%MergeTree' AND match(name, '_log(_[0-9]+)?$') ORDER BY name`,
  );
  return rows.map(({ name, engine_full: engine, bytes }) => ({
    name,
    hasTtl: / TTL /.test(engine),
    bytes: Number(bytes ?? 0),
  }));
}

/** What object stores call their size is 2^64 - 1. */
const endless = 2n ** 62n;

/** Disks that have an end; those in object stores have none. */
export async function disks(db: Db): Promise<readonly Disk[]> {
  const rows = await db.query<{ name: string; free: string; total: string }>(
    `SELECT name, toString(unreserved_space) AS free, toString(total_space) AS total FROM system.disks
     WHERE total_space > 0 AND total_space < {endless:UInt64} ORDER BY name`,
    { endless },
  );
  return rows.map(({ name, free, total }) => ({
    name,
    freeBytes: Number(free),
    totalBytes: Number(total),
  }));
}
