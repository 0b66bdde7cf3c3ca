import type { Context } from "hono";

import { costOfObservation } from "../../clickhouse/queries/cost.ts";
import { notFound } from "../../schemas/errors.ts";
import { explanationOf, type CostExplanation } from "../../schemas/public-api/cost.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import { pathParam, type ProjectRequest } from "./route.ts";

/** GET /x/observations/{observationId}/cost: why it costs what it costs. */
export async function getObservationCost(
  { reader }: ProjectRequest,
  c: Context<HttpEnv>,
): Promise<CostExplanation> {
  const row = await costOfObservation(reader, pathParam(c, "observationId"));
  if (!row) throw notFound("There is no such observation in this project.");
  return explanationOf(row);
}
