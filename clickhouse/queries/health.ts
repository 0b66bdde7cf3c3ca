import type { Db, ReadBudget } from "../engine.ts";

/** Whether the database answers at all. */
export async function isAnswering(db: Db, budget: ReadBudget): Promise<boolean> {
  try {
    await db.query("SELECT 1 AS one", {}, budget);
    return true;
  } catch {
    return false;
  }
}

/**
 * Whether any project has a trace or an observation of the last `ms`; false as well when the database does not
 * answer. The one read beyond a project: it says yes or no and shows nothing.
 */
export async function hasRecentEvents(
  db: Db,
  budget: ReadBudget,
  ms: number,
  now: number,
): Promise<boolean> {
  try {
    const rows = await db.query(
      `SELECT 1 AS one FROM (
         SELECT timestamp AS time FROM sluice.traces WHERE key_hour >= toDateTime({hour:UInt32}, 'UTC')
         UNION ALL
         SELECT start_time AS time FROM sluice.observations WHERE key_hour >= toDateTime({hour:UInt32}, 'UTC')
       )
       WHERE time >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
       LIMIT 1`,
      { since: now - ms, hour: Math.floor((now - ms) / 3_600_000) * 3_600 - 25 * 3_600 },
      budget,
    );
    return rows.length > 0;
  } catch {
    return false;
  }
}
