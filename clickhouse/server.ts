import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { setTimeout as pause } from "node:timers/promises";
import type { ClickHouseClient } from "@clickhouse/client";
import {
  acknowledgedReads,
  clusterChanges,
  clusterInserts,
  clusterReads,
} from "./cluster-settings.ts";
import { DbError } from "./engine.ts";
import type { Db, Page, Params, ReadBudget } from "./engine.ts";
import { httpStatement } from "./http-params.ts";
import type { HttpStatement } from "./http-params.ts";
import {
  budgetSettings,
  insertSettings,
  pageOf,
  pageSettings,
  readSettings,
  resultSettings,
} from "./read-settings.ts";
import type { Answer, Settings } from "./read-settings.ts";
import { explainedOverHttp, serverClient } from "./server-client.ts";
import type { ServerAddress } from "./server-client.ts";
import { serverStreams } from "./server-streams.ts";

export interface ServerOptions extends ServerAddress {
  /** The cluster that the tables are spread over, as the server's configuration names it; null for a single node. */
  readonly cluster: string | null;
  /**
   * On a cluster: reads see every insert that was acknowledged, whichever replica answers. The writer needs it, to
   * merge onto what is stored; elsewhere a replica that lags should answer rather than refuse.
   */
  readonly consistentReads: boolean;
  /** Statements of a kind (reads, streams, inserts) at the same time; more wait. */
  readonly connectionsMax: number;
  /** The budget of reads that state none of their own. */
  readonly readDefaults: ReadBudget;
}

/** An insert that takes longer has failed, as far as its caller knows. It may still be done, with the same rows. */
const insertMsMax = 20_000;
/** The server gives up before its caller does, so that the outcome is known. */
const insertServerMs = 15_000;
/** Between two tries of an insert that has to wait for another's quorum. */
const busyMsMin = 50;
/** Where neither a read nor the defaults state a time. */
const readMsMax = 60_000;
/** When a read's time is over, the server has so long to say so. */
const graceMs = 3_000;
/** A stream that neither side moves for so long was forgotten. */
const streamQuietMsMax = 600_000;
/** Statements that change tables, on a cluster those of all hosts. */
const changeMsMax = 300_000;

/** A name of a database and one of a table; more could be SQL. */
const tableName = /^[A-Za-z_]\w*\.[A-Za-z_]\w*$/;

/**
 * A ClickHouse server, or a cluster of them, over HTTP. It connects when there is a statement: while the server is away
 * statements reject as transient, within 3 s where it cannot be connected. The user needs a profile that lets it change
 * settings.
 */
export async function openServer(options: ServerOptions): Promise<Db> {
  const { readDefaults } = options;
  const clients = await openClients(options);
  const settings = settingsFor(options);
  const streams = serverStreams(clients.streams, settings.stream, readDefaults);
  const running = new Set<Promise<unknown>>();
  let closing: Promise<void> | null = null;

  /** Counts as running until it ends; refused when there is no going on. */
  async function tracked<Result>(work: () => Promise<Result>): Promise<Result> {
    if (closing) throw new Error("The connection to ClickHouse is closed: use it before close().");
    const result = work();
    running.add(result);
    try {
      return await result;
    } finally {
      running.delete(result);
    }
  }

  async function read<Row>(sql: string, params: Params, budget: ReadBudget, more: Settings) {
    const limits = { timeMs: readMsMax, ...readDefaults, ...budget };
    const own = { ...budgetSettings(limits), ...resultSettings, ...more };
    const statement = httpStatement(sql, params);
    const answer = await tracked(() =>
      explainedOverHttp("read", () =>
        ask<Row>(clients.reads, statement, { ...settings.read, ...own }, limits.timeMs),
      ),
    );
    budget.onRowsRead?.(answer.statistics.rows_read);
    return answer;
  }

  async function closeAll(): Promise<void> {
    streams.stopAll();
    while (running.size > 0) await Promise.allSettled(running);
    await Promise.all(Object.values(clients).map((client) => client.close()));
  }

  return {
    async query<Row>(sql: string, params: Params = {}, budget: ReadBudget = {}): Promise<Row[]> {
      return (await read<Row>(sql, params, budget, {})).data;
    },
    async page<Row>(sql: string, params: Params = {}, budget: ReadBudget = {}): Promise<Page<Row>> {
      return pageOf(await read<Row>(sql, params, budget, pageSettings));
    },
    stream: (sql, params = {}) => streams.open(sql, params),
    insert: (table, rows) => tracked(() => insert(clients.inserts, settings.insert, table, rows)),
    exec: (sql) =>
      tracked(() => explainedOverHttp("exec", () => exec(clients.changes, settings.change, sql))),
    close() {
      closing ??= closeAll();
      return closing;
    },
  };
}

