import type { Context } from "hono";
import { z } from "zod";

import type { ProjectReader } from "../../clickhouse/queries/conditions.ts";
import {
  observationsOfTrace,
  type ObservationRead,
} from "../../clickhouse/queries/observations.ts";
import { isTooLarge } from "../../clickhouse/queries/payload.ts";
import { scoresOfTrace } from "../../clickhouse/queries/scores.ts";
import { observationsOfTraces } from "../../clickhouse/queries/trace-parts.ts";
import { withTopmostSpans } from "../../clickhouse/queries/topmost-spans.ts";
import { traceById } from "../../clickhouse/queries/traces.ts";
import { notFound, payloadTooLarge } from "../../schemas/errors.ts";
import { unitPricesOf } from "../../schemas/public-api/model.ts";
import { observationOf, tierOf, zeroPrices } from "../../schemas/public-api/observation.ts";
import { groupsOf, parseQuery, textParam } from "../../schemas/public-api/params.ts";
import { scoreV1Of } from "../../schemas/public-api/score.ts";
import {
  detailLatencyOf,
  htmlPathOf,
  notAsked,
  totalCostOf,
  totalsOf,
  traceGroups,
  traceOf,
  type StoredTraceTotals,
  type TraceDetail,
} from "../../schemas/public-api/trace.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import { pathParam, type ProjectRequest } from "./route.ts";

export const query = z.object({ fields: textParam });

/** GET /traces/{traceId} (read-api §3.2). */
export async function getTrace(
  { caller, reader, registry, search }: ProjectRequest,
  c: Context<HttpEnv>,
): Promise<TraceDetail> {
  const id = pathParam(c, "traceId");
  const groups = groupsOf(parseQuery(query, search).fields, traceGroups);
  const withPayload = groups.has("io");
  const withTotals = groups.has("metrics");
  const [observations, trace, scores] = await Promise.all([
    groups.has("observations") ? observationsOfTrace(reader, id, withPayload) : undefined,
    traceById(reader, id, withPayload),
    groups.has("scores") ? scoresOfTrace(reader, id) : [],
  ]);
  if (!trace) throw notFound("There is no such trace in this project.");
  if (isTooLarge([trace]) || isTooLarge(observations ?? [])) throw payloadTooLarge(adviceOnSize);
  const totals = withTotals ? await totalsOfTrace(reader, id, observations) : undefined;
  const [shown = trace] = await withTopmostSpans(reader, [trace], withPayload);
  const { models } = registry.registry;
  const pricesOf = (modelId: string) => unitPricesOf(models, caller.project.id, modelId);
  return {
    ...traceOf(shown),
    observations: (observations ?? []).map((row) =>
      observationOf(row, pricesOf(row.model_id) ?? zeroPrices, tierOf(row)),
    ),
    scores: scores.map(scoreV1Of),
    totalCost: withTotals ? totalCostOf(totals) : notAsked,
    latency: withTotals ? detailLatencyOf(totals) : notAsked,
    htmlPath: htmlPathOf(trace),
  };
}

/** From the observations, where they are read anyway. */
async function totalsOfTrace(
  reader: ProjectReader,
  id: string,
  observations: readonly ObservationRead[] | undefined,
): Promise<StoredTraceTotals | undefined> {
  if (observations) return totalsOf(id, observations);
  return (await observationsOfTraces(reader, { traceIds: [id] })).get(id);
}

const adviceOnSize =
  "The trace is too large for one answer. Leave `io` or `observations` out of `fields`, or read its observations by page.";
