import { mkdir } from "node:fs/promises";
import path from "node:path";
import { connectEngine } from "./embedded-session.ts";
import { embeddedStreams } from "./embedded-streams.ts";
import type { Db, Page, Params, ReadBudget } from "./engine.ts";
import { explained } from "./error-codes.ts";
import { bindParams } from "./params.ts";
import { budgetSettings, readSettings, wholeNumber } from "./read-settings.ts";
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

/** The largest answer of one read in the engine's memory: its JSON must fit a JavaScript string of 512 MiB. */
const resultBytesMax = 128 * 1024 * 1024;

/** How one read's answer is written. */
const resultSettings = [`max_result_bytes = ${resultBytesMax}`, "result_overflow_mode = 'throw'"];

/** Otherwise `rows_before_limit_at_least` ends where the engine had enough, which is what all other reads want. */
const pageSettings = ["exact_rows_before_limit = 1"];

/** An answer in the format JSON, as far as it is read here. */
interface Answer<Row> {
  readonly data: Row[];
  /** Missing where a statement has no LIMIT. */
  readonly rows_before_limit_at_least?: number;
  readonly statistics: { readonly rows_read: number };
}

/** Go inline into the INSERT: a setting of the session would outlive it. */
const insertSettings = {
  async_insert: 0,
  // A column that the table lacks, or a null where none may be, is our mistake: silence would lose data.
  input_format_skip_unknown_fields: 0,
  input_format_null_as_default: 0,
};

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
    more: readonly string[],
  ): Promise<Answer<Row>> {
    refuseWhenClosed();
    const limits = budgetSettings({ ...options.readDefaults, ...budget });
    const settings = [...readSettings, ...limits, ...resultSettings, ...more].join(", ");
    const text = `${bindParams(sql, params)}${sql}\nFORMAT JSON SETTINGS ${settings}`;
    const answer = await reads.run((session) =>
      explained("read", async () => (await session.queryAsync(text)).json<Answer<Row>>()),
    );
    budget.onRowsRead?.(answer.statistics.rows_read);
    return answer;
  }

  return {
    async query<Row>(sql: string, params: Params = {}, budget: ReadBudget = {}): Promise<Row[]> {
      return (await read<Row>(sql, params, budget, [])).data;
    },
    async page<Row>(sql: string, params: Params = {}, budget: ReadBudget = {}): Promise<Page<Row>> {
      const answer = await read<Row>(sql, params, budget, pageSettings);
      return {
        rows: answer.data,
        total: answer.rows_before_limit_at_least ?? answer.data.length,
      };
    },
    stream: (sql, params = {}) => streams.open(sql, params),
    async insert(table, rows) {
      refuseWhenClosed();
      await writes.run((session) =>
        explained("insert", () =>
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
