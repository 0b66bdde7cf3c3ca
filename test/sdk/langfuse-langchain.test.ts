import { setTimeout as pause } from "node:timers/promises";

import type { CallbackManagerForLLMRun } from "@langchain/core/callbacks/manager";
import { Document } from "@langchain/core/documents";
import { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { AIMessage, AIMessageChunk } from "@langchain/core/messages";
import type { BaseMessage } from "@langchain/core/messages";
import { StringOutputParser } from "@langchain/core/output_parsers";
import { ChatGenerationChunk } from "@langchain/core/outputs";
import type { ChatResult } from "@langchain/core/outputs";
import { ChatPromptTemplate } from "@langchain/core/prompts";
import { BaseRetriever } from "@langchain/core/retrievers";
import { RunnableLambda, RunnableSequence } from "@langchain/core/runnables";
import type { RunnableConfig } from "@langchain/core/runnables";
import { DynamicTool } from "@langchain/core/tools";
import { AgentExecutor, BaseSingleActionAgent } from "langchain/agents";
import type { AgentAction, AgentFinish, AgentStep } from "@langchain/core/agents";
import { CallbackHandler } from "langfuse-langchain";
import { afterAll, beforeAll, expect, test } from "vitest";

import { project, startServer } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import {
  expectSilentConsole,
  expectSilentServer,
  langfuse3,
  patienceMs,
  recordingOf,
} from "./clients.ts";
import { endedTrace, named, observationWith, pathTo, traceWith } from "./integrations.ts";

let server: StartedServer;

expectSilentConsole();
expectSilentServer(() => server);
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const question = { question: "why?" };
const messages = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "why?" },
];
/** What the handler states of everything that it reports. */
const stated = { version: "7", environment: "staging" };

test("A chain is read back as a trace with its steps, the model's parameters and its usage.", async () => {
  const since = Date.now();
  const { handler, sent } = newHandler();
  const run = { runName: "answer", tags: ["run-tag"], metadata: { run: 1 } };
  await chainOf(new FakeModel("forty two")).invoke(question, { callbacks: [handler], ...run });
  await handler.shutdownAsync();

  const trace = await endedTrace(server, handler.getTraceId() ?? "", 4);
  expect(trace).toStrictEqual(
    traceWith(since, {
      ...stated,
      release: "r-42",
      name: "answer",
      userId: "user-1",
      sessionId: "session-1",
      tags: ["handler-tag", "run-tag"],
      metadata: { plan: "pro", run: 1, tags: ["run-tag"] },
      input: question,
      output: "forty two",
    }),
  );
  expect(trace.observations.map((one) => pathTo(trace, one).join(" / ")).toSorted()).toStrictEqual([
    "answer",
    "answer / ChatPromptTemplate",
    "answer / FakeModel",
    "answer / StrOutputParser",
  ]);
  const root = named(trace, "answer");
  const inner = { ...stated, traceId: trace.id, parentObservationId: root.id };
  const step = (name: string, fields: object): void => {
    const shown = named(trace, name);
    expect(shown).toStrictEqual(observationWith(since, sent, shown.id, { ...fields, name }));
  };
  step("answer", {
    ...inner,
    parentObservationId: null,
    input: question,
    output: "forty two",
    metadata: { run: 1, tags: ["run-tag"] },
  });
  step("ChatPromptTemplate", {
    ...inner,
    input: question,
    output: sent.find(({ type, body }) => type === "span-update" && isPrompt(body["output"]))?.body[
      "output"
    ],
    metadata: { run: 1, tags: ["seq:step:1", "run-tag"] },
  });
  step("FakeModel", {
    ...inner,
    type: "GENERATION",
    input: messages,
    output: { role: "assistant", content: "forty two" },
    metadata: {
      run: 1,
      tags: ["seq:step:2", "run-tag"],
      ls_model_type: "chat",
      ls_provider: "FakeModel",
    },
    model: "fake-1-2025",
    modelParameters: { temperature: 0.5, max_tokens: 64, top_p: 1 },
    // What was cached or reasoned is counted apart from the rest, as the integration does it.
    usageDetails: { input: 15, input_cache_read: 5, output: 4, output_reasoning: 3, total: 27 },
    usage: { unit: "TOKENS", input: 20, output: 7, total: 27 },
    promptTokens: 20,
    completionTokens: 7,
    totalTokens: 27,
  });
  step("StrOutputParser", {
    ...inner,
    input: sent.find(({ body }) => body["name"] === "StrOutputParser")?.body["input"],
    output: "forty two",
    metadata: { run: 1, tags: ["seq:step:3", "run-tag"] },
  });
});

