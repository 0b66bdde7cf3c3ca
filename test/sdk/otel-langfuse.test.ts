import { LangfuseSpanProcessor } from "@langfuse/otel";
import type { LangfuseSpanProcessorParams } from "@langfuse/otel";
import {
  propagateAttributes,
  setLangfuseTracerProvider,
  startActiveObservation,
  startObservation,
  updateActiveObservation,
} from "@langfuse/tracing";
import type { LangfuseObservationType } from "@langfuse/tracing";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { afterAll, beforeAll, expect, test } from "vitest";

import { eventually, project, startServer } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { expectSilentConsole, expectSilentServer, patienceMs } from "./clients.ts";
import { at, bareObservation, bareTrace, iso, momentSince, zeroPrices } from "./expected.ts";
import { readByBoth } from "./generations.ts";
import { named, pathTo } from "./integrations.ts";
import type { ShownTrace } from "./integrations.ts";

let server: StartedServer;
let provider: NodeTracerProvider;

expectSilentConsole();
expectSilentServer(() => server);
beforeAll(async () => {
  server = await startServer();
  provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ "service.name": "shop", "service.version": "1.4.0" }),
    // Only when told to, so that a trace comes in one request.
    spanProcessors: [processorOf({ flushAt: 500, flushInterval: 3600 })],
  });
  provider.register();
});
afterAll(async () => {
  await provider.shutdown();
  await server.stop();
});

/** What every observation has of its exporter. */
const origin = {
  resourceAttributes: { "service.name": "shop", "service.version": "1.4.0" },
  scope: { name: "langfuse-sdk", version: "5.11.1", attributes: {} },
};

test("A trace told with every field is returned by both generations with every field.", async () => {
  const since = Date.now();
  const id = propagateAttributes(
    {
      userId: "user-1",
      sessionId: "session-1",
      traceName: "support chat",
      tags: ["paid", "beta"],
      metadata: { plan: "pro" },
      version: "7",
    },
    () => {
      const root = startObservation(
        "answer",
        { input: { question: "Where is my order?" }, metadata: { seats: 4 } },
        { startTime: at(0) },
      );
      const parentSpanContext = root.otelSpan.spanContext();
      const generation = startObservation(
        "draft",
        {
          input: [{ role: "user", content: "Where?" }],
          model: "fake-1",
          modelParameters: { temperature: 0.5, stop: "END" },
          completionStartTime: at(1500),
          prompt: { name: "helpful", version: 3, isFallback: false },
          metadata: { nested: { deep: [1, null] } },
        },
        { asType: "generation", startTime: at(1000), parentSpanContext },
      );
      generation.update({
        output: "On its way.",
        usageDetails: { input: 20, output: 7, total: 27, input_cached_tokens: 5 },
        costDetails: { input: 0.001, output: 0.002, total: 0.003 },
      });
      generation.end(at(2000));
      startObservation(
        "asked",
        { input: "order 17", level: "WARNING", statusMessage: "slow" },
        { asType: "event", startTime: at(2500), parentSpanContext },
      );
      root.update({ output: "It comes tomorrow." });
      root.setTraceIO({ input: "a whole question", output: { whole: "answer" } });
      root.setTraceAsPublic();
      root.end(at(4000));
      return root.traceId;
    },
  );
  await provider.forceFlush();

  const { observations, ...trace } = await readByBoth(server, id, 3);
  const stamps = { createdAt: momentSince(since), updatedAt: momentSince(since) };
  expect(trace).toStrictEqual({
    ...bareTrace,
    ...stamps,
    id,
    timestamp: iso(0),
    name: "support chat",
    userId: "user-1",
    sessionId: "session-1",
    tags: ["beta", "paid"],
    version: "7",
    release: "r-42",
    environment: "staging",
    public: true,
    input: "a whole question",
    output: { whole: "answer" },
    metadata: { plan: "pro", seats: 4, ...origin },
    scores: [],
    totalCost: 0.003,
    latency: 4,
    htmlPath: `/project/${project.id}/traces/${id}`,
  });
  const shown = { id, observations };
  const rootId = named(shown, "answer").id;
  const base = { ...bareObservation, ...zeroPrices, ...stamps, traceId: id };
  const common = { ...base, environment: "staging", version: "7" };
  expect(named(shown, "answer")).toStrictEqual({
    ...common,
    id: rootId,
    name: "answer",
    startTime: iso(0),
    endTime: iso(4000),
    latency: 4,
    input: { question: "Where is my order?" },
    output: "It comes tomorrow.",
    metadata: { seats: 4, ...origin },
  });
  expect(named(shown, "draft")).toStrictEqual({
    ...common,
    id: expect.any(String),
    parentObservationId: rootId,
    type: "GENERATION",
    name: "draft",
    startTime: iso(1000),
    completionStartTime: iso(1500),
    endTime: iso(2000),
    latency: 1,
    timeToFirstToken: 0.5,
    input: [{ role: "user", content: "Where?" }],
    output: "On its way.",
    model: "fake-1",
    modelParameters: { temperature: 0.5, stop: "END" },
    promptName: "helpful",
    promptVersion: 3,
    usageDetails: { input: 20, output: 7, total: 27, input_cached_tokens: 5 },
    usage: { unit: "TOKENS", input: 25, output: 7, total: 27 },
    promptTokens: 25,
    completionTokens: 7,
    totalTokens: 27,
    costDetails: { input: 0.001, output: 0.002, total: 0.003 },
    calculatedInputCost: 0.001,
    calculatedOutputCost: 0.002,
    calculatedTotalCost: 0.003,
    metadata: { nested: { deep: [1, null] }, ...origin },
  });
  expect(named(shown, "asked")).toStrictEqual({
    ...common,
    id: expect.any(String),
    parentObservationId: rootId,
    type: "EVENT",
    name: "asked",
    startTime: iso(2500),
    input: "order 17",
    level: "WARNING",
    statusMessage: "slow",
    metadata: origin,
  });
});

