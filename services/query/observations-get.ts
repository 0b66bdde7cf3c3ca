import type { Context } from "hono";

import { observationById } from "../../clickhouse/queries/observations.ts";
import { isTooLarge } from "../../clickhouse/queries/payload.ts";
import { notFound, payloadTooLarge } from "../../schemas/errors.ts";
import {
  observationOf,
  unknownPrices,
  type Observation,
} from "../../schemas/public-api/observation.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import { pathParam, type ProjectRequest } from "./route.ts";

/** GET /observations/{observationId} (read-api §4.2). */
export async function getObservation(
  { reader }: ProjectRequest,
  c: Context<HttpEnv>,
): Promise<Observation> {
  const row = await observationById(reader, pathParam(c, "observationId"));
  if (!row) throw notFound("There is no such observation in this project.");
  if (isTooLarge([row])) throw payloadTooLarge("The observation is too large for one answer.");
  return observationOf(row, unknownPrices);
}
