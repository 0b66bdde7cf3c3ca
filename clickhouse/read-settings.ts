import type { Page, ReadBudget } from "./engine.ts";

/** Settings of a statement, by ClickHouse's names. */
export type Settings = Readonly<Record<string, number | string>>;

/** Said with every read, whatever the engine's defaults. */
export const readSettings: Settings = {
  // A key's hour fixes its month, so versions of a row never lie in two partitions.
  do_not_merge_across_partitions_select_final: 1,
  // Without the exact mode a filter could match an old version of a row whose newest does not match.
  use_skip_indexes_if_final: 1,
  use_skip_indexes_if_final_exact_mode: 1,
  // Only conditions on the sort key are asked first, which all versions of a row share.
  optimize_move_to_prewhere_if_final: 1,
  output_format_json_quote_64bit_integers: 1,
  output_format_json_quote_decimals: 1,
  output_format_json_escape_forward_slashes: 0,
};

/** The largest answer of one read in the engine's memory: its JSON must fit a JavaScript string of 512 MiB. */
const resultBytesMax = 128 * 1024 * 1024;

/** How the answer of a read is written that comes in one piece. */
export const resultSettings: Settings = {
  max_result_bytes: resultBytesMax,
  result_overflow_mode: "throw",
};

/** Otherwise `rows_before_limit_at_least` ends where the engine had enough, which is what all other reads want. */
export const pageSettings: Settings = { exact_rows_before_limit: 1 };

/** Of a read that is streamed. */
export const streamSettings: Settings = {
  // Rows that the engine hands over at once: enough to be fast, few enough for wide rows.
  max_block_size: 4096,
  // Groups that follow the sort key come out one by one instead of being held to the end.
  optimize_aggregation_in_order: 1,
};

/** A stream lasts as long as its consumer takes; beyond this it was forgotten. */
export const streamTimeMsMax = 3_600_000;

export const insertSettings: Settings = {
  async_insert: 0,
  // A column that the table lacks, or a null where none may be, is our mistake: silence would lose data.
  input_format_skip_unknown_fields: 0,
  input_format_null_as_default: 0,
};

/** An answer in the format JSON, as far as it is read here. */
export interface Answer<Row> {
  readonly data: Row[];
  /** Missing where a statement has no LIMIT. */
  readonly rows_before_limit_at_least?: number;
  readonly statistics: { readonly rows_read: number };
}

/** The answer of a read with {@link pageSettings}. */
export function pageOf<Row>({ data, rows_before_limit_at_least }: Answer<Row>): Page<Row> {
  return { rows: data, total: rows_before_limit_at_least ?? data.length };
}

/** A budget as settings of a statement, which fails where it goes over. */
export function budgetSettings({ timeMs, memoryBytes, rowsToRead }: ReadBudget): Settings {
  return {
    ...(timeMs !== undefined && { max_execution_time: wholeNumber(timeMs) / 1000 }),
    ...(memoryBytes !== undefined && { max_memory_usage: wholeNumber(memoryBytes) }),
    ...(rowsToRead !== undefined && {
      max_rows_to_read: wholeNumber(rowsToRead),
      read_overflow_mode: "throw",
    }),
  };
}

/** What follows SETTINGS in a statement. The settings are our own: nothing in them is escaped. */
export function settingsClause(settings: Settings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${typeof value === "number" ? value : `'${value}'`}`)
    .join(", ");
}

/** Limits stand in the text of statements: nothing but digits may, and 0 would mean "no limit". */
export function wholeNumber(value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new Error(`A limit of the ClickHouse engine must be a whole number above 0, not ${value}.`);
}
