import type { LangfusePromptRecord } from "langfuse";

import { eventually } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { sentEvent } from "./clients.ts";
import type { Recorded, SentEvent } from "./clients.ts";
import { at, bareObservation, bareScore, bareTrace, iso, momentSince } from "./expected.ts";

/** One trace that uses every field an SDK can fill, and what each read must give of it. */
export interface Story {
  readonly trace: { readonly id: string; readonly [field: string]: unknown };
  /** As the observation routes show them, by id. */
  readonly observations: readonly { readonly id: string; readonly [field: string]: unknown }[];
  /** As the first API version shows them, by id. */
  readonly scores: readonly { readonly id: string; readonly [field: string]: unknown }[];
}

export const storyTotals = { totalCost: 0.0037, latency: 4 };

/** Tells the story through the older SDK; resolves when all of it is readable. */
export async function tellStory(server: StartedServer, recorded: Recorded): Promise<Story> {
  const since = Date.now();
  tellTrace(recorded);
  tellGenerations(recorded);
  tellScores(recorded);
  await recorded.flush();
  await eventually(
    () => server.get("/api/public/traces/story"),
    ({ status, body }) => {
      const { observations, scores } = body as { observations?: unknown[]; scores?: unknown[] };
      return status === 200 && observations?.length === 7 && scores?.length === 4;
    },
  );
  const stamps = { createdAt: momentSince(since), updatedAt: momentSince(since) };
  return {
    trace: { ...expectedTrace, ...stamps },
    observations: expectedObservations.map((observation) => ({
      ...bareObservation,
      traceId: "story",
      environment: "staging",
      ...stamps,
      ...observation,
    })),
    scores: expectedScores(recorded.sent).map((score) => ({
      ...bareScore,
      traceId: "story",
      environment: "staging",
      ...stamps,
      ...score,
    })),
  };
}

function tellTrace({ langfuse }: Recorded): void {
  const trace = langfuse.trace({
    id: "story",
    timestamp: at(0),
    name: "support chat",
    userId: "user-1",
    sessionId: "session-1",
    version: "7",
    tags: ["paid", "beta"],
    public: true,
    input: { question: "Where is my order?", attempts: [1, 2], draft: null },
    output: "On its way.",
    metadata: {
      plan: "pro",
      seats: 3,
      trial: false,
      nested: { deep: [1, null] },
      ticket: "1983516295378495150",
    },
  });
  const answer = trace.span({
    id: "story-1-answer",
    startTime: at(0),
    endTime: at(4000),
    name: "answer",
    input: "plain text",
    output: ["a", { b: 2 }],
    metadata: { step: 1 },
    level: "WARNING",
    statusMessage: "slow",
    version: "s1",
  });
  answer.span({ id: "story-2-empty", startTime: at(100) });
  answer.event({
    id: "story-3-event",
    startTime: at(200),
    name: "cache miss",
    level: "DEBUG",
    input: 5,
    output: true,
    metadata: "just text",
  });
}

function tellGenerations({ langfuse }: Recorded): void {
  const place = { traceId: "story", parentObservationId: "story-1-answer" };
  langfuse.generation({
    ...place,
    id: "story-4-generation",
    name: "draft",
    startTime: at(1000),
    completionStartTime: at(1250),
    endTime: at(2500),
    model: "house-model-1",
    modelParameters: { temperature: 0.2, max_tokens: 256, stop: ["\n", "END"], stream: true },
    prompt,
    input: [{ role: "user", content: "Where is my order?" }],
    output: { role: "assistant", content: "On its way." },
    usage: { input: 100, output: 20, unit: "TOKENS", inputCost: 0.001, outputCost: 0.002 },
  });
  langfuse.generation({
    ...place,
    id: "story-5-buckets",
    name: "buckets",
    startTime: at(2600),
    endTime: at(2600),
    model: "house-model-2",
    usageDetails: { input: 90, output: 20, input_cached_tokens: 10 },
    costDetails: { input: 0.0003, input_cached_tokens: 0.0001, output: 0.0002, total: 0.0007 },
  });
  langfuse.generation({
    ...place,
    id: "story-6-openai",
    name: "openai",
    startTime: at(2700),
    endTime: at(3700),
    usageDetails: {
      prompt_tokens: 10,
      completion_tokens: 5,
      total_tokens: 15,
      prompt_tokens_details: { cached_tokens: 4 },
    },
    // Three parts and no total: what it came to cannot be known.
    costDetails: { input: 1, output: 1, reasoning: 1 },
  });
  langfuse.generation({
    ...place,
    id: "story-7-aliases",
    name: "aliases",
    startTime: at(3800),
    level: "ERROR",
    usage: { promptTokens: 7, completionTokens: 3, totalTokens: 11 },
  });
}

function tellScores({ langfuse }: Recorded): void {
  langfuse.score({
    id: "story-1-number",
    traceId: "story",
    name: "helpfulness",
    value: 0.75,
    comment: "fine",
    metadata: { rater: "a" },
  });
  langfuse.score({
    id: "story-2-yes",
    traceId: "story",
    name: "solved",
    value: 1,
    dataType: "BOOLEAN",
  });
  langfuse.score({ id: "story-3-class", traceId: "story", name: "tone", value: "friendly" });
  langfuse.score({
    id: "story-4-part",
    traceId: "story",
    observationId: "story-4-generation",
    name: "cited",
    value: 0,
    dataType: "BOOLEAN",
  });
}

