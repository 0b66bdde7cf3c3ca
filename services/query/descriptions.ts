import { z } from "zod";

import { answers, pageOf } from "../../schemas/public-api/answers.ts";
import { createBody as modelBody } from "../../schemas/public-api/model.ts";
import { pageParams } from "../../schemas/public-api/pagination.ts";
import {
  createBody as scoreConfigBody,
  updateBody as scoreConfigUpdate,
} from "../../schemas/public-api/score-config.ts";
import { scoresV3Query } from "../../schemas/public-api/score-v3.ts";
import { treeQuery } from "../../schemas/public-api/trace-tree.ts";
import type { RouteDescription } from "../runtime/http/route-description.ts";
import { redriveBody } from "./dead-letters.ts";
import { query as healthQuery } from "./health.ts";
import { query as observationsQuery } from "./observations-list.ts";
import { observationsV2Query } from "./observations-v2.ts";
import { queryV1 as scoresV1Query, queryV2 as scoresV2Query } from "./scores-list.ts";
import { query as sessionsQuery } from "./sessions-list.ts";
import { query as traceQuery } from "./traces-get.ts";
import { query as tracesQuery } from "./traces-list.ts";

const text = z.string();
const project = z.strictObject({
  id: text,
  name: text,
  organization: z.strictObject({ id: text, name: text }),
  metadata: z.record(text, z.unknown()),
});
const deadLetter = z.strictObject({
  id: text,
  reason: text,
  detail: text,
  receivedAt: z.iso.datetime(),
  parkedAt: z.iso.datetime(),
  body: text,
});
const health = z.strictObject({ status: z.enum(["OK", "ERROR"]), version: text });
const paged = z.object(pageParams);

interface Read extends Pick<RouteDescription, "id" | "path" | "tag" | "summary" | "answer"> {
  readonly query?: z.ZodObject;
  readonly errors?: readonly number[];
}

const reads: readonly Read[] = [
  {
    id: "getProjects",
    path: "/api/public/projects",
    tag: "Projects",
    summary: "The project of the key.",
    answer: z.strictObject({ data: z.array(project) }),
  },
  {
    id: "listTraces",
    path: "/api/public/traces",
    tag: "Traces",
    summary: "Traces by page, the newest first unless ordered otherwise.",
    query: tracesQuery,
    answer: pageOf(answers.TraceListItem),
    errors: [422],
  },
  {
    id: "getTrace",
    path: "/api/public/traces/:traceId",
    tag: "Traces",
    summary: "One trace with its observations and scores.",
    query: traceQuery,
    answer: answers.TraceDetail,
    errors: [404, 422],
  },
  {
    id: "getTraceTree",
    path: "/api/public/x/traces/:traceId/tree",
    tag: "Traces",
    summary:
      "The observations of a trace without what they carry, by start: for very large traces.",
    query: treeQuery,
    answer: z.strictObject({
      data: z.array(answers.TraceTreeNode),
      meta: answers.TraceTreeMeta,
    }),
    errors: [404],
  },
  {
    id: "listObservations",
    path: "/api/public/observations",
    tag: "Observations",
    summary: "Observations by page, the newest first.",
    query: observationsQuery,
    answer: pageOf(answers.Observation),
    errors: [422],
  },
  {
    id: "getObservation",
    path: "/api/public/observations/:observationId",
    tag: "Observations",
    summary: "One observation.",
    answer: answers.Observation,
    errors: [404, 422],
  },
  {
    id: "listObservationsV2",
    path: "/api/public/v2/observations",
    tag: "Observations",
    summary:
      "Observations by cursor, the newest first, with the groups of fields that are asked for.",
    query: observationsV2Query,
    answer: z.strictObject({
      data: z.array(answers.ObservationV2),
      meta: z.strictObject({ cursor: text.exactOptional() }),
    }),
    errors: [422],
  },
  {
    id: "getObservationCost",
    path: "/api/public/x/observations/:observationId/cost",
    tag: "Observations",
    summary: "What the cost of an observation was made of.",
    answer: answers.CostExplanation,
    errors: [404],
  },
  {
    id: "getObservationOtel",
    path: "/api/public/x/observations/:observationId/otel",
    tag: "Observations",
    summary: "The OpenTelemetry span that an observation came from, in OTLP/JSON.",
    answer: z.strictObject({ resourceSpans: z.array(z.looseObject({})) }),
    errors: [404],
  },
  {
    id: "listSessions",
    path: "/api/public/sessions",
    tag: "Sessions",
    summary: "Sessions by page, the newest first.",
    query: sessionsQuery,
    answer: pageOf(answers.Session),
  },
  {
    id: "getSession",
    path: "/api/public/sessions/:sessionId",
    tag: "Sessions",
    summary: "One session with its traces.",
    answer: answers.SessionDetail,
    errors: [404, 422],
  },
  {
    id: "listScoresV1",
    path: "/api/public/scores",
    tag: "Scores",
    summary: "Scores of traces and observations by page, the newest first; no corrections.",
    query: scoresV1Query,
    answer: pageOf(answers.ScoreV1InList),
  },
  {
    id: "getScoreV1",
    path: "/api/public/scores/:scoreId",
    tag: "Scores",
    summary: "One score of a trace or an observation.",
    answer: answers.ScoreV1,
    errors: [404],
  },
  {
    id: "listScoresV2",
    path: "/api/public/v2/scores",
    tag: "Scores",
    summary: "Scores of whatever they are about by page, the newest first.",
    query: scoresV2Query,
    answer: pageOf(answers.ScoreV2InList),
  },
  {
    id: "getScoreV2",
    path: "/api/public/v2/scores/:scoreId",
    tag: "Scores",
    summary: "One score, whatever it is about.",
    answer: answers.ScoreV2,
    errors: [404],
  },
  {
    id: "listScoresV3",
    path: "/api/public/v3/scores",
    tag: "Scores",
    summary:
      "Scores by cursor, each value in the type of its data. Unknown parameters are refused.",
    query: scoresV3Query,
    answer: z.strictObject({
      data: z.array(answers.ScoreV3),
      meta: z.strictObject({ limit: z.int(), cursor: text.exactOptional() }),
    }),
  },
  {
    id: "listScoreConfigs",
    path: "/api/public/score-configs",
    tag: "Score configs",
    summary: "Score configs by page, the newest first.",
    query: paged,
    answer: pageOf(answers.ScoreConfig),
  },
  {
    id: "getScoreConfig",
    path: "/api/public/score-configs/:id",
    tag: "Score configs",
    summary: "One score config.",
    answer: answers.ScoreConfig,
    errors: [404],
  },
  {
    id: "listModels",
    path: "/api/public/models",
    tag: "Models",
    summary: "The project's own models and the built-in ones, by page.",
    query: paged,
    answer: pageOf(answers.Model),
  },
  {
    id: "getModel",
    path: "/api/public/models/:id",
    tag: "Models",
    summary: "One model.",
    answer: answers.Model,
    errors: [404],
  },
  {
    id: "listDeadLetters",
    path: "/api/public/x/dead-letters",
    tag: "Dead letters",
    summary: "What was accepted and could not be stored, by page.",
    query: paged,
    answer: pageOf(deadLetter),
  },
];

