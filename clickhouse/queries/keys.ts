import { allOf, isAnyOf, type Condition } from "./conditions.ts";

/** Where a row lies, within its project. */
export interface RowKey {
  readonly id: string;
  /** `key_hour` in seconds since the epoch. */
  readonly hour: number;
}

/**
 * The rows of the table aliased `t` at these keys, and of an id also the one at another's hour. The sort key is used as
 * far as its hour.
 */
export function isAt(keys: readonly RowKey[]): Condition {
  const hours = [...new Set(keys.map((key) => key.hour))];
  return allOf([
    { sql: "t.key_hour IN {hours:Array(UInt32)}", params: { hours } },
    isAnyOf(
      "t.id",
      keys.map((key) => key.id),
      "ids",
    ),
  ]);
}

/** The rows in the order of their keys, each id once; a row that is gone meanwhile is left out. */
export function inOrderOf<Row extends { readonly id: string }>(
  keys: readonly RowKey[],
  rows: readonly Row[],
): Row[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  const ids = new Set(keys.map((key) => key.id));
  return [...ids].map((id) => byId.get(id)).filter((row) => row !== undefined);
}
