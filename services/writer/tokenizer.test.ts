import { expect, test } from "vitest";

import type { ModelDefinition } from "../../schemas/models.ts";
import { openAiCounter } from "./tokenizer.ts";

function model(
  tokenizerModel: unknown,
  prices: Record<string, string> = { input: "1", output: "1" },
): ModelDefinition {
  return {
    id: "m",
    modelName: "m",
    matchPattern: "m",
    startDate: null,
    unit: "TOKENS",
    tokenizerId: "openai",
    tokenizerConfig: { tokenizerModel, tokensPerMessage: 3, tokensPerName: 1 },
    tiers: [{ id: "t", name: "Standard", priority: 0, conditions: [], prices }],
    rank: 0,
  };
}

const count = openAiCounter(32 * 1024);

// Known counts of OpenAI's encodings: "hello world" is 2 tokens in both, "tokenization" 2.
test.each([
  ["gpt-4o", "o200k_base"],
  ["ft:gpt-4o-mini-2024-07-18", "o200k_base"],
  ["gpt-5-mini", "o200k_base"],
  ["o3-mini", "o200k_base"],
  ["gpt-4-turbo", "cl100k_base"],
  ["gpt-3.5-turbo", "cl100k_base"],
])("write-api §4.3: %s counts texts with %s", async (name, encoding) => {
  const counted = await count({ input: "hello world", output: "tokenization" }, model(name));
  expect(counted).toEqual({ usage: { input: 2, output: 2 }, encoding });
});

test("a list of chat messages costs three for each, one for a name, and three for the reply", async () => {
  const input = JSON.stringify([
    { role: "system", content: "hello world" },
    { role: "user", name: "hello", content: "hello world", refusal: null },
  ]);
  const counted = await count({ input }, model("gpt-4o"));
  expect(counted?.usage).toEqual({ input: 3 + (3 + 1 + 2) + (3 + 1 + 1 + 1 + 2) });
});

test.each([
  ["an unknown model", { input: "x" }, model("llama-3")],
  ["a model without a name for its tokenizer", { input: "x" }, model(7)],
  ["another tokenizer", { input: "x" }, { ...model("gpt-4o"), tokenizerId: "claude" }],
  ["no text", {}, model("gpt-4o")],
  ["a text above the limit", { input: "x", output: "é".repeat(16 * 1024 + 1) }, model("gpt-4o")],
])("nothing is counted for %s", async (_, row, definition) => {
  expect(await count(row, definition)).toBeNull();
});

test("what has no price for output, as an embedding, has no output tokens", async () => {
  const embedding = model("text-embedding-3-small", { input: "1" });
  const counted = await count({ input: "hello world", output: "[0.1,0.2]" }, embedding);
  expect(counted?.usage).toEqual({ input: 2 });
});

test("text that looks like a control token is text", async () => {
  const counted = await count({ input: "<|endoftext|>" }, model("gpt-4o"));
  expect(counted?.usage["input"]).toBeGreaterThan(1);
});

test("texts made to be slow take time that grows with their length alone", async () => {
  const startedAt = process.cpuUsage();
  for (const letter of ["a", " ", "!", "\n", "é", "😀", "漢"]) {
    expect(
      (await count({ input: letter.repeat(8000) }, model("gpt-4o")))?.usage["input"],
    ).toBeGreaterThan(0);
  }
  // One of them alone took longer before it was cut.
  expect(process.cpuUsage(startedAt).user).toBeLessThan(20_000_000);
});
