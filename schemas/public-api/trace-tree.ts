import { z } from "zod";

import { isContractDateTime } from "../time.ts";
import { emptyAsAbsent } from "./params.ts";
import { isoOfColumn, millisOfColumn, orNull } from "./stored-value.ts";

/** What a tree is drawn from of one observation, as a read brings it. */
export interface StoredTreeNode {
  readonly id: string;
  readonly parent_id: string;
  readonly type: string;
  readonly name: string;
  readonly start_time: string;
  /** As stated, which may be before `start_time`. */
  readonly end_time: string | null;
  readonly level: string;
  readonly total_cost: string | null;
}

/** What all observations of the trace add up to. */
export interface StoredTreeTotals {
  /** Quoted, as all 64-bit numbers. */
  readonly observations: string;
  readonly min_start: string;
  readonly max_end: string | null;
  readonly max_start: string;
  readonly cost: string | null;
}

export interface TreeNode {
  id: string;
  parentId: string | null;
  type: string;
  name: string | null;
  startTime: string;
  endTime: string | null;
  level: string;
  /** Seconds. */
  latency: number | null;
  /** USD; null when none is known. */
  totalCost: number | null;
}

export interface TreeMeta {
  limit: number;
  /** Observations of the whole trace. */
  totalItems: number;
  startTime: string;
  /** The last end, or the last start where nothing has ended. */
  endTime: string;
  /** USD. */
  totalCost: number;
  /** Absent on the last page. */
  cursor?: string;
}

export const treeQuery = z.object({
  limit: z.preprocess(emptyAsAbsent, z.coerce.number().int().min(1).max(5000).default(1000)),
  cursor: z.preprocess(emptyAsAbsent, z.string().optional()),
});

/** The last node of a page. */
export const treeCursor = z.object({
  startTime: z.string().refine(isContractDateTime, "Expected an ISO 8601 datetime"),
  id: z.string(),
});

export function treeNodeOf(row: StoredTreeNode): TreeNode {
  const end =
    row.end_time !== null && row.end_time < row.start_time ? row.start_time : row.end_time;
  return {
    id: row.id,
    parentId: orNull(row.parent_id),
    type: row.type,
    name: orNull(row.name),
    startTime: isoOfColumn(row.start_time),
    endTime: end === null ? null : isoOfColumn(end),
    level: row.level || "DEFAULT",
    latency: end === null ? null : (millisOfColumn(end) - millisOfColumn(row.start_time)) / 1000,
    totalCost: row.total_cost === null ? null : Number(row.total_cost),
  };
}

export function treeTotalsOf(totals: StoredTreeTotals): Omit<TreeMeta, "limit" | "cursor"> {
  return {
    totalItems: Number(totals.observations),
    startTime: isoOfColumn(totals.min_start),
    endTime: isoOfColumn(totals.max_end ?? totals.max_start),
    totalCost: Number(totals.cost ?? 0),
  };
}
