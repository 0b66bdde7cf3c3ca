import type { StoredTreeNode, StoredTreeTotals } from "../../schemas/public-api/trace-tree.ts";
import { equals, whereOf, type Condition, type ProjectReader } from "./conditions.ts";

/** A place in a tree: nodes behind it start later, or at the same moment with a higher id. */
export interface TreePlace {
  /** Epoch milliseconds. */
  readonly startTime: number;
  readonly id: string;
}

/** The first `limit` observations of the trace behind `after`, the earliest first; no payloads are touched. */
export async function treeNodesBehind(
  reader: ProjectReader,
  traceId: string,
  after: TreePlace | undefined,
  limit: number,
): Promise<StoredTreeNode[]> {
  const where = whereOf(reader, [equals("trace_id", traceId), after && isBehind(after)]);
  return await reader.db.query<StoredTreeNode>(
    `SELECT id, parent_id, type, name, start_time, end_time, level, total_cost
     FROM sluice.observations FINAL
     WHERE ${where.sql}
     ORDER BY start_time, id
     LIMIT {limit:UInt32}`,
    { ...where.params, limit },
    reader.budget,
  );
}

/** Undefined when the trace has no observations. */
export async function treeTotals(
  reader: ProjectReader,
  traceId: string,
): Promise<StoredTreeTotals | undefined> {
  const where = whereOf(reader, [equals("trace_id", traceId)]);
  const rows = await reader.db.query<StoredTreeTotals>(
    `SELECT
       count() AS observations,
       min(start_time) AS min_start,
       max(start_time) AS max_start,
       max(if(isNull(end_time), NULL, greatest(start_time, end_time))) AS max_end,
       sum(total_cost) AS cost
     FROM sluice.observations FINAL
     WHERE ${where.sql}
     GROUP BY trace_id`,
    where.params,
    reader.budget,
  );
  return rows[0];
}

function isBehind({ startTime, id }: TreePlace): Condition {
  return {
    sql: `start_time >= fromUnixTimestamp64Milli({after_time:Int64}, 'UTC')
       AND (start_time, id) > (fromUnixTimestamp64Milli({after_time:Int64}, 'UTC'), {after_id:String})`,
    params: { after_time: startTime, after_id: id },
  };
}