test("A streamed answer is read back whole, with the time of its first token.", async () => {
  const since = Date.now();
  const { handler, sent } = newHandler();
  const stream = await chainOf(new FakeModel("forty two")).stream(question, {
    callbacks: [handler],
    runName: "streamed",
  });
  const parts: string[] = [];
  for await (const part of stream) parts.push(part);
  expect(parts).toStrictEqual(["forty ", "two"]);
  await handler.shutdownAsync();

  const trace = await endedTrace(server, handler.getTraceId() ?? "", 4);
  expect(trace).toMatchObject({ name: "streamed", input: question, output: "forty two" });
  const { id } = named(trace, "FakeModel");
  const update = sent.find(({ type, body }) => type === "generation-update" && body["id"] === id);
  const { completionStartTime } = update?.body ?? {};
  expect(named(trace, "FakeModel")).toStrictEqual(
    observationWith(since, sent, id, {
      ...stated,
      traceId: trace.id,
      parentObservationId: named(trace, "streamed").id,
      type: "GENERATION",
      name: "FakeModel",
      input: messages,
      output: { content: "forty two" },
      metadata: { tags: ["seq:step:2"], ls_model_type: "chat", ls_provider: "FakeModel" },
      model: "fake-1",
      modelParameters: { temperature: 0.5, max_tokens: 64, top_p: 1 },
      completionStartTime,
      timeToFirstToken: expect.any(Number),
    }),
  );
});

test("A model that fails is read back as an error, and so is the chain around it.", async () => {
  const { handler } = newHandler();
  const chain = chainOf(new FakeModel(new Error("the model is down")));
  const run = { callbacks: [handler], runName: "failing" };
  await expect(chain.invoke(question, run)).rejects.toThrow("the model is down");
  await handler.shutdownAsync();

  const trace = await endedTrace(server, handler.getTraceId() ?? "", 3);
  const failed = { level: "ERROR", statusMessage: "Error: the model is down", output: null };
  expect(trace).toMatchObject({ name: "failing", output: "Error: the model is down" });
  expect(named(trace, "FakeModel")).toMatchObject({
    ...failed,
    type: "GENERATION",
    model: "fake-1",
  });
  expect(named(trace, "failing")).toMatchObject({ ...failed, type: "SPAN", input: question });
  expect(named(trace, "ChatPromptTemplate")).toMatchObject({ level: "DEFAULT" });
});

test("Retrievers and tools are read back below the step that called them, errors too.", async () => {
  const { handler } = newHandler();
  const step = RunnableLambda.from(async (text: string, config: RunnableConfig) => {
    const found = await new FakeRetriever().invoke(text, config);
    const [first] = found;
    await upper.invoke(first?.pageContent ?? "", config);
    await broken.invoke("x", config).catch(() => {});
    return found.length;
  }).withConfig({ runName: "step" });
  await step.invoke("where?", { callbacks: [handler] });
  await handler.shutdownAsync();

  const trace = await endedTrace(server, handler.getTraceId() ?? "", 4);
  expect(trace).toMatchObject({ name: "step", input: { input: "where?" }, output: { output: 1 } });
  const below = { type: "SPAN", parentObservationId: named(trace, "step").id, level: "DEFAULT" };
  expect(named(trace, "FakeRetriever")).toMatchObject({
    ...below,
    input: "where?",
    output: [{ pageContent: "here", metadata: { page: 3 } }],
  });
  expect(named(trace, "upper")).toMatchObject({
    ...below,
    // The integration sends it as text, and text that is JSON is shown as what it means.
    input: { input: "here" },
    output: "HERE",
  });
  expect(named(trace, "broken")).toMatchObject({
    ...below,
    level: "ERROR",
    statusMessage: "Error: out of order",
  });
});

test("An agent keeps its name and start although its steps are reported as spans of the same id.", async () => {
  const since = Date.now();
  const { handler, sent } = newHandler();
  const executor = AgentExecutor.fromAgentAndTools({ agent: new FakeAgent(), tools: [upper] });
  await executor.invoke({ input: "shout" }, { callbacks: [handler], runName: "agent" });
  await handler.shutdownAsync();

  const trace = await endedTrace(server, handler.getTraceId() ?? "", 2);
  expect(trace).toMatchObject({ name: "agent", input: { input: "shout" } });
  const { id } = named(trace, "agent");
  const creates = sent.filter(({ type, body }) => type === "span-create" && body["id"] === id);
  expect(creates).toHaveLength(2);
  const ends = sent.filter(({ body }) => body["id"] === id).map(({ body }) => body["endTime"]);
  const finish = { returnValues: { output: "SHOUT" }, log: "done" };
  expect(named(trace, "agent")).toStrictEqual(
    observationWith(since, sent, id, {
      ...stated,
      traceId: trace.id,
      name: "agent",
      input: { tool: "upper", toolInput: "shout", log: "calling" },
      // The agent's end and that of the chain around it come at once, and the SDK may send either of them first.
      output: expect.toBeOneOf(["SHOUT", finish]),
      endTime: expect.toBeOneOf(ends.filter(Boolean)),
      latency: expect.any(Number),
    }),
  );
  expect(named(trace, "upper")).toMatchObject({ parentObservationId: id, output: "SHOUT" });
});

