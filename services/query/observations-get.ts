import type { Context } from "hono";

import { observationById } from "../../clickhouse/queries/observations.ts";
import { isTooLarge } from "../../clickhouse/queries/payload.ts";
import { notFound, payloadTooLarge } from "../../schemas/errors.ts";
import { unitPricesOf } from "../../schemas/public-api/model.ts";
import {
  observationOf,
  tierOf,
  unknownPrices,
  type Observation,
} from "../../schemas/public-api/observation.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import { pathParam, type ProjectRequest } from "./route.ts";

/** GET /observations/{observationId} (read-api §4.2). */
export async function getObservation(
  { caller, reader, registry }: ProjectRequest,
  c: Context<HttpEnv>,
): Promise<Observation> {
  const row = await observationById(reader, pathParam(c, "observationId"));
  if (!row) throw notFound("There is no such observation in this project.");
  if (isTooLarge([row])) throw payloadTooLarge("The observation is too large for one answer.");
  const prices = unitPricesOf(registry.registry.models, caller.project.id, row.model_id);
  return observationOf(row, prices ?? unknownPrices, tierOf(row));
}
