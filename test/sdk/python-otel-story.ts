import { expect } from "vitest";

import { project } from "../started-server.ts";

/** What the root says of itself, which its trace shows too. */
export const rootMetadata = { step: 1, nested: { deep: [1, null] } };

/** What the SDK says of itself with every span. */
export function sender(version: string): object {
  return {
    resourceAttributes: expect.objectContaining({
      "telemetry.sdk.language": "python",
      "langfuse.environment": "staging",
      "langfuse.release": "r-42",
    }),
    scope: { name: "langfuse-sdk", version, attributes: { public_key: project.publicKey } },
  };
}

/** An observation, by its name and that of its parent. */
export interface Part {
  readonly name: string;
  readonly parent?: string;
  readonly metadata?: object;
  readonly [field: string]: unknown;
}

/** What `python/langfuse-otel.py` tells, as the observation routes show it apart from what all of them show. */
export const parts: readonly Part[] = [
  {
    name: "answer",
    input: { question: "Where?", draft: null },
    output: "On its way.",
    metadata: rootMetadata,
  },
  { name: "agent", parent: "answer", type: "AGENT" },
  {
    name: "draft",
    parent: "agent",
    type: "GENERATION",
    model: "model-of-nobody",
    // The SDK sends what is neither text nor a number as JSON.
    modelParameters: { temperature: 0.5, max_tokens: 64, stop: '["a","b"]', stream: "true" },
    promptName: "support-prompt",
    promptVersion: 3,
    input: [{ role: "user", content: "Où est-ce? 🙂" }],
    output: { role: "assistant", content: "On its way." },
    metadata: { attempt: 1 },
    usageDetails: { input: 100, output: 20, input_cached_tokens: 40, total: 160 },
    ...tokens(140, 20, 160),
    costDetails: { input: 0.001, output: 0.002, total: 0.003 },
    calculatedInputCost: 0.001,
    calculatedOutputCost: 0.002,
    calculatedTotalCost: 0.003,
  },
  {
    name: "openai",
    parent: "agent",
    type: "GENERATION",
    usageDetails: { input: 10, output: 5, total: 15 },
    ...tokens(10, 5, 15),
    costDetails: { total: 0.5 },
    calculatedTotalCost: 0.5,
  },
  {
    name: "embedding",
    parent: "agent",
    type: "EMBEDDING",
    model: "model-of-nobody",
    input: ["a", "b"],
    usageDetails: { input: 9, total: 9 },
    ...tokens(9, 0, 9),
  },
  ...["tool", "retriever", "evaluator", "guardrail"].map((name) => ({
    name,
    parent: "agent",
    type: name.toUpperCase(),
    input: "in",
    output: ["out", { b: 2 }],
  })),
  {
    name: "cache miss",
    parent: "agent",
    type: "EVENT",
    endTime: null,
    latency: null,
    level: "WARNING",
    statusMessage: "slow",
    input: { key: "order" },
  },
  {
    name: "decorated",
    parent: "answer",
    type: "CHAIN",
    input: { args: ["why?"], kwargs: {} },
    output: { answer: "WHY?", limit: 2 },
  },
  {
    name: "broken",
    parent: "decorated",
    type: "TOOL",
    level: "ERROR",
    statusMessage: "out of order",
    input: { args: ["why?"], kwargs: {} },
  },
];

/** By name; each is on the trace, or on its root. */
export const traceScores = [
  { name: "helpfulness", onRoot: true, value: 0.75, comment: "fine", metadata: { rater: "a" } },
  { name: "solved", onRoot: false, dataType: "BOOLEAN", value: 1, stringValue: "True" },
  { name: "tone", onRoot: false, dataType: "CATEGORICAL", value: 0, stringValue: "friendly" },
];

function tokens(input: number, output: number, total: number): object {
  return {
    usage: { unit: "TOKENS", input, output, total },
    promptTokens: input,
    completionTokens: output,
    totalTokens: total,
  };
}
