import { z } from "zod";

import {
  pageOfScores,
  scoreOperators,
  scoresByKey,
  tracesOfScores,
  type ScoreFilter,
} from "../../clickhouse/queries/scores.ts";
import { invalidParameter } from "../../schemas/errors.ts";
import { scoreFilterColumns } from "../../schemas/filter-columns.ts";
import { notOutranked, parseFilter, rangeOf } from "../../schemas/filters.ts";
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
  namesOf,
  numberParam,
  parseQuery,
  textParam,
} from "../../schemas/public-api/params.ts";
import {
  scoreDataTypes,
  scoreSources,
  scoreTraceV1Of,
  scoreTraceV2Of,
  scoreV1Of,
  scoreV2Of,
  type ScoreTraceV1,
  type ScoreTraceV2,
  type ScoreV1,
  type ScoreV2,
  type StoredScore,
  type StoredScoreTrace,
} from "../../schemas/public-api/score.ts";
import type { ProjectRequest } from "./route.ts";

export const queryV1 = z.object({
  ...pageParams,
  userId: textParam,
  name: textParam,
  dataType: enumParam(scoreDataTypes),
  configId: textParam,
  queueId: textParam,
  traceTags: listParam,
  environment: listParam,
  fromTimestamp: dateParam,
  toTimestamp: dateParam,
  source: enumParam(scoreSources),
  value: numberParam,
  operator: enumParam(scoreOperators),
  scoreIds: listParam,
  fields: textParam,
  filter: textParam,
});

export const queryV2 = queryV1.extend({
  sessionId: textParam,
  traceId: textParam,
  datasetRunId: textParam,
  observationId: listParam,
});

interface ScoreList<Score> {
  data: Score[];
  meta: PageMeta;
}

/** GET /scores (read-api §7.3): always with the trace, whatever `fields` says. */
export async function listScoresV1({
  reader,
  search,
}: ProjectRequest): Promise<ScoreList<ScoreV1 & { trace: ScoreTraceV1 | null }>> {
  const asked = parseQuery(queryV1, search);
  const filter = {
    ...filterOf(asked),
    onlyV1: true,
    trace: { userId: asked.userId, tags: asked.traceTags },
  };
  const { rows, traces, total } = await readPage(reader, filter, asked);
  const data = rows.map((row) => {
    const trace = traces.get(row.trace_id);
    return { ...scoreV1Of(row), trace: trace ? scoreTraceV1Of(trace) : null };
  });
  return { data, meta: pageMeta(asked, total) };
}

/** GET /v2/scores (read-api §7.3). Scores of a trace that is not stored show only when the trace is not asked for. */
export async function listScoresV2({
  reader,
  search,
}: ProjectRequest): Promise<ScoreList<ScoreV2 & { trace: ScoreTraceV2 | null }>> {
  const asked = parseQuery(queryV2, search);
  const withTrace = asksForTrace(asked);
  const filter = {
    ...filterOf(asked),
    onlyV1: false,
    datasetRunId: asked.datasetRunId,
    trace: withTrace ? { userId: asked.userId, tags: asked.traceTags } : null,
  };
  const { rows, traces, total } = await readPage(reader, filter, asked);
  const data = rows.map((row) => {
    const trace = traces.get(row.trace_id);
    return { ...scoreV2Of(row), trace: trace ? scoreTraceV2Of(trace) : null };
  });
  return { data, meta: pageMeta(asked, total) };
}

type Asked = z.output<typeof queryV1>;

/** Of the parameters that only the second version has, the first one has none to give. */
function filterOf(
  asked: Asked & Partial<z.output<typeof queryV2>>,
): Omit<ScoreFilter, "onlyV1" | "trace"> {
  const conditions = parseFilter(asked.filter, scoreFilterColumns);
  const simple = notOutranked(asked, conditions, {
    scoreIds: "id",
    name: "name",
    source: "source",
    dataType: "dataType",
    environment: "environment",
    traceId: "traceId",
    sessionId: "sessionId",
    observationId: "observationId",
    value: "value",
    fromTimestamp: "timestamp",
    toTimestamp: "timestamp",
  });
  const { from, to, rest } = rangeOf(conditions, "timestamp", {
    from: simple.fromTimestamp,
    to: simple.toTimestamp,
  });
  const { value, operator } = simple;
  return {
    ids: simple.scoreIds,
    name: simple.name,
    source: simple.source,
    dataType: simple.dataType,
    configId: simple.configId,
    queueId: simple.queueId,
    traceId: simple.traceId,
    sessionId: simple.sessionId,
    observationIds: simple.observationId,
    environment: simple.environment,
    from,
    to,
    advanced: rest,
    // One without the other asks for nothing (read-api §7.3).
    ...(value === undefined || operator === undefined
      ? {}
      : { value: { operator, number: value } }),
  };
}

function asksForTrace({ fields, userId, traceTags }: Asked): boolean {
  if (fields === undefined) return true;
  const groups = namesOf(fields);
  if (!groups.includes("score")) {
    throw invalidParameter("`fields` must include `score`.");
  }
  if (groups.includes("trace")) return true;
  if (userId !== undefined || traceTags !== undefined) {
    throw invalidParameter("`userId` and `traceTags` need `trace` among `fields`.");
  }
  return false;
}

async function readPage(
  reader: ProjectRequest["reader"],
  filter: ScoreFilter,
  asked: Asked,
): Promise<{ rows: StoredScore[]; traces: Map<string, StoredScoreTrace>; total: number }> {
  const { rows: keys, total } = await pageOfScores(reader, filter, {
    limit: asked.limit,
    offset: offsetOf(asked),
  });
  const traceIds = filter.trace ? keys.map((key) => key.trace_id).filter((id) => id !== "") : [];
  const [rows, traces] = await Promise.all([
    scoresByKey(reader, keys),
    tracesOfScores(reader, traceIds),
  ]);
  return { rows, traces, total };
}