test("A chain joins the trace and the span that it is given.", async () => {
  const { langfuse, flush } = langfuse3(server);
  const root = langfuse.trace({ name: "before", input: "kept" });
  const span = root.span({ name: "outer" });
  const handler = new CallbackHandler({ root: span });
  const run = { callbacks: [handler], runName: "inside" };
  await chainOf(new FakeModel("forty two")).invoke(question, run);
  span.end({ output: "done" });
  await flush();

  const trace = await endedTrace(server, root.id, 5);
  expect(trace).toMatchObject({ name: "before", input: "kept", output: null, release: "r-42" });
  expect(named(trace, "outer")).toMatchObject({ id: span.id, input: null, output: "done" });
  expect(pathTo(trace, named(trace, "FakeModel"))).toStrictEqual(["outer", "inside", "FakeModel"]);
  expect(named(trace, "inside")).toMatchObject({ input: question, output: "forty two" });
});

function newHandler() {
  const handler = new CallbackHandler({
    baseUrl: server.url,
    publicKey: project.publicKey,
    secretKey: project.secretKey,
    sessionId: "session-1",
    userId: "user-1",
    tags: ["handler-tag"],
    metadata: { plan: "pro" },
    version: "7",
    release: "r-42",
    environment: "staging",
    flushAt: 1000,
    flushInterval: 0,
    requestTimeout: patienceMs,
  });
  return { handler, sent: recordingOf(handler.langfuse).sent };
}

function chainOf(model: FakeModel) {
  const prompt = ChatPromptTemplate.fromMessages([
    ["system", "Be brief."],
    ["human", "{question}"],
  ]);
  return RunnableSequence.from([prompt, model, new StringOutputParser()]);
}

function isPrompt(value: unknown): boolean {
  return typeof value === "object" && value !== null && "messages" in value;
}

const upper = new DynamicTool({
  name: "upper",
  description: "shouts",
  func: async (text) => text.toUpperCase(),
});

const broken = new DynamicTool({
  name: "broken",
  description: "fails",
  func: async () => {
    throw new Error("out of order");
  },
});

/** So that what ends has a later time than what began. */
const thinkMs = 5;

/** A model that answers with what it is told, and reports its usage as OpenAI's does. */
class FakeModel extends BaseChatModel {
  readonly #answer: string | Error;

  constructor(answer: string | Error) {
    super({ maxRetries: 0 });
    this.#answer = answer;
  }

  override _llmType(): string {
    return "fake";
  }

  override invocationParams(): Record<string, unknown> {
    return { model: "fake-1", temperature: 0.5, max_tokens: 64, top_p: 1 };
  }

  override async _generate(): Promise<ChatResult> {
    const text = this.#text();
    await pause(thinkMs);
    const message = new AIMessage({
      content: text,
      usage_metadata: {
        input_tokens: 20,
        output_tokens: 7,
        total_tokens: 27,
        input_token_details: { cache_read: 5 },
        output_token_details: { reasoning: 3 },
      },
      response_metadata: { model_name: "fake-1-2025" },
    });
    return { generations: [{ text, message }] };
  }

  override async *_streamResponseChunks(
    _messages: BaseMessage[],
    _options: this["ParsedCallOptions"],
    run?: CallbackManagerForLLMRun,
  ): AsyncGenerator<ChatGenerationChunk> {
    for (const text of this.#text().split(/(?<= )/)) {
      await pause(thinkMs);
      yield new ChatGenerationChunk({ text, message: new AIMessageChunk({ content: text }) });
      await run?.handleLLMNewToken(text);
    }
  }

  #text(): string {
    if (this.#answer instanceof Error) throw this.#answer;
    return this.#answer;
  }
}

class FakeRetriever extends BaseRetriever {
  override lc_namespace = ["test"];

  override async _getRelevantDocuments(): Promise<Document[]> {
    return [new Document({ pageContent: "here", metadata: { page: 3 } })];
  }
}

/** Calls one tool, and ends with what that gave. */
class FakeAgent extends BaseSingleActionAgent {
  override lc_namespace = ["test"];
  override inputKeys = ["input"];

  override async plan(
    steps: AgentStep[],
    inputs: Record<string, unknown>,
  ): Promise<AgentAction | AgentFinish> {
    await pause(thinkMs);
    const [done] = steps;
    if (done !== undefined) return { returnValues: { output: done.observation }, log: "done" };
    return { tool: "upper", toolInput: String(inputs["input"]), log: "calling" };
  }
}
