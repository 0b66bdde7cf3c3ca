import type { Condition } from "./conditions.ts";

/**
 * A statement for the newest row of each id among those that match, the last written first unless `order` says otherwise.
 * FINAL leaves one row a key, and an entity that moves has two keys for a moment: its new row is inserted before the
 * tombstone of the old one. `columns` and `where` may name the table by the alias `t`; `order` names columns alone. `settings` are those of the read.
 */
export function newestRows(
  table: "traces" | "observations" | "scores",
  columns: string,
  where: Condition,
  order?: string,
  settings = "",
): string {
  const rows = `SELECT ${columns}
     FROM sluice.${table} AS t FINAL
     WHERE ${where.sql}
     ORDER BY t.ver DESC, t.id DESC
     LIMIT 1 BY t.id
     ${settings}`;
  return order === undefined ? rows : `SELECT * FROM (${rows}) ORDER BY ${order}`;
}