/** As `getPrompt` would have brought it. */
const prompt: LangfusePromptRecord = {
  type: "text",
  name: "support-prompt",
  version: 3,
  prompt: "Answer: {{question}}",
  config: {},
  labels: [],
  tags: [],
  isFallback: false,
};

const expectedTrace = {
  ...bareTrace,
  id: "story",
  timestamp: iso(0),
  name: "support chat",
  userId: "user-1",
  sessionId: "session-1",
  release: "r-42",
  version: "7",
  environment: "staging",
  public: true,
  tags: ["beta", "paid"],
  input: { question: "Where is my order?", attempts: [1, 2], draft: null },
  output: "On its way.",
  metadata: {
    plan: "pro",
    seats: 3,
    trial: false,
    nested: { deep: [1, null] },
    // More digits than a double carries, so it stays text.
    ticket: "1983516295378495150",
  },
};

const child = { parentObservationId: "story-1-answer" };

const expectedObservations = [
  {
    id: "story-1-answer",
    name: "answer",
    startTime: iso(0),
    endTime: iso(4000),
    latency: 4,
    input: "plain text",
    output: ["a", { b: 2 }],
    metadata: { step: 1 },
    level: "WARNING",
    statusMessage: "slow",
    version: "s1",
  },
  { ...child, id: "story-2-empty", startTime: iso(100) },
  {
    ...child,
    id: "story-3-event",
    type: "EVENT",
    name: "cache miss",
    startTime: iso(200),
    level: "DEBUG",
    input: 5,
    output: true,
    metadata: { metadata: "just text" },
  },
  {
    ...child,
    id: "story-4-generation",
    type: "GENERATION",
    name: "draft",
    startTime: iso(1000),
    completionStartTime: iso(1250),
    endTime: iso(2500),
    timeToFirstToken: 0.25,
    latency: 1.5,
    model: "house-model-1",
    modelParameters: { temperature: 0.2, max_tokens: 256, stop: ["\n", "END"], stream: true },
    promptName: "support-prompt",
    promptVersion: 3,
    input: [{ role: "user", content: "Where is my order?" }],
    output: { role: "assistant", content: "On its way." },
    usageDetails: { input: 100, output: 20, total: 120 },
    usage: { unit: "TOKENS", input: 100, output: 20, total: 120 },
    promptTokens: 100,
    completionTokens: 20,
    totalTokens: 120,
    costDetails: { input: 0.001, output: 0.002, total: 0.003 },
    calculatedInputCost: 0.001,
    calculatedOutputCost: 0.002,
    calculatedTotalCost: 0.003,
  },
  {
    ...child,
    id: "story-5-buckets",
    type: "GENERATION",
    name: "buckets",
    startTime: iso(2600),
    endTime: iso(2600),
    latency: 0,
    model: "house-model-2",
    usageDetails: { input: 90, output: 20, input_cached_tokens: 10, total: 120 },
    usage: { unit: "TOKENS", input: 100, output: 20, total: 120 },
    promptTokens: 100,
    completionTokens: 20,
    totalTokens: 120,
    costDetails: { input: 0.0003, input_cached_tokens: 0.0001, output: 0.0002, total: 0.0007 },
    calculatedInputCost: 0.0004,
    calculatedOutputCost: 0.0002,
    calculatedTotalCost: 0.0007,
  },
  {
    ...child,
    id: "story-6-openai",
    type: "GENERATION",
    name: "openai",
    startTime: iso(2700),
    endTime: iso(3700),
    latency: 1,
    usageDetails: { input: 6, output: 5, total: 15, input_cached_tokens: 4 },
    usage: { unit: "TOKENS", input: 10, output: 5, total: 15 },
    promptTokens: 10,
    completionTokens: 5,
    totalTokens: 15,
    costDetails: { input: 1, output: 1, reasoning: 1 },
    calculatedInputCost: 1,
    calculatedOutputCost: 1,
  },
  {
    ...child,
    id: "story-7-aliases",
    type: "GENERATION",
    name: "aliases",
    startTime: iso(3800),
    level: "ERROR",
    usageDetails: { input: 7, output: 3, total: 11 },
    usage: { unit: "TOKENS", input: 7, output: 3, total: 11 },
    promptTokens: 7,
    completionTokens: 3,
    totalTokens: 11,
  },
];

function expectedScores(sent: readonly SentEvent[]): Story["scores"] {
  const timestamp = (id: string): string => sentEvent(sent, "score-create", id).timestamp;
  return [
    {
      id: "story-1-number",
      timestamp: timestamp("story-1-number"),
      name: "helpfulness",
      value: 0.75,
      comment: "fine",
      metadata: { rater: "a" },
    },
    {
      id: "story-2-yes",
      timestamp: timestamp("story-2-yes"),
      name: "solved",
      dataType: "BOOLEAN",
      value: 1,
      stringValue: "True",
    },
    {
      id: "story-3-class",
      timestamp: timestamp("story-3-class"),
      name: "tone",
      dataType: "CATEGORICAL",
      value: 0,
      stringValue: "friendly",
    },
    {
      id: "story-4-part",
      timestamp: timestamp("story-4-part"),
      name: "cited",
      dataType: "BOOLEAN",
      value: 0,
      stringValue: "False",
      observationId: "story-4-generation",
    },
  ];
}