const changes: readonly RouteDescription[] = [
  {
    id: "createScoreConfig",
    method: "post",
    path: "/api/public/score-configs",
    tag: "Score configs",
    summary: "Makes a score config.",
    key: "project",
    body: { schema: scoreConfigBody },
    answer: answers.ScoreConfig,
  },
  {
    id: "updateScoreConfig",
    method: "patch",
    path: "/api/public/score-configs/:id",
    tag: "Score configs",
    summary: "Changes a score config, for scores that are received from now on.",
    key: "project",
    body: { schema: scoreConfigUpdate },
    answer: answers.ScoreConfig,
    errors: [404, 409],
  },
  {
    id: "createModel",
    method: "post",
    path: "/api/public/models",
    tag: "Models",
    summary: "Makes a model with its prices, for what is received from now on.",
    key: "project",
    body: { schema: modelBody },
    answer: answers.Model,
  },
  {
    id: "deleteModel",
    method: "delete",
    path: "/api/public/models/:id",
    tag: "Models",
    summary: "Deletes a model of the project's own.",
    key: "project",
    answer: answers.Message,
    errors: [404],
  },
  {
    id: "redriveDeadLetters",
    method: "post",
    path: "/api/public/x/dead-letters/redrive",
    tag: "Dead letters",
    summary: "Puts records into the log again.",
    key: "project",
    body: { schema: redriveBody },
    answer: z.strictObject({ redriven: z.array(text), notFound: z.array(text) }),
  },
];

/** Every route of the read API. */
export const queryDescriptions: readonly RouteDescription[] = [
  ...(["health", "ready"] as const).map((name) => ({
    id: name,
    method: "get" as const,
    path: `/api/public/${name}`,
    tag: "Health",
    summary: name === "health" ? "Whether the process is up." : "Whether reads can be answered.",
    key: "none" as const,
    ...(name === "health" && { query: healthQuery }),
    answer: health,
    errors: [503],
  })),
  ...reads.map((read) => ({ ...read, method: "get" as const, key: "project" as const })),
  ...changes,
];
