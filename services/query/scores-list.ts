import { z } from "zod";

import {
  countScores,
  pageOfScores,
  scoreOperators,
  scoresByKey,
  tracesOfScores,
  type ScoreFilter,
} from "../../clickhouse/queries/scores.ts";
import { invalidParameter } from "../../schemas/errors.ts";
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
  refuseFilter,
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

const queryV1 = z.object({
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

const queryV2 = queryV1.extend({
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
  refuseFilter(asked.filter);
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
  refuseFilter(asked.filter);
  const withTrace = asksForTrace(asked);
  const filter = {
    ...filterOf(asked),
    onlyV1: false,
    traceId: asked.traceId,
    sessionId: asked.sessionId,
    datasetRunId: asked.datasetRunId,
    observationIds: asked.observationId,
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

function filterOf(asked: Asked): Omit<ScoreFilter, "onlyV1" | "trace"> {
  const { value, operator } = asked;
  return {
    ids: asked.scoreIds,
    name: asked.name,
    source: asked.source,
    dataType: asked.dataType,
    configId: asked.configId,
    queueId: asked.queueId,
    environment: asked.environment,
    from: asked.fromTimestamp,
    to: asked.toTimestamp,
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
  const total = await countScores(reader, filter);
  const keys = await pageOfScores(reader, filter, {
    limit: asked.limit,
    offset: offsetOf(asked),
    total,
  });
  const traceIds = filter.trace ? keys.map((key) => key.trace_id).filter((id) => id !== "") : [];
  const [rows, traces] = await Promise.all([
    scoresByKey(reader, keys),
    tracesOfScores(reader, traceIds),
  ]);
  return { rows, traces, total };
}
