/** Texts of the first project that no request of another names: an answer to another that holds it is a leak. */
export const canary = "canary-text";
/** Ids of the first project. Another project's requests name them, so an answer to a write may say them back. */
export const canaryId = "canary-id";
/** As {@link canaryId}, in the form that OpenTelemetry has for ids. */
export const hexTraceId = "c0ffee00c0ffee00c0ffee00c0ffee00";
const hexSpanId = "c0ffee00c0ffee00";

/** Ids that the server gave to things of the first project. */
export interface GivenIds {
  readonly model: string;
  readonly scoreConfig: string;
  readonly deadLetter: string;
}

/** A request to one route that names what the first project has. */
export interface Example {
  /** For each `:name` of the path. */
  readonly params?: Readonly<Record<string, string>>;
  /** From the question mark on. */
  readonly search?: string;
  readonly body?: unknown;
  /** Anybody may ask, and learns nothing of any project. */
  readonly isOpen?: true;
  /** The answer says back the ids of the request. */
  readonly isEcho?: true;
  /** A public key alone may write here, as the contract has it (write-api §1.7): its own project, then. */
  readonly takesPublicKey?: true;
}

const trace = `${canaryId}-trace`;
const observation = `${canaryId}-observation`;
const session = `${canaryId}-session`;
const score = `${canaryId}-score`;
const timestamp = "2026-05-01T10:00:00.000Z";
/** What another project writes over the ids of the first. */
const intruder = { name: "intruder", input: "intruder", comment: "intruder" };

/**
 * By method and path. Whoever adds a route with parameters in its path, or one that writes, adds its line here; other
 * routes are in the suite by themselves.
 */
export function examplesOf(given: GivenIds): Readonly<Record<string, Example>> {
  return {
    ...reads(given),
    ...writes(given),
    ...otlpWrites,
    ...pages,
    "GET /api/public/health": { isOpen: true },
    "GET /api/public/ready": { isOpen: true },
  };
}

/** For people and tools. The page of a trace looks the same whether there is such a trace. */
const pages: Record<string, Example> = {
  "GET /trace/:traceId": { params: { traceId: trace }, isOpen: true, isEcho: true },
  "GET /project/:projectId/traces/:traceId": {
    params: { projectId: "first", traceId: trace },
    isOpen: true,
    isEcho: true,
  },
  "GET /openapi.json": { isOpen: true },
  "GET /openapi.yaml": { isOpen: true },
  "GET /docs": { isOpen: true },
};

function reads(given: GivenIds): Record<string, Example> {
  return {
    "GET /api/public/traces/:traceId": { params: { traceId: trace } },
    "GET /api/public/observations/:observationId": { params: { observationId: observation } },
    "GET /api/public/sessions/:sessionId": { params: { sessionId: session } },
    "GET /api/public/scores/:scoreId": { params: { scoreId: score } },
    "GET /api/public/v2/scores/:scoreId": { params: { scoreId: score } },
    "GET /api/public/models/:id": { params: { id: given.model } },
    "GET /api/public/score-configs/:id": { params: { id: given.scoreConfig } },
    "GET /api/public/x/observations/:observationId/cost": {
      params: { observationId: observation },
    },
    "GET /api/public/x/observations/:observationId/otel": { params: { observationId: hexSpanId } },
    "GET /api/public/x/traces/:traceId/tree": { params: { traceId: trace } },
  };
}

function writes(given: GivenIds): Record<string, Example> {
  return {
    "POST /api/public/ingestion": {
      body: { batch: [event("trace-create", { id: trace, ...intruder })] },
      takesPublicKey: true,
    },
    "POST /api/public/traces": { body: { id: trace, ...intruder } },
    "POST /api/public/spans": { body: { id: observation, traceId: trace, ...intruder } },
    "PATCH /api/public/spans": { body: { spanId: observation, ...intruder } },
    "POST /api/public/generations": { body: { id: observation, traceId: trace, ...intruder } },
    "PATCH /api/public/generations": { body: { generationId: observation, ...intruder } },
    "POST /api/public/events": { body: { id: observation, traceId: trace, ...intruder } },
    "POST /api/public/scores": {
      body: { id: score, traceId: trace, value: 99, ...intruder },
      takesPublicKey: true,
    },
    "DELETE /api/public/scores/:id": { params: { id: score } },
    "DELETE /api/public/traces/:id": { params: { id: trace } },
    "DELETE /api/public/traces": { body: { traceIds: [trace, hexTraceId] } },
    "POST /api/public/models": { body: modelNamed("intruder") },
    "DELETE /api/public/models/:id": { params: { id: given.model } },
    "POST /api/public/score-configs": { body: { name: "intruder", dataType: "NUMERIC" } },
    "PATCH /api/public/score-configs/:id": {
      params: { id: given.scoreConfig },
      body: { description: "intruder" },
    },
    "POST /api/public/x/dead-letters/redrive": { body: { ids: [given.deadLetter] } },
  };
}

const otlpWrites: Record<string, Example> = {
  ...Object.fromEntries(
    ["/api/public/otel", ""].flatMap((base) => [
      [`POST ${base}/v1/traces`, { body: spanNamed("intruder") }],
      [`POST ${base}/v1/logs`, { body: { resourceLogs: [] } }],
      [`POST ${base}/v1/metrics`, { body: { resourceMetrics: [] } }],
    ]),
  ),
  "POST /api/public/x/otel/explain": { body: spanNamed("intruder") },
};

/** What the first project has, as one batch. */
export const seed = [
  event("trace-create", {
    id: trace,
    sessionId: session,
    userId: canary,
    name: canary,
    input: canary,
    output: { canary },
    tags: [canary],
    metadata: { canary },
  }),
  event("trace-create", { id: hexTraceId, name: canary }),
  event("generation-create", {
    id: observation,
    traceId: trace,
    name: canary,
    model: canary,
    input: canary,
    usage: { input: 3, output: 4 },
  }),
  event("score-create", { id: score, traceId: trace, name: canary, value: 1, comment: canary }),
];

function event(type: string, body: object): object {
  return { id: `event-${type}-${JSON.stringify(body).length}`, type, timestamp, body };
}

/** An OTLP request with one span. */
export function spanNamed(name: string): object {
  const span = {
    traceId: hexTraceId,
    spanId: hexSpanId,
    name,
    startTimeUnixNano: `${Date.parse(timestamp)}000000`,
    endTimeUnixNano: `${Date.parse(timestamp) + 1000}000000`,
  };
  return { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] };
}

export function modelNamed(modelName: string): object {
  return { modelName, matchPattern: `(?i)^${modelName}$`, unit: "TOKENS", inputPrice: 1 };
}
