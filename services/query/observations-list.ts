import { z } from "zod";

import {
  observationsByKey,
  pageOfObservations,
  type ObservationFilter,
} from "../../clickhouse/queries/observations.ts";
import { isTooLarge } from "../../clickhouse/queries/payload.ts";
import { payloadTooLarge } from "../../schemas/errors.ts";
import { observationFilterColumns } from "../../schemas/filter-columns.ts";
import { notOutranked, parseFilter, rangeOf } from "../../schemas/filters.ts";
import { unitPricesOf } from "../../schemas/public-api/model.ts";
import {
  observationLevels,
  observationOf,
  observationTypes,
  unknownPrices,
  type Observation,
} from "../../schemas/public-api/observation.ts";
import {
  offsetOf,
  pageMeta,
  pageParams,
  type PageMeta,
} from "../../schemas/public-api/pagination.ts";
import {
  dateParam,
  enumParam,
  listParam,
  parseQuery,
  textParam,
} from "../../schemas/public-api/params.ts";
import type { ProjectRequest } from "./route.ts";

export const query = z.object({
  ...pageParams,
  type: enumParam(observationTypes),
  name: textParam,
  userId: textParam,
  level: enumParam(observationLevels),
  traceId: textParam,
  version: textParam,
  parentObservationId: textParam,
  environment: listParam,
  fromStartTime: dateParam,
  toStartTime: dateParam,
  filter: textParam,
});

/** GET /observations (read-api §4.1). */
export async function listObservations({
  caller,
  reader,
  registry,
  search,
}: ProjectRequest): Promise<{ data: Observation[]; meta: PageMeta }> {
  const asked = parseQuery(query, search);
  const filter = filterOf(asked);
  const { rows: keys, total } = await pageOfObservations(reader, filter, {
    limit: asked.limit,
    offset: offsetOf(asked),
  });
  const rows = await observationsByKey(reader, keys);
  if (isTooLarge(rows)) {
    throw payloadTooLarge(
      "The observations of this page are too large for one answer. Ask for a smaller page.",
    );
  }
  const { models } = registry.registry;
  const pricesOf = (modelId: string) => unitPricesOf(models, caller.project.id, modelId);
  return {
    data: rows.map((row) => observationOf(row, pricesOf(row.model_id) ?? unknownPrices)),
    meta: pageMeta(asked, total),
  };
}

function filterOf(asked: z.output<typeof query>): ObservationFilter {
  const conditions = parseFilter(asked.filter, observationFilterColumns);
  const simple = notOutranked(asked, conditions, {
    type: "type",
    name: "name",
    userId: "userId",
    level: "level",
    traceId: "traceId",
    version: "version",
    parentObservationId: "parentObservationId",
    environment: "environment",
    fromStartTime: "startTime",
    toStartTime: "startTime",
  });
  const { from, to, rest } = rangeOf(conditions, "startTime", {
    from: simple.fromStartTime,
    to: simple.toStartTime,
  });
  return { ...simple, from, to, advanced: rest };
}
