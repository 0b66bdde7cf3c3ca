import { afterAll, beforeAll, expect, test } from "vitest";

import { startServer } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { expectSilentServer } from "./clients.ts";
import {
  bareObservation,
  bareScore,
  bareTrace,
  byId,
  iso,
  momentSince,
  zeroPrices,
} from "./expected.ts";
import { everythingStored, named } from "./integrations.ts";
import type { ShownTrace } from "./integrations.ts";
import { readBoth } from "./python-reads.ts";
import type { Read } from "./python-reads.ts";
import { installMsMax, langfuseEnv, pythonWith } from "./python.ts";
import type { Python } from "./python.ts";

let server: StartedServer;
let python: Python;
let since: number;
let story: ShownTrace;
let decorated: ShownTrace;

expectSilentServer(() => server);
beforeAll(async () => {
  server = await startServer();
  python = await pythonWith(["langfuse==2.60.10"]);
  since = Date.now();
  await python.run("langfuse-2.py", [], langfuseEnv(server));
  // The SDK tells a trace in several requests, at times of its own.
  await everythingStored(server);
  story = (await server.get("/api/public/traces/python-story")).body as ShownTrace;
  decorated = (await server.get("/api/public/traces/python-decorated")).body as ShownTrace;
}, installMsMax);
afterAll(() => server.stop());

test("A trace told call by call is read back with every field that was given.", () => {
  const { observations, scores, ...trace } = story;
  const stamps = { createdAt: momentSince(since), updatedAt: momentSince(since) };
  const base = { traceId: "python-story", environment: "staging", ...stamps };
  expect(trace).toStrictEqual({
    ...bareTrace,
    ...stamps,
    id: "python-story",
    timestamp: iso(0),
    name: "support chat",
    userId: "user-1",
    sessionId: "session-1",
    version: "7",
    release: "r-42",
    environment: "staging",
    public: true,
    tags: ["beta", "paid"],
    input: { question: "Where is my order?", attempts: [1, 2], draft: null },
    output: "On its way.",
    metadata: { plan: "pro", seats: 4, nested: { deep: [1, null] } },
    totalCost: 0.003,
    latency: 4,
    htmlPath: "/project/started-project/traces/python-story",
  });
  expect(byId(observations)).toStrictEqual(
    [event, generation, legacy, span].map((observation) => ({
      ...bareObservation,
      ...zeroPrices,
      ...base,
      ...observation,
    })),
  );
  const score = { ...bareScore, ...base, timestamp: momentSince(since) };
  expect(byId(scores as readonly { id: string }[])).toStrictEqual([
    {
      ...score,
      id: "python-label",
      name: "label",
      value: 0,
      stringValue: "helpful",
      dataType: "CATEGORICAL",
      observationId: "python-span",
    },
    { ...score, id: "python-quality", name: "quality", value: 0.9, comment: "good" },
  ]);
});

test("Decorated functions are read back as the trace and its steps, an error of one among them.", () => {
  expect(decorated).toMatchObject({
    name: "decorated",
    userId: "user-2",
    sessionId: "session-2",
    tags: ["decorator"],
    release: "r-42",
    environment: "staging",
    metadata: { kind: "test" },
    input: { args: ["why?"], kwargs: {} },
    output: { answer: "WHY?", limit: 2 },
    scores: [{ name: "decorated quality", value: 1, observationId: null }],
  });
  expect(decorated.observations).toHaveLength(2);
  const model = named(decorated, "fake model");
  const tool = named(decorated, "broken_tool");
  expect(model).toMatchObject({
    type: "GENERATION",
    parentObservationId: null,
    environment: "staging",
    level: "DEFAULT",
    input: { args: ["why?"], kwargs: {} },
    output: "WHY?",
    metadata: { cached: false },
    model: "model-of-nobody",
    modelParameters: { temperature: 0 },
    usageDetails: { input: 7, output: 3, total: 10 },
  });
  expect(tool).toMatchObject({
    type: "SPAN",
    level: "ERROR",
    statusMessage: "out of order",
    input: { args: ["x"], kwargs: {} },
    output: null,
  });
  const times = [model["startTime"], model.endTime, tool["startTime"], tool.endTime].map(String);
  expect(times).toStrictEqual(times.toSorted());
  expect(Number(model["latency"])).toBeGreaterThan(0);
});

