import { mkdir } from "node:fs/promises";
import path from "node:path";
import { connectEngine } from "./embedded-session.ts";
import { embeddedStreams } from "./embedded-streams.ts";
import type { Db, Page, Params, ReadBudget } from "./engine.ts";
import { explained } from "./error-codes.ts";
import { bindParams } from "./params.ts";
import {
  budgetSettings,
  insertSettings,
  pageOf,
  pageSettings,
  readSettings,
  resultSettings,
  settingsClause,
  wholeNumber,
} from "./read-settings.ts";
import type { Answer, Settings } from "./read-settings.ts";
import { sessionPool } from "./session-pool.ts";

export interface EmbeddedOptions {
  /** Made when missing. One process at a time holds it, and a process holds one. */
  readonly directory: string;
  /** Reads that run at the same time. Each statement under way takes a thread of libuv's pool. */
  readonly readers: number;
  /** What the engine may hold in memory for all statements together. */
  readonly memoryBytesMax: number;
  /** The budget of reads that state none of their own. */
  readonly readDefaults: ReadBudget;
}

/**
 * Opens ClickHouse inside this process. Writes go through one session and reads through others, so that a read never
 * queues behind an insert. Rejects with an error that says what to do when the platform has no engine or the
 * directory is taken.
 */
export async function openEmbedded(options: EmbeddedOptions): Promise<Db> {
  const directory = path.resolve(options.directory);
  await mkdir(directory, { recursive: true });
  const engine = await connectEngine(directory, options.memoryBytesMax);
  const writes = sessionPool(() => engine.connect("writing"), 1);
  const reads = sessionPool(() => engine.connect("reading"), wholeNumber(options.readers));
  const streams = embeddedStreams(() => engine.connect("reading"), options.readDefaults);
  let closing: Promise<void> | null = null;

  function refuseWhenClosed(): void {
    if (closing) throw new Error("The ClickHouse engine is closed: use it before close().");
  }

  async function closeAll(): Promise<void> {
    streams.stopAll();
    await Promise.all([writes.close(), reads.close()]);
    await engine.close();
  }

  async function read<Row>(
    sql: string,
    params: Params,
    budget: ReadBudget,
    more: Settings,
  ): Promise<Answer<Row>> {
    refuseWhenClosed();
    const settings = settingsClause({
      ...readSettings,
      ...budgetSettings({ ...options.readDefaults, ...budget }),
      ...resultSettings,
      ...more,
    });
    const text = `${bindParams(sql, params)}${sql}\nFORMAT JSON SETTINGS ${settings}`;
    const answer = await reads.run((session) =>
      explained("read", async () => (await session.queryAsync(text)).json<Answer<Row>>()),
    );
    budget.onRowsRead?.(answer.statistics.rows_read);
    return answer;
  }

  return {
    async query<Row>(sql: string, params: Params = {}, budget: ReadBudget = {}): Promise<Row[]> {
      return (await read<Row>(sql, params, budget, {})).data;
    },
    async page<Row>(sql: string, params: Params = {}, budget: ReadBudget = {}): Promise<Page<Row>> {
      return pageOf(await read<Row>(sql, params, budget, pageSettings));
    },
    stream: (sql, params = {}) => streams.open(sql, params),
    async insert(table, rows) {
      refuseWhenClosed();
      await writes.run((session) =>
        explained("insert", () =>
          // They go inline into the INSERT: a setting of the session would outlive it.
          session.insert({ table, values: rows, format: "JSONEachRow", settings: insertSettings }),
        ),
      );
    },
    async exec(sql) {
      refuseWhenClosed();
      await writes.run((session) => explained("exec", () => session.queryAsync(sql)));
    },
    close() {
      closing ??= closeAll();
      return closing;
    },
  };
}
