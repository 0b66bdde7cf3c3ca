import * as z from "zod";

import { isMap } from "./langfuse-fields.ts";
import type { JsonMap } from "./langfuse-fields.ts";

const integer = z.int().nullish();
const amount = z.number().nullish();

/**
 * The deprecated `usage`: whole counts and decimal costs, all optional. As soon as one of OpenAI's camel-case names
 * is there, even as null, only these count and everything else is dropped. (write-api §4.1)
 */
export const usage = z.preprocess(
  withoutAliases,
  z
    .object({
      input: integer,
      output: integer,
      total: integer,
      unit: z
        .enum(["CHARACTERS", "TOKENS", "SECONDS", "MILLISECONDS", "IMAGES", "REQUESTS"])
        .nullish(),
      inputCost: amount,
      outputCost: amount,
      totalCost: amount,
    })
    .nullish(),
);

const map = z.custom<JsonMap>(isMap, { message: "Invalid input: expected a map" });

/**
 * Counts by name. OpenAI's two shapes are translated; of any other map the whole numbers of at least 0 are kept.
 * Null when nothing is left. (write-api §4.1)
 */
export const usageDetails = map.transform(usageCounts).nullish();

/** Amounts by name; what is not a number of at least 0 is dropped. Null when nothing is left. (write-api §4.1) */
export const costDetails = map.transform(costAmounts).nullish();

function withoutAliases(value: unknown): unknown {
  if (!isMap(value)) return value;
  const { promptTokens, completionTokens, totalTokens } = value;
  const hasAlias = "promptTokens" in value || "completionTokens" in value || "totalTokens" in value;
  return hasAlias
    ? { input: promptTokens, output: completionTokens, total: totalTokens, unit: "TOKENS" }
    : value;
}

type MutableCounts = Record<string, number>;
type Counts = Readonly<MutableCounts>;

function usageCounts(details: JsonMap): Counts | null {
  return (
    openAiCounts(details, completionsNames) ??
    openAiCounts(details, responsesNames) ??
    numbersOf(details, wholeCount)
  );
}

/** The names that OpenAI reports usage by, in this order: input, its parts, output, its parts, total. */
type OpenAiNames = readonly [string, string, string, string, string];

const completionsNames: OpenAiNames = [
  "prompt_tokens",
  "prompt_tokens_details",
  "completion_tokens",
  "completion_tokens_details",
  "total_tokens",
];
const responsesNames: OpenAiNames = [
  "input_tokens",
  "input_tokens_details",
  "output_tokens",
  "output_tokens_details",
  "total_tokens",
];

/** Null unless the map has the three counts, and beside them nothing but their parts. */
function openAiCounts(details: JsonMap, names: OpenAiNames): Counts | null {
  const [input, inputParts, output, outputParts, total] = names.map((name) => details[name]);
  if (!isCount(input) || !isCount(output) || !isCount(total)) return null;
  if (!areParts(inputParts) || !areParts(outputParts)) return null;
  if (!Object.keys(details).every((name) => names.includes(name))) return null;
  const counts = emptyCounts();
  putSplit(counts, "input", input, inputParts);
  putSplit(counts, "output", output, outputParts);
  counts["total"] = total;
  return counts;
}

type Parts = Readonly<Record<string, number | null>> | null | undefined;

/** Each part gets its own bucket and leaves that of its side, which ends at 0. */
function putSplit(counts: MutableCounts, side: string, whole: number, parts: Parts): void {
  let rest = whole;
  for (const [name, part] of Object.entries(parts ?? {})) {
    if (part === null) continue;
    counts[`${side}_${name}`] = part;
    rest -= part;
  }
  counts[side] = Math.max(0, rest);
}

function areParts(value: unknown): value is Parts {
  if (value === undefined || value === null) return true;
  return isMap(value) && Object.values(value).every((part) => part === null || isCount(part));
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function wholeCount(value: unknown): number | null {
  const number = typeof value === "string" ? Number.parseInt(value, 10) : value;
  return isCount(number) ? number : null;
}

function costAmounts(details: JsonMap): Counts | null {
  return numbersOf(details, (value) =>
    typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : null,
  );
}

function numbersOf(details: JsonMap, toNumber: (value: unknown) => number | null): Counts | null {
  const numbers = emptyCounts();
  let isEmpty = true;
  for (const name of Object.keys(details)) {
    const number = toNumber(details[name]);
    if (number === null) continue;
    numbers[name] = number;
    isEmpty = false;
  }
  return isEmpty ? null : numbers;
}

/** Without a prototype, since the names are the client's. */
function emptyCounts(): MutableCounts {
  return Object.create(null);
}
