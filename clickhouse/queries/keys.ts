import { allOf, isAnyOf, whereOf, type Condition, type ProjectReader } from "./conditions.ts";

/** Where a row lies, within its project. */
export interface RowKey {
  readonly id: string;
  /** `key_hour` in seconds since the epoch. */
  readonly hour: number;
}

/** Up to here, reading rows by key is cheaper than merging the versions of all rows of the table. */
const fewKeysMax = 5_000;

/**
 * The keys of all rows of which any version matches `where`, which is what follows WHERE in a list's statement: those whose
 * newest version does are among them. Nothing needs to be merged to find them, and an index passes over the rest of the
 * table. Undefined when they are many, or when everything matches or other tables are asked too.
 */
export async function fewKeysOf(
  reader: ProjectReader,
  table: "traces",
  where: Condition,
): Promise<RowKey[] | undefined> {
  if (where.sql === whereOf(reader, []).sql || !asksOfRowsAlone(where)) return undefined;
  const rows = await reader.db.query<RowKey>(
    `SELECT id, toUnixTimestamp(key_hour) AS hour
     FROM sluice.${table} AS t
     WHERE ${where.sql}
     LIMIT ${fewKeysMax + 1}`,
    where.params,
    reader.budget,
  );
  return rows.length > fewKeysMax ? undefined : rows;
}

/** Whether a condition depends on nothing but the row itself: not on other tables. */
export function asksOfRowsAlone(where: Condition): boolean {
  return !where.sql.includes("sluice.");
}

/**
 * For a read with FINAL at known keys. For a row that an index finds, FINAL reads whatever may hold other versions of it,
 * at times half of the table; the sort key has told these places already.
 */
export const noSkipIndexes = "SETTINGS use_skip_indexes_if_final = 0";

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