interface Clients {
  readonly reads: ClickHouseClient;
  readonly streams: ClickHouseClient;
  readonly inserts: ClickHouseClient;
  readonly changes: ClickHouseClient;
}

/** One for each kind of statement, as each has its own patience, and none should wait for connections of another. */
async function openClients(options: ServerOptions): Promise<Clients> {
  const clientFor = (quietMsMax: number) => serverClient({ ...options, quietMsMax });
  const readMs = Math.max(options.readDefaults.timeMs ?? 0, readMsMax);
  return {
    reads: await clientFor(readMs + graceMs),
    streams: await clientFor(streamQuietMsMax),
    inserts: await clientFor(insertMsMax),
    changes: await clientFor(changeMsMax),
  };
}

async function ask<Row>(
  client: ClickHouseClient,
  { sql, fields }: HttpStatement,
  settings: Settings,
  timeMs: number,
): Promise<Answer<Row>> {
  const result = await client.query({
    query: sql,
    query_params: fields,
    format: "JSON",
    clickhouse_settings: settings,
    // The server itself ends a read that is over its time; this is for one that is silent.
    abort_signal: AbortSignal.timeout(timeMs + graceMs),
  });
  return JSON.parse(await result.text()) as Answer<Row>;
}

/** The code for a replica that still waits for the quorum of another insert: one at a time may. */
const quorumBusyCode = 286;

async function insert(
  client: ClickHouseClient,
  settings: Settings,
  table: string,
  rows: Buffer,
): Promise<void> {
  if (!tableName.test(table)) throw new DbError("unknown", 0, `"${table}" is no name of a table`);
  if (rows.length === 0) return;
  const until = performance.now() + insertMsMax;
  for (;;) {
    try {
      return await explainedOverHttp("insert", () => insertOnce(client, settings, table, rows));
    } catch (error) {
      const isBusy = error instanceof DbError && error.code === quorumBusyCode;
      if (!isBusy || performance.now() > until) throw error;
      // Another writer's turn. To wait here and not fail matters: what fails often while others succeed gets parked.
      await pause(busyMsMin + Math.random() * busyMsMin);
    }
  }
}

async function insertOnce(
  client: ClickHouseClient,
  settings: Settings,
  table: string,
  rows: Buffer,
): Promise<void> {
  const { stream } = await client.exec({
    query: `INSERT INTO ${table} FORMAT JSONEachRow`,
    values: Readable.from([rows], { objectMode: false }),
    clickhouse_settings: settings,
  });
  await drained(stream);
}

async function exec(client: ClickHouseClient, settings: Settings, sql: string): Promise<void> {
  const { stream } = await client.exec({ query: sql, clickhouse_settings: settings });
  await drained(stream);
}

/** The answer has to be read for its connection to be free again; of a cluster's hosts it is a list. */
async function drained(stream: Readable): Promise<void> {
  stream.resume();
  await finished(stream);
}

interface StatementSettings {
  readonly stream: Settings;
  readonly read: Settings;
  readonly insert: Settings;
  readonly change: Settings;
}

function settingsFor({ cluster, consistentReads }: ServerOptions): StatementSettings {
  const isCluster = cluster !== null;
  const shared: Settings = { session_timezone: "UTC" };
  // Held back until it is whole: a failure is then told by the status, not in the midst of the answer.
  const whole: Settings = { ...shared, wait_end_of_query: 1 };
  const stream: Settings = {
    ...shared,
    ...readSettings,
    // A read can change nothing; 2 rather than 1, because it must still set its limits.
    readonly: 2,
    cancel_http_readonly_queries_on_client_close: 1,
    ...(isCluster && clusterReads),
    ...(isCluster && consistentReads && acknowledgedReads),
  };
  return {
    stream,
    read: { ...stream, ...whole },
    insert: {
      ...whole,
      ...insertSettings,
      ...budgetSettings({ timeMs: insertServerMs }),
      // The same rows twice are no harm, and a replica that takes different ones for the same would drop them.
      insert_deduplicate: 0,
      ...(isCluster && clusterInserts),
    },
    change: { ...whole, ...(isCluster && clusterChanges) },
  };
}
