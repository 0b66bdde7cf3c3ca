import { setTimeout as pause } from "node:timers/promises";

import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { embed, generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { MockEmbeddingModelV2, MockLanguageModelV2, simulateReadableStream } from "ai/test";
import { LangfuseExporter } from "langfuse-vercel";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod";

import { project, startServer } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { expectSilentConsole, expectSilentServer, patienceMs, recordingOf } from "./clients.ts";
import type { Recording } from "./clients.ts";
import { endedTrace, observationWith, pathTo, traceWith } from "./integrations.ts";
import type { ShownObservation, ShownTrace } from "./integrations.ts";

let server: StartedServer;
let provider: NodeTracerProvider;
let recording: Recording;

expectSilentConsole();
expectSilentServer(() => server);
beforeAll(async () => {
  server = await startServer();
  const exporter = new LangfuseExporter({
    baseUrl: server.url,
    publicKey: project.publicKey,
    secretKey: project.secretKey,
    environment: "staging",
    release: "r-42",
    flushAt: 1000,
    flushInterval: 0,
    requestTimeout: patienceMs,
  });
  if (LangfuseExporter.langfuse === null) throw new Error("the exporter has no client");
  recording = recordingOf(LangfuseExporter.langfuse);
  // Exports when it is told to and not by time: the integration reads a trace from the spans that it is given at once.
  const processor = new BatchSpanProcessor(exporter, { scheduledDelayMillis: 3_600_000 });
  provider = new NodeTracerProvider({ spanProcessors: [processor] });
  provider.register();
});
afterAll(async () => {
  await provider.shutdown();
  await server.stop();
});

const usage = { inputTokens: 20, outputTokens: 7, totalTokens: 27 };
/** As reads show it. */
const shownUsage = {
  usageDetails: { input: 20, output: 7, total: 27 },
  usage: { unit: "TOKENS", input: 20, output: 7, total: 27 },
  promptTokens: 20,
  completionTokens: 7,
  totalTokens: 27,
};
const prompt = "How is the weather?";
const userMessage = { role: "user", content: [{ type: "text", text: prompt }] };
const parameters = {
  toolChoice: null,
  maxTokens: "64",
  finishReason: "stop",
  system: "fake",
  maxRetries: "2",
  mode: null,
  temperature: "0.5",
};

test("A text made with a tool is read back as a trace with both calls of the model and the tool's.", async () => {
  const since = Date.now();
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
    experimental_telemetry: telemetry("with-tool"),
  });
  expect(text).toBe("Sunny.");
  await provider.forceFlush();

  const trace = await endedTrace(server, "with-tool", 4);
  expect(trace).toStrictEqual(
    traceWith(since, {
      ...shownTrace,
      input: { prompt },
      output: "Sunny.",
      metadata: { plan: "pro", "ai.toolCall.id": "call-1" },
    }),
  );
  const [root, first, called, second, ...more] = byStart(trace);
  expect(more).toStrictEqual([]);
  expect([root, first, called, second].map((one) => path(trace, one))).toStrictEqual([
    "forecast",
    "forecast / ai.generateText.doGenerate",
    "forecast / ai.toolCall weather",
    "forecast / ai.generateText.doGenerate",
  ]);
  expectShown(since, trace, root, { input: { prompt }, output: "Sunny." });
  const toolText = expect.stringContaining('"name":"weather"');
  const generation = { type: "GENERATION", name: "ai.generateText.doGenerate" };
  expectShown(since, trace, first, {
    ...generation,
    input: [userMessage, toolText],
    output: [weatherCall],
    model: "fake-1-2025",
    modelParameters: { ...parameters, toolChoice: '{"type":"auto"}', finishReason: "tool-calls" },
    usageDetails: { input: 10, output: 5, total: 15 },
    usage: { unit: "TOKENS", input: 10, output: 5, total: 15 },
    promptTokens: 10,
    completionTokens: 5,
    totalTokens: 15,
  });
  expectShown(since, trace, called, {
    name: "ai.toolCall weather",
    input: { city: "Bern" },
    output: { city: "Bern", sky: "clear" },
    metadata: { plan: "pro", "ai.toolCall.id": "call-1" },
  });
  expectShown(since, trace, second, {
    ...generation,
    ...shownUsage,
    input: [
      userMessage,
      { role: "assistant", content: [expect.objectContaining({ type: "tool-call" })] },
      { role: "tool", content: [expect.objectContaining({ type: "tool-result" })] },
      toolText,
    ],
    output: "Sunny.",
    model: "fake-1",
    modelParameters: { ...parameters, toolChoice: '{"type":"auto"}' },
  });
});

