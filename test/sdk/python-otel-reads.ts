import type { Read } from "./python-reads.ts";

/** What the reads ask for. */
export interface Ids {
  readonly trace: string;
  /** As it stands in a path. */
  readonly session: string;
  readonly observation: string;
  readonly score: string;
  readonly cursor: string;
}

/** All groups of fields of `GET /v2/observations` (read-api §5). */
export const everyGroup = "core,basic,time,io,metadata,model,usage,prompt,metrics,trace_context";
const listOf = (where: string, query: string): string => `/api/public/${where}?${query}`;

/** Every read method of SDK 3 that Sluice serves. */
export function readsOf3(ids: Ids): readonly Read[] {
  return [
    ...readsOfTraces(ids),
    [
      "api.observations.get",
      { observation_id: ids.observation },
      `/api/public/observations/${ids.observation}`,
    ],
    [
      "api.observations.get_many",
      { trace_id: ids.trace, limit: 5, page: 2 },
      listOf("observations", `traceId=${ids.trace}&limit=5&page=2`),
      5,
    ],
    ...newerObservations("api.observations_v_2.get_many", ids),
    ["api.score_v_2.get", { trace_id: ids.trace }, listOf("v2/scores", `traceId=${ids.trace}`), 3],
    [
      "api.score_v_2.get",
      { session_id: decodeURIComponent(ids.session) },
      listOf("v2/scores", `sessionId=${ids.session}`),
      1,
    ],
    ["api.score_v_2.get_by_id", { score_id: ids.score }, `/api/public/v2/scores/${ids.score}`],
  ];
}

/** Every read method of SDK 4 that Sluice serves. */
export function readsOf4(ids: Ids): readonly Read[] {
  return [
    ...readsOfTraces(ids),
    [
      "api.legacy.observations_v1.get",
      { observation_id: ids.observation },
      `/api/public/observations/${ids.observation}`,
    ],
    [
      "api.legacy.observations_v1.get_many",
      { trace_id: ids.trace, limit: 5, page: 2 },
      listOf("observations", `traceId=${ids.trace}&limit=5&page=2`),
      5,
    ],
    ...newerObservations("api.observations.get_many", ids),
    [
      "api.scores.get_many",
      { trace_id: ids.trace },
      listOf("v2/scores", `traceId=${ids.trace}`),
      3,
    ],
    ["api.scores.get_by_id", { score_id: ids.score }, `/api/public/v2/scores/${ids.score}`],
    ...newerScores("api.scores_v3.get_many_v3", ids),
  ];
}

/** Every read method of SDK 5 that Sluice serves. */
export function readsOf5(ids: Ids): readonly Read[] {
  return [
    ["api.projects.get", {}, "/api/public/projects", 1],
    ["api.health.health", {}, "/api/public/health"],
    ...newerObservations("api.observations.get_many", ids),
    ...newerScores("api.scores.get_many", ids),
  ];
}

/** What the versions 3 and 4 read alike. */
function readsOfTraces({ trace, session }: Ids): readonly Read[] {
  const from = "2025-03-01T00:00:00+00:00";
  return [
    ["api.projects.get", {}, "/api/public/projects", 1],
    ["api.health.health", {}, "/api/public/health"],
    ["api.trace.get", { trace_id: trace }, `/api/public/traces/${trace}`],
    ["api.trace.get", { trace_id: "none" }, "/api/public/traces/none", "NotFoundError 404"],
    [
      "api.trace.list",
      {
        session_id: decodeURIComponent(session),
        tags: ["paid", "beta"],
        from_timestamp: from,
        order_by: "timestamp.asc",
      },
      listOf(
        "traces",
        `sessionId=${session}&tags=paid&tags=beta&fromTimestamp=${encodeURIComponent(from)}&orderBy=timestamp.asc`,
      ),
      1,
    ],
    [
      "api.sessions.get",
      { session_id: decodeURIComponent(session) },
      `/api/public/sessions/${session}`,
    ],
    [
      "api.sessions.list",
      { environment: ["staging"], limit: 1 },
      listOf("sessions", "environment=staging&limit=1"),
      1,
    ],
  ];
}

function newerObservations(method: string, { trace, cursor }: Ids): readonly Read[] {
  return [
    [method, { cursor: "garbage" }, listOf("v2/observations", "cursor=garbage"), "Error 400"],
    [
      method,
      { trace_id: trace, fields: everyGroup, limit: 5 },
      listOf("v2/observations", `traceId=${trace}&fields=${everyGroup}&limit=5`),
      5,
    ],
    [
      method,
      { trace_id: trace, limit: 5, cursor },
      listOf("v2/observations", `traceId=${trace}&limit=5&cursor=${cursor}`),
      5,
    ],
    [
      method,
      { trace_id: trace, type: "GENERATION", expand_metadata: "scope" },
      listOf("v2/observations", `traceId=${trace}&type=GENERATION&expandMetadata=scope`),
      2,
    ],
  ];
}

function newerScores(method: string, { trace }: Ids): readonly Read[] {
  const fields = "core,details,subject,annotation";
  return [
    [
      method,
      { trace_id: trace, fields },
      listOf("v3/scores", `traceId=${trace}&fields=${fields}`),
      3,
    ],
  ];
}
