import { z } from "zod";

import { observationsOfTraces, scoreIdsOfTraces } from "../../clickhouse/queries/trace-parts.ts";
import { isTooLarge } from "../../clickhouse/queries/payload.ts";
import { withTopmostSpans } from "../../clickhouse/queries/topmost-spans.ts";
import {
  isTraceOrderColumn,
  pageOfTraces,
  tracesOfPage,
  type TraceFilter,
  type TraceOrder,
} from "../../clickhouse/queries/traces.ts";
import { invalidParameter, payloadTooLarge } from "../../schemas/errors.ts";
import { traceFilterColumns } from "../../schemas/filter-columns.ts";
import { notOutranked, parseFilter, rangeOf } from "../../schemas/filters.ts";
import {
  offsetOf,
  pageMeta,
  pageParams,
  type PageMeta,
} from "../../schemas/public-api/pagination.ts";
import {
  dateParam,
  groupsOf,
  listParam,
  orderParam,
  parseQuery,
  textParam,
} from "../../schemas/public-api/params.ts";
import {
  htmlPathOf,
  listLatencyOf,
  notAsked,
  totalCostOf,
  traceGroups,
  traceOf,
  type TraceListItem,
} from "../../schemas/public-api/trace.ts";
import type { ProjectRequest } from "./route.ts";

export const query = z.object({
  ...pageParams,
  userId: textParam,
  name: textParam,
  sessionId: textParam,
  version: textParam,
  release: textParam,
  tags: listParam,
  environment: listParam,
  fromTimestamp: dateParam,
  toTimestamp: dateParam,
  orderBy: orderParam,
  fields: textParam,
  filter: textParam,
});

/** GET /traces (read-api §3.1). */
export async function listTraces({
  reader,
  search,
}: ProjectRequest): Promise<{ data: TraceListItem[]; meta: PageMeta }> {
  const asked = parseQuery(query, search);
  const order = orderOf(asked.orderBy);
  const groups = groupsOf(asked.fields, traceGroups);
  const filter = filterOf(asked);

  const page = await pageOfTraces(reader, filter, order, {
    limit: asked.limit,
    offset: offsetOf(asked),
  });
  const parts = { ...filter, traceIds: page.keys.map((key) => key.id) };
  const withObservations = groups.has("observations");
  const withTotals = groups.has("metrics");
  const [observations, { rows, total }, scoreIds] = await Promise.all([
    withObservations || withTotals ? observationsOfTraces(reader, parts) : undefined,
    tracesOfPage(reader, page, groups.has("io")),
    groups.has("scores") ? scoreIdsOfTraces(reader, parts) : undefined,
  ]);
  if (isTooLarge(rows)) throw payloadTooLarge(adviceOnSize);

  const shown = await withTopmostSpans(reader, rows, groups.has("io"));
  const data = shown.map((row) => ({
    ...traceOf(row),
    observations: (withObservations && observations?.get(row.id)?.ids) || [],
    scores: scoreIds?.get(row.id) ?? [],
    totalCost: withTotals ? totalCostOf(observations?.get(row.id)) : notAsked,
    latency: withTotals ? listLatencyOf(observations?.get(row.id)) : notAsked,
    htmlPath: htmlPathOf(row),
  }));
  return { data, meta: pageMeta(asked, total) };
}

function filterOf(asked: z.output<typeof query>): TraceFilter {
  const conditions = parseFilter(asked.filter, traceFilterColumns);
  const simple = notOutranked(asked, conditions, {
    userId: "userId",
    name: "name",
    sessionId: "sessionId",
    version: "version",
    release: "release",
    tags: "tags",
    environment: "environment",
    fromTimestamp: "timestamp",
    toTimestamp: "timestamp",
  });
  const { from, to, rest } = rangeOf(conditions, "timestamp", {
    from: simple.fromTimestamp,
    to: simple.toTimestamp,
  });
  return { ...simple, from, to, advanced: rest };
}

function orderOf(asked: { column: string; direction: "asc" | "desc" } | undefined): TraceOrder {
  const { column, direction } = asked ?? { column: "timestamp", direction: "desc" };
  if (isTraceOrderColumn(column)) return { column, direction };
  throw invalidParameter("`orderBy` names a column that traces cannot be ordered by.");
}

const adviceOnSize =
  "The traces of this page are too large for one answer. Ask for a smaller page, or leave `io` out of `fields`.";
