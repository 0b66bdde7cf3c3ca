import { expect, onTestFinished, test } from "vitest";

import { ModelBook } from "../../schemas/model-book.ts";
import { patternProblem } from "../../schemas/patterns.ts";
import { createMemoryTopic, openMemoryLog } from "./event-log/memory-log.ts";
import { publishPrices } from "./price-book.ts";
import { builtInModels } from "./price-list.ts";
import { openRegistry } from "./registry.ts";
import type { RegistryFold } from "./registry.ts";

async function opened(topic = createMemoryTopic(1)): Promise<RegistryFold> {
  const log = await openMemoryLog({ partitions: 1, topic });
  onTestFinished(() => log.close());
  const fold = await openRegistry(log);
  onTestFinished(() => fold.close());
  return fold;
}

const models = builtInModels();
const book = new ModelBook();
for (const model of models) book.set(null, model, 0, 1);

test("the list has the models of the providers that are asked for most, and every definition can be used", () => {
  expect(models.length).toBeGreaterThan(500);
  expect(new Set(models.map(({ id }) => id)).size).toBe(models.length);
  expect(models.filter(({ matchPattern }) => patternProblem(matchPattern) !== null)).toEqual([]);
  for (const { tiers } of models) {
    for (const { prices } of tiers) {
      expect(Object.keys(prices).length).toBeGreaterThan(0);
      for (const price of Object.values(prices)) expect(price).toMatch(/^\d+(\.\d+)?$/);
    }
  }
});

test.each([
  ["gpt-4o", "gpt-4o"],
  ["GPT-4o-2024-11-20", "gpt-4o"],
  ["gpt-4o-mini", "gpt-4o-mini"],
  ["claude-sonnet-4-5-20250929", "claude-sonnet-4-5"],
  ["us.anthropic.claude-opus-4-6-v1:0", "regional.anthropic.claude-opus-4-6-v1:0"],
  ["gemini-2.5-pro-preview-tts", "gemini-2.5-pro-tts"],
  ["openai/gpt-4o", "openai/gpt-4o"],
  ["my-own-model", undefined],
])("%s is priced as %s", (name, expected) => {
  const version = book.match("p", name, 1, Date.UTC(2026, 8, 1));
  expect(version?.definition.modelName).toBe(expected);
});

test("what a provider counts apart from the input or output is priced too (write-api §4.1, §4.5)", () => {
  const prices = book.match("p", "gpt-4o", 1, 0)?.definition.tiers[0].prices ?? {};
  expect(prices["input_cached_tokens"]).toBe("0.00000125");
  expect(prices["output_reasoning_tokens"]).toBe(prices["output"]);
});

test("a price that rises with the input is a tier that applies above the threshold", () => {
  const tiers = book.match("p", "claude-sonnet-4-5", 1, 0)?.definition.tiers ?? [];
  expect(tiers.map(({ priority, conditions }) => [priority, conditions])).toEqual([
    [0, []],
    [1, [{ usageDetailPattern: "input", operator: "gt", value: 200_000, caseSensitive: false }]],
  ]);
});

test("the list is published once, and a later start finds it in force", async () => {
  const topic = createMemoryTopic(1);
  const first = await opened(topic);
  expect(await publishPrices(first)).toBe(models.length);
  const position = first.position();
  expect(await publishPrices(first)).toBe(0);
  expect(first.position()).toBe(position);
  const second = await opened(topic);
  expect(second.registry.models.builtIn()).toHaveLength(models.length);
  expect(await publishPrices(second)).toBe(0);
});

test("an older list does not replace a newer one", async () => {
  const fold = await opened();
  await fold.submit(
    { type: "prices-publish", version: [999], models: models.slice(0, 1), removed: [] },
    "test",
  );
  expect(await publishPrices(fold)).toBe(0);
  const change = { type: "prices-publish", version: [1], models, removed: [] } as const;
  expect(await fold.submit(change, "test")).toBe("conflict");
  expect(fold.registry.models.builtIn()).toHaveLength(1);
});

test("of a list that was published in part the rest follows at the next start, and what is gone goes", async () => {
  const fold = await opened();
  const gone = { ...models[0], id: "gone" } as (typeof models)[number];
  await fold.submit(
    { type: "prices-publish", version: null, models: [gone, ...models.slice(0, 10)], removed: [] },
    "test",
  );
  expect(await publishPrices(fold)).toBe(models.length - 10 + 1);
  expect(fold.registry.models.builtIn()).toHaveLength(models.length);
});
