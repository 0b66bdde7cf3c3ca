import { setTimeout as pause } from "node:timers/promises";

import {
  BatchSpanProcessor,
  NodeTracerProvider,
  RandomIdGenerator,
} from "@opentelemetry/sdk-trace-node";
import { embed, generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { MockEmbeddingModelV2, MockLanguageModelV2, simulateReadableStream } from "ai/test";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod";

import { startServer } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { expectSilentConsole, expectSilentServer } from "./clients.ts";
import { readByBoth } from "./generations.ts";
import { named, pathTo } from "./integrations.ts";
import type { ShownTrace } from "./integrations.ts";
import { jsonExporter } from "./otlp-clients.ts";

let server: StartedServer;
let provider: NodeTracerProvider;
/** Of the newest trace. */
let traceId: string;

expectSilentConsole();
expectSilentServer(() => server);
beforeAll(async () => {
  server = await startServer();
  const exporter = jsonExporter(`${server.url}/api/public/otel/v1/traces`);
  // Exports when it is told to and not by time, so that a trace comes in one request.
  const processor = new BatchSpanProcessor(exporter, { scheduledDelayMillis: 3_600_000 });
  const ids = new RandomIdGenerator();
  provider = new NodeTracerProvider({
    spanProcessors: [processor],
    idGenerator: {
      generateTraceId: () => (traceId = ids.generateTraceId()),
      generateSpanId: () => ids.generateSpanId(),
    },
  });
  provider.register();
});
afterAll(async () => {
  await provider.shutdown();
  await server.stop();
});

const usage = { inputTokens: 20, outputTokens: 7, totalTokens: 27, cachedInputTokens: 5 };
const prompt = "How is the weather?";
const messages = [{ role: "user", content: [{ type: "text", text: prompt }] }];

test("A text made with a tool is a trace with both calls of the model and the tool's.", async () => {
  const { text } = await generateText({
    model: answering(
      {
        content: [{ type: "tool-call", ...weatherCall }],
        finishReason: "tool-calls",
        usage: { inputTokens: 10, outputTokens: 5, totalTokens: 15 },
        warnings: [],
        response: { modelId: "fake-1-2025" },
      },
      { content: [{ type: "text", text: "Sunny." }], finishReason: "stop", usage, warnings: [] },
    ),
    prompt,
    temperature: 0.5,
    maxOutputTokens: 64,
    tools: { weather },
    stopWhen: stepCountIs(3),
    experimental_telemetry: telemetry(),
  });
  expect(text).toBe("Sunny.");

  const trace = await exported(4);
  expect(trace).toMatchObject({
    ...ofTrace,
    name: "forecast:ai.generateText",
    input: { prompt },
    output: "Sunny.",
    metadata: { plan: "pro" },
  });
  const root = named(trace, "forecast:ai.generateText");
  expect(root).toMatchObject({
    type: "SPAN",
    parentObservationId: null,
    input: { prompt },
    output: "Sunny.",
    usageDetails: {},
    metadata: { plan: "pro" },
  });
  const [first, second, ...more] = trace.observations
    .filter(({ name }) => name === "forecast:ai.generateText.doGenerate")
    .toSorted((one, other) => String(one["startTime"]).localeCompare(String(other["startTime"])));
  expect(more).toStrictEqual([]);
  const generation = { type: "GENERATION", parentObservationId: root.id };
  const tools = [expect.objectContaining({ name: "weather" })];
  expect(first).toMatchObject({
    ...generation,
    input: { messages, tools },
    output: [expect.objectContaining({ toolName: "weather", input: weatherCall.input })],
    model: "fake-1-2025",
    modelParameters: { ...parameters, finishReason: '["tool-calls"]' },
    usageDetails: { input: 10, output: 5, total: 15 },
  });
  expect(second).toMatchObject({
    ...generation,
    input: { messages: [...messages, { role: "assistant" }, { role: "tool" }], tools },
    output: "Sunny.",
    model: "fake-1",
    modelParameters: { ...parameters, finishReason: '["stop"]' },
    // Of texts that come whole it does not say what was cached.
    usageDetails: { input: 20, output: 7, total: 27 },
  });
  const called = named(trace, "weather");
  expect(called).toMatchObject({
    type: "TOOL",
    input: { city: "Bern" },
    output: { city: "Bern", sky: "clear" },
  });
  expect(pathTo(trace, called)).toStrictEqual(["forecast:ai.generateText", "weather"]);
});

test("A streamed text is returned whole, with the time of its first chunk.", async () => {
  const { textStream } = streamText({
    model: new MockLanguageModelV2({
      provider: "fake",
      modelId: "fake-1",
      doStream: {
        stream: simulateReadableStream({
          initialDelayInMs: 20,
          chunkDelayInMs: 5,
          chunks: [
            { type: "text-start", id: "1" },
            { type: "text-delta", id: "1", delta: "Sunny" },
            { type: "text-delta", id: "1", delta: "." },
            { type: "text-end", id: "1" },
            { type: "finish", finishReason: "stop", usage },
          ],
        }),
      },
    }),
    prompt,
    experimental_telemetry: telemetry(),
  });
  let text = "";
  for await (const part of textStream) text += part;
  expect(text).toBe("Sunny.");

  const trace = await exported(2);
  expect(trace).toMatchObject({ ...ofTrace, input: { prompt }, output: "Sunny." });
  const generation = named(trace, "forecast:ai.streamText.doStream");
  expect(generation).toMatchObject({
    type: "GENERATION",
    input: messages,
    output: "Sunny.",
    model: "fake-1",
    usageDetails: { input: 15, input_cached_tokens: 5, output: 7, total: 27 },
  });
  const { startTime, completionStartTime, endTime } = generation;
  expect(Date.parse(String(completionStartTime))).toBeGreaterThan(Date.parse(String(startTime)));
  expect(Date.parse(String(completionStartTime))).toBeLessThanOrEqual(Date.parse(String(endTime)));
});

test("A generated object is returned as what it is.", async () => {
  await generateObject({
    model: answering({
      content: [{ type: "text", text: '{"sky":"clear"}' }],
      finishReason: "stop",
      usage,
      warnings: [],
    }),
    prompt,
    schema: z.object({ sky: z.string() }),
    experimental_telemetry: telemetry(),
  });

  const trace = await exported(2);
  expect(trace).toMatchObject({ ...ofTrace, output: { sky: "clear" } });
  const generation = named(trace, "forecast:ai.generateObject.doGenerate");
  expect(generation).toMatchObject({
    type: "GENERATION",
    input: messages,
    output: { sky: "clear" },
  });
});

test("Embeddings are returned with their texts and their tokens.", async () => {
  await embed({
    model: new MockEmbeddingModelV2<string>({
      provider: "fake",
      modelId: "fake-embedding",
      doEmbed: async () => ({ embeddings: [[0.1, 0.2]], usage: { tokens: 3 } }),
    }),
    value: "text",
    experimental_telemetry: telemetry(),
  });

  const trace = await exported(2);
  expect(named(trace, "forecast:ai.embed.doEmbed")).toMatchObject({
    type: "EMBEDDING",
    model: "fake-embedding",
    input: ["text"],
    usageDetails: { total: 3 },
  });
});

test("A call that fails is returned at the level ERROR, with what was thrown.", async () => {
  const call = generateText({
    model: new MockLanguageModelV2({
      provider: "fake",
      modelId: "fake-1",
      doGenerate: async () => {
        throw new Error("the model is down");
      },
    }),
    prompt,
    maxRetries: 0,
    experimental_telemetry: telemetry(),
  });
  await expect(call).rejects.toThrow("the model is down");

  const trace = await exported(2);
  const failed = { level: "ERROR", statusMessage: "the model is down", output: null };
  expect(named(trace, "forecast:ai.generateText")).toMatchObject({ ...failed, input: { prompt } });
  expect(named(trace, "forecast:ai.generateText.doGenerate")).toMatchObject({
    ...failed,
    type: "GENERATION",
    input: messages,
    usageDetails: {},
  });
});

/** The newest trace, all of it exported in one request. */
async function exported(observations: number): Promise<ShownTrace> {
  await provider.forceFlush();
  return await readByBoth(server, traceId, observations);
}

/** What each trace shows of what {@link telemetry} gives. */
const ofTrace = { userId: "user-1", sessionId: "session-1", tags: ["a", "b"] };

function telemetry() {
  return {
    isEnabled: true,
    functionId: "forecast",
    metadata: { userId: "user-1", sessionId: "session-1", tags: ["b", "a"], plan: "pro" },
  };
}

const parameters = { temperature: "0.5", maxTokens: "64", maxRetries: "2", system: "fake" };

type Result = Awaited<ReturnType<MockLanguageModelV2["doGenerate"]>>;

/** A model that gives one result after the other. */
function answering(...results: readonly Result[]): MockLanguageModelV2 {
  const rest = results.values();
  const doGenerate = async (): Promise<Result> => {
    const { value } = rest.next();
    if (value === undefined) throw new Error("there is no further answer");
    return value;
  };
  return new MockLanguageModelV2({ provider: "fake", modelId: "fake-1", doGenerate });
}

const weatherCall = { toolCallId: "call-1", toolName: "weather", input: '{"city":"Bern"}' };

const weather = tool({
  description: "tells the weather",
  inputSchema: z.object({ city: z.string() }),
  // Longer than a millisecond, so that the two calls of the model begin in different ones.
  execute: async ({ city }) => await pause(5, { city, sky: "clear" }),
});
