import { findProvider } from "@pydantic/genai-prices";
import type { MatchLogic, ModelInfo, ModelPrice } from "@pydantic/genai-prices";

import { exactDecimal } from "../../schemas/decimal.ts";
import type { ModelDefinition, PricingTier } from "../../schemas/models.ts";
import { patternProblem } from "../../schemas/patterns.ts";
import { derivedUuid } from "../../schemas/uuid.ts";

/**
 * Whose price lists are built in. Makers come first; of those who host the models of others only the ones whose names
 * for them are their own, because the same name at two hosts would be a guess.
 */
const providers = [
  "openai",
  "anthropic",
  "aws",
  "google",
  "mistral",
  "cohere",
  "deepseek",
  "x-ai",
  "moonshotai",
  "minimax",
  "zai",
  "perplexity",
  "voyageai",
  "groq",
  "openrouter",
];

/**
 * Which usage keys a price of the list is for: those that SDKs report, each with its synonyms (write-api §4.5). Keys of
 * one line are never reported together. Other prices of the list (searches, pages, hours) have no usage key yet.
 */
const usageKeys: Readonly<Record<string, readonly string[]>> = {
  input_mtok: ["input", "input_tokens"],
  output_mtok: ["output", "output_tokens"],
  cache_read_mtok: ["input_cached_tokens", "input_cache_read", "cache_read_input_tokens"],
  cache_write_mtok: [
    "input_cache_creation",
    "input_cache_creation_5m",
    "input_cache_write",
    "cache_creation_input_tokens",
  ],
  cache_write_1h_mtok: ["input_cache_creation_1h"],
  input_audio_mtok: ["input_audio_tokens"],
  output_audio_mtok: ["output_audio_tokens"],
  input_image_mtok: ["input_image_tokens"],
  output_image_mtok: ["output_image_tokens"],
  output_reasoning_mtok: ["output_reasoning_tokens", "output_reasoning"],
  output_prediction_mtok: [
    "output_accepted_prediction_tokens",
    "output_rejected_prediction_tokens",
  ],
};

/** Parts that are counted apart from the whole (write-api §4.1) and cost what it does, unless the list says otherwise. */
const fallbacks: Readonly<Record<string, string>> = {
  cache_read_mtok: "input_mtok",
  output_reasoning_mtok: "output_mtok",
  output_prediction_mtok: "output_mtok",
};

/** The price list as definitions, with ids that stay while provider and model do. */
export function builtInModels(): ModelDefinition[] {
  const models = new Map<string, ModelDefinition>();
  for (const [index, providerId] of providers.entries()) {
    for (const info of findProvider({ providerId })?.models ?? []) {
      for (const model of definitionsOf(providerId, index, info)) models.set(model.id, model);
    }
  }
  return [...models.values()];
}

/** One definition, and one more for each date at which the prices change. */
function definitionsOf(provider: string, index: number, info: ModelInfo): ModelDefinition[] {
  const matchPattern = `(?i)${alternativesOf(info.match).join("|")}`;
  if (hasRegex(info.match) && patternProblem(matchPattern) !== null) return [];
  const isExact = alternativesOf(info.match).every((part) => /^\^.*\$$/.test(part));
  return datedPrices(info).flatMap(({ startDate, prices }) => {
    const id = derivedUuid("model", provider, info.id, ...(startDate ? [startDate] : []));
    const tiers = tiersOf(id, prices);
    return tiers
      ? {
          id,
          modelName: info.id,
          matchPattern,
          startDate: startDate === null ? null : Date.parse(startDate),
          unit: "TOKENS" as const,
          ...tokenizerOf(provider, info.id),
          tiers,
          // A name in full outweighs a beginning, whoever lists it; then the order of the providers.
          rank: (isExact ? 0 : providers.length) + index + 1,
        }
      : [];
  });
}

function datedPrices({ prices }: ModelInfo): { startDate: string | null; prices: ModelPrice }[] {
  if (!Array.isArray(prices)) return [{ startDate: null, prices }];
  return prices.flatMap(({ constraint, prices: own }) => {
    if (constraint === undefined) return { startDate: null, prices: own };
    // Prices by the hour of the day have no counterpart: the ones without a condition stand for them.
    return "start_date" in constraint ? { startDate: constraint.start_date, prices: own } : [];
  });
}

function tokenizerOf(provider: string, tokenizerModel: string) {
  if (provider !== "openai") return { tokenizerId: null, tokenizerConfig: null };
  const tokenizerConfig = { tokensPerName: 1, tokenizerModel, tokensPerMessage: 3 };
  return { tokenizerId: "openai", tokenizerConfig };
}

/** The list's prices rise with the whole input of a request; null when none of them is for tokens. */
function tiersOf(id: string, prices: ModelPrice): ModelDefinition["tiers"] | null {
  const starts = new Set<number>();
  for (const price of Object.values(prices)) {
    if (typeof price === "object") for (const { start } of price.tiers) starts.add(start);
  }
  const byDefault = pricesFrom(prices, 0);
  if (Object.keys(byDefault).length === 0) return null;
  // Asked in this order: the highest threshold that is passed counts.
  const descending = [...starts].toSorted((a, b) => b - a);
  const conditional = descending.map((start, index): PricingTier => ({
    id: derivedUuid("tier", id, String(start)),
    name: `More than ${start} input tokens`,
    priority: index + 1,
    conditions: [
      { usageDetailPattern: "input", operator: "gt", value: start, caseSensitive: false },
    ],
    prices: pricesFrom(prices, start),
  }));
  const standard = { id: derivedUuid("tier", id), name: "Standard", priority: 0, conditions: [] };
  return [{ ...standard, prices: byDefault }, ...conditional];
}

/** USD for one token by usage key, above this many input tokens. */
function pricesFrom(prices: ModelPrice, start: number): Record<string, string> {
  const perToken: Record<string, string> = {};
  for (const [priceKey, keys] of Object.entries(usageKeys)) {
    const perMillion = perMillionOf(prices, priceKey, start);
    if (perMillion === null) continue;
    for (const key of keys) perToken[key] = exactDecimal(Number(`${exactDecimal(perMillion)}e-6`));
  }
  return perToken;
}

function perMillionOf(prices: ModelPrice, priceKey: string, start: number): number | null {
  const price = prices[priceKey];
  if (typeof price === "number") return price;
  if (price) return price.tiers.findLast((tier) => tier.start <= start)?.price ?? price.base;
  const fallback = fallbacks[priceKey];
  return fallback === undefined ? null : perMillionOf(prices, fallback, start);
}

/** A rule of the list as alternatives of a pattern. Look-ahead, which the engine lacks, only narrows: it is left out. */
function alternativesOf(match: MatchLogic): string[] {
  if ("or" in match) return match.or.flatMap(alternativesOf);
  if ("and" in match) return match.and.flatMap(alternativesOf).slice(0, 1);
  if ("equals" in match) return [`^${escaped(match.equals)}$`];
  if ("starts_with" in match) return [`^${escaped(match.starts_with)}`];
  if ("ends_with" in match) return [`${escaped(match.ends_with)}$`];
  if ("contains" in match) return [escaped(match.contains)];
  return [match.regex];
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

function hasRegex(match: MatchLogic): boolean {
  if ("or" in match) return match.or.some(hasRegex);
  if ("and" in match) return match.and.some(hasRegex);
  return "regex" in match;
}