test("A streamed text is read back whole, with the time of its first token.", async () => {
  const since = Date.now();
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
    temperature: 0.5,
    maxOutputTokens: 64,
    experimental_telemetry: telemetry("streamed"),
  });
  const parts: string[] = [];
  for await (const part of textStream) parts.push(part);
  expect(parts).toStrictEqual(["Sunny", "."]);
  await provider.forceFlush();

  const trace = await endedTrace(server, "streamed", 2);
  const [root, generation] = byStart(trace);
  expect(trace).toStrictEqual(
    traceWith(since, {
      ...shownTrace,
      input: { prompt },
      output: "Sunny.",
      metadata: { plan: "pro" },
    }),
  );
  expectShown(since, trace, root, { input: { prompt }, output: "Sunny." });
  const create = recording.sent.find(({ body }) => body["id"] === generation?.id);
  const { startTime, completionStartTime } = create?.body ?? {};
  const waitedMs = Date.parse(String(completionStartTime)) - Date.parse(String(startTime));
  expect(waitedMs).toBeGreaterThan(0);
  expectShown(since, trace, generation, {
    ...shownUsage,
    type: "GENERATION",
    name: "ai.streamText.doStream",
    input: [userMessage],
    output: "Sunny.",
    model: "fake-1",
    modelParameters: parameters,
    completionStartTime,
    timeToFirstToken: waitedMs / 1000,
  });
});

test("A generated object is read back as what it is, with the schema that was asked for.", async () => {
  const since = Date.now();
  const { object } = await generateObject({
    model: answering({
      content: [{ type: "text", text: '{"sky":"clear"}' }],
      finishReason: "stop",
      usage,
      warnings: [],
    }),
    prompt,
    schema: z.object({ sky: z.string() }),
    temperature: 0.5,
    maxOutputTokens: 64,
    experimental_telemetry: telemetry("object"),
  });
  expect(object).toStrictEqual({ sky: "clear" });
  await provider.forceFlush();

  const trace = await endedTrace(server, "object", 2);
  const [root, generation] = byStart(trace);
  const metadata = { plan: "pro", "ai.schema": expect.objectContaining({ type: "object" }) };
  expect(trace).toMatchObject({ ...shownTrace, output: { sky: "clear" }, metadata });
  expectShown(since, trace, root, { input: { prompt }, output: { sky: "clear" }, metadata });
  expectShown(since, trace, generation, {
    ...shownUsage,
    type: "GENERATION",
    name: "ai.generateObject.doGenerate",
    input: [userMessage],
    output: { sky: "clear" },
    model: "fake-1",
    modelParameters: parameters,
  });
});

test("An embedding, of which the integration reports no text, is read back as a call of its model.", async () => {
  await embed({
    model: new MockEmbeddingModelV2<string>({
      provider: "fake",
      modelId: "fake-embedding",
      doEmbed: async () => {
        await pause(thinkMs);
        return { embeddings: [[0.1, 0.2]], usage: { tokens: 3 } };
      },
    }),
    value: "text",
    experimental_telemetry: telemetry("embedding"),
  });
  await provider.forceFlush();

  const trace = await endedTrace(server, "embedding", 2);
  expect(trace).toMatchObject({ ...shownTrace, input: null, output: null });
  const [root, generation] = byStart(trace);
  expect(generation).toMatchObject({
    type: "GENERATION",
    name: "ai.embed.doEmbed",
    model: "fake-embedding",
    parentObservationId: root?.id,
    usageDetails: { total: 3 },
  });
});