test("Its models hold all that its read methods are answered, and it raises what is refused.", async () => {
  const { bySdk, byServer } = await readBoth(server, python, reads);
  expect(bySdk).toStrictEqual(byServer);
});

const reads: readonly Read[] = [
  ["fetch_trace", { id: "python-story" }, "/api/public/traces/python-story"],
  ["api.trace.get", { trace_id: "python-decorated" }, "/api/public/traces/python-decorated"],
  [
    "fetch_traces",
    { user_id: "user-1", tags: "paid" },
    "/api/public/traces?userId=user-1&tags=paid",
    1,
  ],
  ["api.trace.list", { tags: ["paid", "beta"] }, "/api/public/traces?tags=paid&tags=beta", 1],
  ["fetch_observation", { id: "python-event" }, "/api/public/observations/python-event"],
  [
    "fetch_observations",
    { trace_id: "python-story", type: "GENERATION" },
    "/api/public/observations?traceId=python-story&type=GENERATION",
    2,
  ],
  [
    "api.observations.get_many",
    { name: "fake model" },
    "/api/public/observations?name=fake%20model",
    1,
  ],
  ["fetch_sessions", { limit: 1 }, "/api/public/sessions?limit=1", 1],
  ["api.sessions.get", { session_id: "session-2" }, "/api/public/sessions/session-2"],
  ["api.score.get", { name: "label" }, "/api/public/scores?name=label", 1],
  ["api.score.get_by_id", { score_id: "python-quality" }, "/api/public/scores/python-quality"],
  ["api.projects.get", {}, "/api/public/projects", 1],
  ["api.trace.get", { trace_id: "none" }, "/api/public/traces/none", "NotFoundError 404"],
  ["api.score.get", { operator: "~" }, "/api/public/scores?operator=~", "Error 400"],
];

const span = {
  id: "python-span",
  startTime: iso(0),
  endTime: iso(4000),
  latency: 4,
  name: "answer",
  input: "plain text",
  output: ["a", { b: 2 }],
  metadata: { step: 1 },
  version: "s1",
};
const below = { parentObservationId: "python-span" };
const event = {
  ...below,
  id: "python-event",
  type: "EVENT",
  startTime: iso(600),
  name: "cache miss",
  level: "WARNING",
  statusMessage: "slow",
  input: { key: "order" },
};
const generation = {
  ...below,
  id: "python-generation",
  type: "GENERATION",
  startTime: iso(500),
  endTime: iso(3500),
  completionStartTime: iso(1250),
  latency: 3,
  timeToFirstToken: 0.75,
  name: "call",
  model: "model-of-nobody",
  // The SDK sends a fraction as text.
  modelParameters: { temperature: "0.5", max_tokens: 64, stop: ["a", "b"], stream: true },
  input: [{ role: "user", content: "Où est-ce? 🙂" }],
  output: { role: "assistant", content: "On its way." },
  metadata: { attempt: 1 },
  usageDetails: { input: 100, output: 20, input_cached_tokens: 40, total: 160 },
  usage: { unit: "TOKENS", input: 140, output: 20, total: 160 },
  promptTokens: 140,
  completionTokens: 20,
  totalTokens: 160,
  costDetails: { input: 0.001, output: 0.002, total: 0.003 },
  calculatedInputCost: 0.001,
  calculatedOutputCost: 0.002,
  calculatedTotalCost: 0.003,
};
const legacy = {
  ...below,
  id: "python-legacy",
  type: "GENERATION",
  startTime: iso(700),
  endTime: iso(800),
  latency: 0.1,
  name: "old counts",
  level: "ERROR",
  statusMessage: "refused",
  model: "model-of-nobody",
  usageDetails: { input: 10, output: 5, total: 15 },
  usage: { unit: "TOKENS", input: 10, output: 5, total: 15 },
  promptTokens: 10,
  completionTokens: 5,
  totalTokens: 15,
};
