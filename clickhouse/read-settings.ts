import type { ReadBudget } from "./engine.ts";

/** Said with every read, whatever the engine's defaults. */
export const readSettings: readonly string[] = [
  // A key's hour fixes its month, so versions of a row never lie in two partitions.
  "do_not_merge_across_partitions_select_final = 1",
  // Without the exact mode a filter could match an old version of a row whose newest does not match.
  "use_skip_indexes_if_final = 1",
  "use_skip_indexes_if_final_exact_mode = 1",
  // Only conditions on the sort key are asked first, which all versions of a row share.
  "optimize_move_to_prewhere_if_final = 1",
  "output_format_json_quote_64bit_integers = 1",
  "output_format_json_quote_decimals = 1",
  "output_format_json_escape_forward_slashes = 0",
];

/** A budget as settings of a statement, which fails where it goes over. */
export function budgetSettings({ timeMs, memoryBytes, rowsToRead }: ReadBudget): string[] {
  const settings: string[] = [];
  if (timeMs !== undefined) settings.push(`max_execution_time = ${wholeNumber(timeMs) / 1000}`);
  if (memoryBytes !== undefined) settings.push(`max_memory_usage = ${wholeNumber(memoryBytes)}`);
  if (rowsToRead !== undefined) {
    settings.push(`max_rows_to_read = ${wholeNumber(rowsToRead)}`, "read_overflow_mode = 'throw'");
  }
  return settings;
}

/** Limits stand in the text of statements: nothing but digits may, and 0 would mean "no limit". */
export function wholeNumber(value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new Error(`A limit of the ClickHouse engine must be a whole number above 0, not ${value}.`);
}
