import type { Draw } from "./draw.ts";

export type Table = "traces" | "observations" | "scores";

export interface ValidEvent {
  readonly id: string;
  readonly type: string;
  readonly timestamp: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Which table the events of a type end up in; null for those that are not stored. */
export function tableOf(type: unknown): Table | null {
  if (type === "trace-create") return "traces";
  if (type === "score-create") return "scores";
  return typeof type === "string" && observationTypes.includes(type) ? "observations" : null;
}

/** A valid event that says as much as its type can say, about ids that begin with `own` (write-api §2). */
export function validEvent(draw: Draw, own: string, foreignTraceId: string): ValidEvent {
  const type = draw.pick(types);
  const body = bodyOf(draw, type, own, foreignTraceId);
  return { id: `${own}-event`, type, timestamp: draw.pick(moments), body };
}

/** The body of a single-item route of older SDKs, and what it writes (write-api §1.1). */
export interface ValidItem {
  readonly method: "POST" | "PATCH";
  readonly path: string;
  readonly table: Table;
  readonly body: Readonly<Record<string, unknown>>;
}

export function validItem(draw: Draw, own: string): ValidItem {
  const [method, name, table, idKey] = draw.pick(routes);
  const { id, ...fields } = itemBody(draw, name, own);
  const named = idKey === "id" && draw.chance(0.2) ? {} : { [idKey]: id };
  return { method, path: `/api/public/${name}`, table, body: { ...fields, ...named } };
}

const routes = [
  ["POST", "traces", "traces", "id"],
  ["POST", "events", "observations", "id"],
  ["POST", "spans", "observations", "id"],
  ["PATCH", "spans", "observations", "spanId"],
  ["POST", "generations", "observations", "id"],
  ["PATCH", "generations", "observations", "generationId"],
  ["POST", "scores", "scores", "id"],
  ["POST", "scores", "scores", "id"],
] as const;

const generationTypes = [
  "generation-create",
  "generation-update",
  "agent-create",
  "tool-create",
  "chain-create",
  "retriever-create",
  "evaluator-create",
  "embedding-create",
  "guardrail-create",
];
const legacyTypes = ["observation-create", "observation-update"];
const observationTypes = [
  "event-create",
  "span-create",
  "span-update",
  ...generationTypes,
  ...legacyTypes,
];
const types = [
  ...observationTypes,
  "trace-create",
  "trace-create",
  "trace-create",
  "score-create",
  "score-create",
  "score-create",
  "sdk-log",
];

const moments = [
  "2025-03-01T10:00:00.000Z",
  "2025-03-01T10:00Z",
  "2025-03-31T23:59:59.999999999-11:30",
  "2024-02-29T12:00:00+14:00",
  "2023-12-31T23:59:59.9Z",
];

function bodyOf(draw: Draw, type: string, own: string, foreignTraceId: string) {
  if (type === "sdk-log") return { log: payload(draw), id: own };
  if (type === "trace-create") return traceBody(draw, own);
  if (type === "score-create") return scoreBody(draw, own);
  const traceId = draw.chance(0.2) ? foreignTraceId : `${own}-of-trace`;
  const span = {
    ...observationBody(draw, own, traceId),
    ...(type === "event-create" ? {} : { endTime: draw.pick(moments) }),
    environment: draw.pick(["production", "Staging", "langfuse-x", "my.env"]),
  };
  if (legacyTypes.includes(type)) return { ...legacyBody(draw, own, traceId) };
  return generationTypes.includes(type) ? { ...span, ...generationFields(draw) } : span;
}

function itemBody(draw: Draw, name: string, own: string): Record<string, unknown> {
  if (name === "traces") return traceBody(draw, own);
  if (name === "scores") {
    const { executionTraceId: _, ...body } = scoreBody(draw, own);
    return { ...body, source: "API" };
  }
  const { type: _type, ...body } = legacyBody(draw, own, `${own}-of-trace`);
  return name === "generations" ? { ...body, prompt: payload(draw), completion: "done" } : body;
}

function traceBody(draw: Draw, own: string) {
  return {
    id: `${own}-trace`,
    timestamp: draw.pick(moments),
    name: "trace",
    userId: "user",
    sessionId: `${own}-session`,
    release: "r",
    version: "v",
    externalId: "x",
    input: payload(draw),
    output: payload(draw),
    metadata: metadata(draw),
    tags: ["b", "a", "a"],
    public: draw.chance(0.5),
    environment: "production",
  };
}

function observationBody(draw: Draw, own: string, traceId: string) {
  return {
    id: `${own}-observation`,
    traceId,
    parentObservationId: draw.pick([null, "", `${own}-parent`]),
    name: "observation",
    startTime: draw.pick(moments),
    input: payload(draw),
    output: payload(draw),
    metadata: metadata(draw),
    level: draw.pick(["DEBUG", "DEFAULT", "WARNING", "ERROR", null]),
    statusMessage: "status",
    version: "v",
  };
}

function legacyBody(draw: Draw, own: string, traceId: string) {
  return {
    ...observationBody(draw, own, traceId),
    type: draw.pick(["GENERATION", "SPAN", "EVENT"]),
    endTime: draw.pick(moments),
    completionStartTime: draw.pick(moments),
    model: "model-of-nobody",
    modelParameters: { temperature: 0.5, stream: true, stop: "x", none: null },
    usage: draw.pick([{ input: 1, output: 2, unit: "TOKENS" }, { promptTokens: 3 }]),
  };
}

function generationFields(draw: Draw) {
  return {
    completionStartTime: draw.pick(moments),
    model: draw.pick(["gpt-4o", "claude-3-5-sonnet-20241022", "model-of-nobody"]),
    modelParameters: { temperature: 0.5, stop: ["a", "b"], nested: { a: "b" }, none: null },
    usage: { input: 1, output: 2, total: 3, unit: "TOKENS", inputCost: 0.1 },
    usageDetails: draw.pick([
      { input: 10, output: 5, input_cached_tokens: 4 },
      {
        prompt_tokens: 10,
        completion_tokens: 5,
        total_tokens: 15,
        prompt_tokens_details: { cached_tokens: 4 },
      },
    ]),
    costDetails: { input: 0.001, output: 0.002 },
    promptName: "prompt",
    promptVersion: 3,
  };
}

function scoreBody(draw: Draw, own: string) {
  const target = draw.pick([
    { traceId: `${own}-of-trace`, observationId: `${own}-of-observation` },
    { traceId: `${own}-of-trace` },
    { sessionId: `${own}-of-session` },
    { datasetRunId: `${own}-of-run` },
  ]);
  const value = draw.pick([
    { value: 0.5 },
    { value: "label" },
    { dataType: "NUMERIC", value: -1e21 },
    { dataType: "BOOLEAN", value: 1 },
    { dataType: "CATEGORICAL", value: "" },
    { dataType: "TEXT", value: "text" },
  ]);
  return {
    id: `${own}-score`,
    name: "score",
    ...target,
    ...value,
    environment: "production",
    comment: "comment",
    metadata: metadata(draw),
    source: draw.pick(["API", "EVAL"]),
    executionTraceId: `${own}-execution`,
    queueId: "queue",
  };
}

function payload(draw: Draw): unknown {
  return draw.pick([
    "plain text",
    { messages: [{ role: "user", content: "hi" }], n: 1e21, deep: [[[{}]]] },
    ["a", 1, null, true, { b: [] }],
    0,
    false,
    "",
    null,
  ]);
}

function metadata(draw: Draw): unknown {
  return draw.pick([
    { a: 1, b: "text", c: { d: [1] }, e: null },
    { "key with spaces": true, ticket: "1983516295378495150" },
    "text",
    ["list"],
    5,
    null,
  ]);
}
