import { z } from "zod";

import {
  contextOfTraces,
  observationsBehind,
  type ObservationPlace,
  type ObservationV2Filter,
  type ObservationV2Key,
} from "../../clickhouse/queries/observations-v2.ts";
import { observationsByKey } from "../../clickhouse/queries/observations.ts";
import {
  isTooLarge,
  metadataColumns,
  noPayloadColumns,
  payloadColumns,
} from "../../clickhouse/queries/payload.ts";
import { payloadTooLarge } from "../../schemas/errors.ts";
import { observationV2FilterColumns } from "../../schemas/filter-columns.ts";
import { notOutranked, parseFilter, rangeOf } from "../../schemas/filters.ts";
import { decodeCursor, encodeCursor } from "../../schemas/public-api/cursor.ts";
import { unitPricesOf } from "../../schemas/public-api/model.ts";
import {
  observationCursor,
  observationGroupsOf,
  observationV2Of,
  type ObservationCursor,
  type ObservationGroup,
  type ObservationV2,
} from "../../schemas/public-api/observation-v2.ts";
import { observationLevels, observationTypes } from "../../schemas/public-api/observation.ts";
import {
  dateParam,
  enumParam,
  listParam,
  namesOf,
  parseQuery,
  textParam,
} from "../../schemas/public-api/params.ts";
import { isoOfColumn } from "../../schemas/public-api/stored-value.ts";
import { millisOf, storableMs } from "../../schemas/time.ts";
import type { ProjectRequest } from "./route.ts";

export const observationsV2Query = z.object({
  fields: textParam,
  expandMetadata: textParam,
  // Empty means 0 here, unlike in the lists with pages (read-api §1.5).
  limit: z.coerce.number().int().min(0).max(1000).default(50),
  cursor: textParam,
  parseIoAsJson: z
    .literal("false", "Inputs and outputs are always raw text: leave parseIoAsJson out.")
    .optional(),
  type: enumParam(observationTypes),
  name: textParam,
  userId: textParam,
  sessionId: textParam,
  level: enumParam(observationLevels),
  traceId: textParam,
  version: textParam,
  // Empty asks for those without a parent.
  parentObservationId: z.string().optional(),
  isRootObservation: z
    .enum(["true", "false"])
    .transform((text) => text === "true")
    .optional(),
  environment: listParam,
  fromStartTime: dateParam,
  toStartTime: dateParam,
  filter: textParam,
});

/** Of each metadata value, unless `expandMetadata` names any key (read-api §5). */
const metadataCharactersMax = 200;

/** GET /v2/observations (read-api §5). */
export async function listObservationsV2({
  caller,
  reader,
  registry,
  search,
}: ProjectRequest): Promise<{ data: ObservationV2[]; meta: { cursor?: string } }> {
  const asked = parseQuery(observationsV2Query, search);
  const filter = filterOf(asked);
  const after = asked.cursor === undefined ? undefined : placeOf(asked.cursor);
  if (asked.limit === 0) return { data: [], meta: {} };
  const groups = observationGroupsOf(asked.fields);
  // One more than asked for tells whether there is a next page.
  const found = await observationsBehind(reader, filter, after, asked.limit + 1);
  const keys = found.slice(0, asked.limit);
  const isExpanded = namesOf(asked.expandMetadata ?? "").length > 0;
  const [rows, traces] = await Promise.all([
    observationsByKey(reader, keys, payloadOf(groups, isExpanded)),
    groups.has("basic") || groups.has("trace_context")
      ? contextOfTraces(reader, [...new Set(keys.map((key) => key.trace_id))])
      : undefined,
  ]);
  if (isTooLarge(rows)) throw payloadTooLarge(adviceOnSize);
  const { models } = registry.registry;
  const data = rows.map((row) => {
    const prices = unitPricesOf(models, caller.project.id, row.model_id);
    return observationV2Of(row, traces?.get(row.trace_id), prices, groups);
  });
  const last = found.length > asked.limit ? keys.at(-1) : undefined;
  return { data, meta: last ? { cursor: encodeCursor(cursorOf(last), "base64") } : {} };
}

function filterOf(asked: z.output<typeof observationsV2Query>): ObservationV2Filter {
  const conditions = parseFilter(asked.filter, observationV2FilterColumns);
  const simple = notOutranked(asked, conditions, {
    type: "type",
    name: "name",
    userId: "userId",
    sessionId: "sessionId",
    level: "level",
    traceId: "traceId",
    version: "version",
    parentObservationId: "parentObservationId",
    isRootObservation: "isRootObservation",
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

function payloadOf(groups: ReadonlySet<ObservationGroup>, isExpanded: boolean): string {
  if (groups.has("io")) return payloadColumns;
  if (!groups.has("metadata")) return noPayloadColumns;
  return metadataColumns(isExpanded ? null : metadataCharactersMax);
}

function placeOf(cursor: string): ObservationPlace {
  const { lastStartTimeTo, lastTraceId, lastId } = decodeCursor(observationCursor, cursor);
  return { startTime: storableMs(millisOf(lastStartTimeTo)), traceId: lastTraceId, id: lastId };
}

function cursorOf({ start_time, trace_id, id }: ObservationV2Key): ObservationCursor {
  return { lastStartTimeTo: isoOfColumn(start_time), lastTraceId: trace_id, lastId: id };
}

const adviceOnSize =
  "The observations of this page are too large for one answer. Ask for a smaller page, or leave `io` and `metadata` out of `fields`.";