test("Each kind of observation, nested as code nests, keeps its type and its parent.", async () => {
  const types = "agent tool chain retriever evaluator guardrail embedding generation span".split(
    " ",
  );
  const id = await nest(types);
  await provider.forceFlush();

  const trace = await readByBoth(server, id, types.length);
  for (const [depth, type] of types.entries()) {
    const shown = named(trace, `a ${type}`);
    expect(shown).toMatchObject({ type: type.toUpperCase(), input: depth, output: { type } });
    expect(pathTo(trace, shown)).toStrictEqual(types.slice(0, depth + 1).map((one) => `a ${one}`));
  }
  expect(trace).toMatchObject({ name: "a agent", input: 0, output: { type: "agent" } });
  const embedding = named(trace, "a embedding");
  expect(embedding).toMatchObject({ model: "fake-1", usageDetails: { input: 3, total: 3 } });
});

test("What a function throws is the message of its observation, at the level ERROR.", async () => {
  let id = "";
  const failing = startActiveObservation("failing", async (span) => {
    id = span.traceId;
    span.startObservation("before").end();
    span.update({ level: "ERROR", statusMessage: "out of order" }).end();
    throw new Error("never shown");
  });
  await expect(failing).rejects.toThrow("never shown");
  await provider.forceFlush();

  const trace = await readByBoth(server, id, 2);
  expect(named(trace, "failing")).toMatchObject({ level: "ERROR", statusMessage: "out of order" });
  expect(named(trace, "before")).toMatchObject({ level: "DEFAULT", statusMessage: null });
});

test("Sent span by span, the root last, a trace is the same.", async () => {
  const spanProcessors = [processorOf({ exportMode: "immediate" })];
  const immediate = new NodeTracerProvider({ spanProcessors });
  setLangfuseTracerProvider(immediate);
  const root = startObservation("root", { input: "question" });
  const inner = root.startObservation("inner", { output: "found" }, { asType: "retriever" });
  inner.startObservation("innermost", { model: "fake-1" }, { asType: "generation" }).end();
  inner.end();
  root.update({ output: "answer" }).end();
  await immediate.shutdown();
  setLangfuseTracerProvider(null);

  await eventually(
    () => server.get(`/api/public/traces/${root.traceId}`),
    ({ body }) => (body as Partial<ShownTrace>)["name"] === "root",
  );
  const trace = await readByBoth(server, root.traceId, 3);
  expect(trace).toMatchObject({ input: "question", output: "answer", environment: "staging" });
  expect(pathTo(trace, named(trace, "innermost"))).toStrictEqual(["root", "inner", "innermost"]);
});

function processorOf(options: LangfuseSpanProcessorParams): LangfuseSpanProcessor {
  return new LangfuseSpanProcessor({
    baseUrl: server.url,
    publicKey: project.publicKey,
    secretKey: project.secretKey,
    environment: "staging",
    release: "r-42",
    timeout: patienceMs / 1000,
    ...options,
  });
}

/** One observation inside of the other, each active while its own are made; gives the id of their trace. */
async function nest(types: readonly string[], depth = 0): Promise<string> {
  const [type = "", ...inner] = types;
  const asType = type as LangfuseObservationType;
  const run = async (observation: { readonly traceId: string }): Promise<string> => {
    updateActiveObservation({ output: { type } }, { asType: asType as "span" });
    if (inner.length > 0) await nest(inner, depth + 1);
    return observation.traceId;
  };
  return await startActiveObservation(
    `a ${type}`,
    async (observation) => {
      observation.update({ input: depth });
      if (asType === "embedding") {
        updateActiveObservation(
          { model: "fake-1", usageDetails: { input: 3, total: 3 } },
          { asType },
        );
      }
      return await run(observation);
    },
    { asType: asType as "span" },
  );
}
