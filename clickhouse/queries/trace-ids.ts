import type { Db } from "../engine.ts";
import { projectScope } from "../scope.ts";

/** Ids of the live observations or scores of a trace. */
export async function idsOfTrace(
  db: Db,
  table: "observations" | "scores",
  project: string,
  traceId: string,
): Promise<string[]> {
  const scope = projectScope(project);
  const rows = await db.query<{ id: string }>(
    `SELECT id FROM sluice.${table} FINAL WHERE ${scope.sql} AND trace_id = {traceId:String}`,
    { ...scope.params, traceId },
  );
  return rows.map(({ id }) => id);
}