test("A call that fails is read back with its input, and no output.", async () => {
  const call = generateText({
    model: new MockLanguageModelV2({
      provider: "fake",
      modelId: "fake-1",
      doGenerate: async () => {
        await pause(thinkMs);
        throw new Error("the model is down");
      },
    }),
    prompt,
    maxRetries: 0,
    experimental_telemetry: telemetry("failed"),
  });
  await expect(call).rejects.toThrow("the model is down");
  await provider.forceFlush();

  const trace = await endedTrace(server, "failed", 2);
  expect(trace).toMatchObject({ ...shownTrace, input: { prompt }, output: null });
  const [root, generation] = byStart(trace);
  expect(root).toMatchObject({ input: { prompt }, output: null });
  // The integration leaves out that a span failed.
  const plain = { level: "DEFAULT", statusMessage: null, output: null, usageDetails: {} };
  expect(generation).toMatchObject({ ...plain, type: "GENERATION", input: [userMessage] });
});

/** Long enough that no two spans begin in the same millisecond. */
const thinkMs = 5;

type Result = Awaited<ReturnType<MockLanguageModelV2["doGenerate"]>>;

/** A model that gives one result after the other. */
function answering(...results: readonly Result[]): MockLanguageModelV2 {
  const rest = results.values();
  const doGenerate = async (): Promise<Result> => {
    await pause(thinkMs);
    const { value } = rest.next();
    if (value === undefined) throw new Error("there is no further answer");
    return value;
  };
  return new MockLanguageModelV2({ provider: "fake", modelId: "fake-1", doGenerate });
}

/** What each trace shows of what {@link telemetry} gives. */
const shownTrace = {
  name: "forecast",
  userId: "user-1",
  sessionId: "session-1",
  tags: ["a", "b"],
  release: "r-42",
  environment: "staging",
};

function telemetry(traceId: string) {
  return {
    isEnabled: true,
    functionId: "forecast",
    metadata: {
      langfuseTraceId: traceId,
      userId: "user-1",
      sessionId: "session-1",
      tags: ["b", "a"],
      plan: "pro",
    },
  };
}

const weatherCall = { toolCallId: "call-1", toolName: "weather", input: '{"city":"Bern"}' };

const weather = tool({
  description: "tells the weather",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => {
    await pause(thinkMs);
    return { city, sky: "clear" };
  },
});

function byStart({ observations }: ShownTrace): ShownObservation[] {
  return observations.toSorted((one, other) => (place(one) < place(other) ? -1 : 1));
}

/** The outermost comes first, also when the next one begins in the same millisecond. */
function place(observation: ShownObservation): string {
  const level = observation["parentObservationId"] === null ? 0 : 1;
  return `${String(observation["startTime"])} ${level}`;
}

function path(trace: ShownTrace, observation: ShownObservation | undefined): string {
  return observation === undefined ? "" : pathTo(trace, observation).join(" / ");
}

/** Every field of an observation: below the root, unless it is the root itself. */
function expectShown(
  since: number,
  trace: ShownTrace,
  shown: ShownObservation | undefined,
  fields: object,
): void {
  const root = trace.observations.find((one) => one["parentObservationId"] === null);
  expect(shown).toStrictEqual(
    observationWith(since, recording.sent, String(shown?.id), {
      traceId: trace.id,
      parentObservationId: shown === root ? null : root?.id,
      name: "forecast",
      environment: "staging",
      metadata: { plan: "pro" },
      ...fields,
    }),
  );
}
