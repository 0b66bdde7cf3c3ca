import type { Hono } from "hono";

import { createHttpApp, type HttpEnv } from "../runtime/http/app.ts";
import { listDeadLetters, redriveDeadLetters } from "./dead-letters.ts";
import { health, ready } from "./health.ts";
import { createModel, deleteModel, getModel, listModels } from "./models.ts";
import { getObservationCost } from "./observation-cost.ts";
import { getObservationOtel } from "./observation-otel.ts";
import { getObservation } from "./observations-get.ts";
import { listObservations } from "./observations-list.ts";
import { listObservationsV2 } from "./observations-v2.ts";
import { getProjects } from "./projects.ts";
import { byIdRoute, projectRoute, type QueryDeps } from "./route.ts";
import {
  createScoreConfig,
  getScoreConfig,
  listScoreConfigs,
  updateScoreConfig,
} from "./score-configs.ts";
import { getScoreV1, getScoreV2 } from "./scores-get.ts";
import { listScoresV1, listScoresV2 } from "./scores-list.ts";
import { listScoresV3 } from "./scores-v3.ts";
import { getSession } from "./sessions-get.ts";
import { listSessions } from "./sessions-list.ts";
import { getTraceTree } from "./trace-tree.ts";
import { getTrace } from "./traces-get.ts";
import { listTraces } from "./traces-list.ts";

/** The query service by itself. */
export function createQueryApp(deps: QueryDeps): Hono<HttpEnv> {
  const app = createHttpApp(deps.log);
  addQueryRoutes(app, deps);
  return app;
}

/** The read API, for an app that may have other routes beside it. */
export function addQueryRoutes(app: Hono<HttpEnv>, deps: QueryDeps): void {
  app.get("/api/public/health", health(deps));
  app.get("/api/public/ready", ready(deps));
  app.get("/api/public/projects", projectRoute(deps, getProjects));
  app.get("/api/public/traces", projectRoute(deps, listTraces));
  app.get("/api/public/traces/:traceId", byIdRoute(deps, getTrace));
  app.get("/api/public/observations", projectRoute(deps, listObservations));
  app.get("/api/public/observations/:observationId", byIdRoute(deps, getObservation));
  app.get("/api/public/v2/observations", projectRoute(deps, listObservationsV2));
  app.get("/api/public/sessions", projectRoute(deps, listSessions));
  app.get("/api/public/sessions/:sessionId", byIdRoute(deps, getSession));
  app.get("/api/public/scores", projectRoute(deps, listScoresV1));
  app.get("/api/public/scores/:scoreId", byIdRoute(deps, getScoreV1));
  app.get("/api/public/v2/scores", projectRoute(deps, listScoresV2));
  app.get("/api/public/v2/scores/:scoreId", byIdRoute(deps, getScoreV2));
  app.get("/api/public/v3/scores", projectRoute(deps, listScoresV3));
  app.get("/api/public/models", projectRoute(deps, listModels));
  app.post("/api/public/models", projectRoute(deps, createModel));
  app.get("/api/public/models/:id", projectRoute(deps, getModel));
  app.delete("/api/public/models/:id", projectRoute(deps, deleteModel));
  app.get("/api/public/score-configs", projectRoute(deps, listScoreConfigs));
  app.post("/api/public/score-configs", projectRoute(deps, createScoreConfig));
  app.get("/api/public/score-configs/:id", projectRoute(deps, getScoreConfig));
  app.patch("/api/public/score-configs/:id", projectRoute(deps, updateScoreConfig));
  app.get("/api/public/x/observations/:observationId/cost", byIdRoute(deps, getObservationCost));
  app.get("/api/public/x/observations/:observationId/otel", byIdRoute(deps, getObservationOtel));
  app.get("/api/public/x/traces/:traceId/tree", byIdRoute(deps, getTraceTree));
  app.get("/api/public/x/dead-letters", projectRoute(deps, listDeadLetters));
  app.post(
    "/api/public/x/dead-letters/redrive",
    projectRoute(deps, redriveDeadLetters(deps.events)),
  );
}
