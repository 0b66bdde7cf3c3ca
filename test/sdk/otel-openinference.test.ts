import { LangChainInstrumentation } from "@arizeai/openinference-instrumentation-langchain";
import * as callbackManager from "@langchain/core/callbacks/manager";
import { awaitAllCallbacks } from "@langchain/core/callbacks/promises";
import { Document } from "@langchain/core/documents";
import { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { AIMessage } from "@langchain/core/messages";
import { StringOutputParser } from "@langchain/core/output_parsers";
import type { ChatResult } from "@langchain/core/outputs";
import { ChatPromptTemplate } from "@langchain/core/prompts";
import { BaseRetriever } from "@langchain/core/retrievers";
import { RunnableLambda, RunnableSequence } from "@langchain/core/runnables";
import { DynamicTool } from "@langchain/core/tools";
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  RandomIdGenerator,
} from "@opentelemetry/sdk-trace-node";
import { afterAll, beforeAll, expect, test } from "vitest";

import { startServer } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { expectSilentConsole, expectSilentServer } from "./clients.ts";
import { readByBoth } from "./generations.ts";
import { named, pathTo } from "./integrations.ts";
import type { ShownTrace } from "./integrations.ts";
import { protobufExporter } from "./otlp-clients.ts";

let server: StartedServer;
let provider: NodeTracerProvider;
/** Of the newest trace. */
let traceId: string;

expectSilentConsole();
expectSilentServer(() => server);
beforeAll(async () => {
  server = await startServer();
  const exporter = protobufExporter(`${server.url}/v1/traces`);
  const ids = new RandomIdGenerator();
  provider = new NodeTracerProvider({
    // Exports when it is told to and not by time, so that a trace comes in one request.
    spanProcessors: [new BatchSpanProcessor(exporter, { scheduledDelayMillis: 3_600_000 })],
    idGenerator: {
      generateTraceId: () => (traceId = ids.generateTraceId()),
      generateSpanId: () => ids.generateSpanId(),
    },
  });
  provider.register();
  const instrumentation = new LangChainInstrumentation({ tracerProvider: provider });
  instrumentation.manuallyInstrument(callbackManager);
});
afterAll(async () => {
  await provider.shutdown();
  await server.stop();
});

test("A chain is a trace with its prompt, its model's call, its retriever and its tool.", async () => {
  const chain = RunnableSequence.from([
    RunnableLambda.from(async (question: string, config) => {
      const [found] = await new FakeRetriever().invoke(question, config);
      return { question: await upper.invoke(found?.pageContent ?? "", config) };
    }).withConfig({ runName: "look up" }),
    prompt,
    new FakeModel(),
    new StringOutputParser(),
  ]).withConfig({ runName: "answer" });
  const metadata = { user_id: "user-1", session_id: "session-1", plan: "pro" };
  expect(await chain.invoke("Where?", { metadata, tags: ["beta"] })).toBe("On its way.");

  const trace = await exported(7);
  expect(trace).toMatchObject({
    name: "answer",
    input: "Where?",
    output: "On its way.",
    sessionId: "session-1",
  });
  const found = trace.observations.map((one) => [one["type"], ...pathTo(trace, one)].join(" / "));
  expect(found.toSorted()).toStrictEqual([
    "CHAIN / answer",
    "CHAIN / answer / StrOutputParser",
    "CHAIN / answer / look up",
    "GENERATION / answer / FakeModel",
    "RETRIEVER / answer / look up / FakeRetriever",
    "SPAN / answer / ChatPromptTemplate",
    "TOOL / answer / look up / upper",
  ]);
  expect(trace.observations.map((one) => one["metadata"])).toStrictEqual(
    trace.observations.map(() => expect.objectContaining({ plan: "pro" })),
  );
  expect(named(trace, "FakeModel")).toMatchObject({
    input: { messages: [[{ kwargs: { content: "Be brief." } }, { kwargs: { content: "HERE" } }]] },
    output: { generations: [[{ text: "On its way." }]] },
    model: "fake-1",
    modelParameters: { model: "fake-1", temperature: 0.5, max_tokens: 64 },
    usageDetails: { input: 20, output: 7, total: 27 },
  });
  const documents = [{ pageContent: "here", metadata: { page: 3 } }];
  expect(named(trace, "FakeRetriever")).toMatchObject({ input: "Where?", output: { documents } });
  expect(named(trace, "upper")).toMatchObject({ input: { input: "here" }, output: "HERE" });
});

test("A model that fails is returned at the level ERROR, with what it threw.", async () => {
  const chain = RunnableSequence.from([prompt, new FakeModel(new Error("the model is down"))]);
  const failing = chain.withConfig({ runName: "fails" }).invoke({ question: "Where?" });
  await expect(failing).rejects.toThrow("the model is down");

  const trace = await exported(3);
  const failed = { level: "ERROR", statusMessage: expect.stringContaining("the model is down") };
  expect(named(trace, "fails")).toMatchObject({ ...failed, output: null });
  expect(named(trace, "FakeModel")).toMatchObject({ ...failed, type: "GENERATION", output: null });
  expect(named(trace, "ChatPromptTemplate")).toMatchObject({ level: "DEFAULT" });
});

/** The newest trace, all of it exported in one request. */
async function exported(observations: number): Promise<ShownTrace> {
  // LangChain tells its instrumentation in the background.
  await awaitAllCallbacks();
  await provider.forceFlush();
  return await readByBoth(server, traceId, observations);
}

const prompt = ChatPromptTemplate.fromMessages([
  ["system", "Be brief."],
  ["human", "{question}"],
]);

const upper = new DynamicTool({
  name: "upper",
  description: "shouts",
  func: async (text) => text.toUpperCase(),
});

class FakeRetriever extends BaseRetriever {
  override lc_namespace = ["test"];

  override async _getRelevantDocuments(): Promise<Document[]> {
    return [new Document({ pageContent: "here", metadata: { page: 3 } })];
  }
}

/** A model that reports its parameters and usage as OpenAI's does. */
class FakeModel extends BaseChatModel {
  readonly #error: Error | null;

  constructor(error: Error | null = null) {
    super({ maxRetries: 0 });
    this.#error = error;
  }

  override _llmType(): string {
    return "fake";
  }

  override invocationParams(): Record<string, unknown> {
    return { model: "fake-1", temperature: 0.5, max_tokens: 64 };
  }

  override async _generate(): Promise<ChatResult> {
    if (this.#error !== null) throw this.#error;
    const text = "On its way.";
    const message = new AIMessage({
      content: text,
      usage_metadata: { input_tokens: 20, output_tokens: 7, total_tokens: 27 },
      response_metadata: { model_name: "fake-1-2025" },
    });
    return { generations: [{ text, message }] };
  }
}
