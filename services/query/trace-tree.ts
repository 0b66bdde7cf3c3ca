import type { Context } from "hono";

import {
  treeNodesBehind,
  treeTotals,
  type TreePlace,
} from "../../clickhouse/queries/trace-tree.ts";
import { notFound } from "../../schemas/errors.ts";
import { decodeCursor, encodeCursor } from "../../schemas/public-api/cursor.ts";
import { parseQuery } from "../../schemas/public-api/params.ts";
import {
  treeCursor,
  treeNodeOf,
  treeQuery,
  treeTotalsOf,
  type TreeMeta,
  type TreeNode,
} from "../../schemas/public-api/trace-tree.ts";
import { millisOf, storableMs } from "../../schemas/time.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import { pathParam, type ProjectRequest } from "./route.ts";

/**
 * GET /x/traces/{traceId}/tree: the observations of a trace without what they carry, for traces too large or too deep
 * for one answer.
 *
 * The order is by start, then id. A parent starts no later than its children, clocks permitting, so who draws page by
 * page has nearly always drawn the parent already, and holds back the few others until their parent comes. Any order
 * by depth would need the whole tree for every page, and would move rows between pages while a trace still grows;
 * by start, what is added to a running trace comes at the end.
 */
export async function getTraceTree(
  { reader, search }: ProjectRequest,
  c: Context<HttpEnv>,
): Promise<{ data: TreeNode[]; meta: TreeMeta }> {
  const traceId = pathParam(c, "traceId");
  const { limit, cursor } = parseQuery(treeQuery, search);
  const after = cursor === undefined ? undefined : placeOf(cursor);
  // One more than asked for tells whether there is a next page.
  const [found, totals] = await Promise.all([
    treeNodesBehind(reader, traceId, after, limit + 1),
    treeTotals(reader, traceId),
  ]);
  if (!totals) throw notFound("There are no observations of such a trace in this project.");
  const data = found.slice(0, limit).map(treeNodeOf);
  const last = found.length > limit ? data.at(-1) : undefined;
  return {
    data,
    meta: {
      limit,
      ...treeTotalsOf(totals),
      ...(last && {
        cursor: encodeCursor({ startTime: last.startTime, id: last.id }, "base64url"),
      }),
    },
  };
}

function placeOf(cursor: string): TreePlace {
  const { startTime, id } = decodeCursor(treeCursor, cursor);
  return { startTime: storableMs(millisOf(startTime)), id };
}
