import * as z from "zod";

/**
 * The deprecated `usage`: whole counts and decimal costs, all optional. As soon as one of OpenAI's camel-case names
 * is there, even as null, only these count and everything else is dropped. (write-api §4.1)
 */
export function usageField() {
  const count = z.int().nullish();
  const cost = z.number().nullish();
  const units = ["CHARACTERS", "TOKENS", "SECONDS", "MILLISECONDS", "IMAGES", "REQUESTS"] as const;
  const usage = z.object({
    input: count,
    output: count,
    total: count,
    unit: z.enum(units).nullish(),
    inputCost: cost,
    outputCost: cost,
    totalCost: cost,
  });
  return z.preprocess(withoutAliases, usage.nullish());
}

/**
 * `usageDetails` as counts by name: OpenAI's two shapes are translated, of any other map the whole numbers are kept.
 * Null when nothing is left. (write-api §4.1)
 */
export function usageDetailsField() {
  return z.custom<JsonMap>(isMap, EXPECTED_MAP).transform(usageCounts).nullish();
}

/** `costDetails` as amounts by name: what is not a number of at least 0 is dropped. Null when nothing is left. */
export function costDetailsField() {
  return z.custom<JsonMap>(isMap, EXPECTED_MAP).transform(costAmounts).nullish();
}

export type JsonMap = Readonly<Record<string, unknown>>;

export function isMap(value: unknown): value is JsonMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const EXPECTED_MAP = "Invalid input: expected a map";

function withoutAliases(usage: unknown): unknown {
  if (!isMap(usage)) return usage;
  const { promptTokens, completionTokens, totalTokens } = usage;
  const hasAlias = "promptTokens" in usage || "completionTokens" in usage || "totalTokens" in usage;
  return hasAlias
    ? { input: promptTokens, output: completionTokens, total: totalTokens, unit: "TOKENS" }
    : usage;
}

type Counts = Readonly<Record<string, number>>;

function usageCounts(details: JsonMap): Counts | null {
  return fromOpenAi(details) ?? nonEmpty(Object.entries(details).flatMap(wholeNumber));
}

function wholeNumber([name, value]: [string, unknown]): [string, number][] {
  const count = typeof value === "string" ? Number.parseInt(value, 10) : value;
  return isCount(count) ? [[name, count]] : [];
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function costAmounts(details: JsonMap): Counts | null {
  const amounts = Object.entries(details).filter((entry): entry is [string, number] => {
    const amount = entry[1];
    return typeof amount === "number" && Number.isFinite(amount) && amount >= 0;
  });
  return nonEmpty(amounts);
}

function nonEmpty(entries: readonly (readonly [string, number])[]): Counts | null {
  return entries.length > 0 ? Object.fromEntries(entries) : null;
}

const count = z.int().nonnegative();
const detailCounts = z.record(z.string(), count.nullish()).nullish();
const completionsUsage = z.compile(
  z.strictObject({
    prompt_tokens: count,
    completion_tokens: count,
    total_tokens: count,
    prompt_tokens_details: detailCounts,
    completion_tokens_details: detailCounts,
  }),
);
const responsesUsage = z.compile(
  z.strictObject({
    input_tokens: count,
    output_tokens: count,
    total_tokens: count,
    input_tokens_details: detailCounts,
    output_tokens_details: detailCounts,
  }),
);

/** Null unless the map has exactly the shape of OpenAI's chat completions or of its responses. */
function fromOpenAi(details: JsonMap): Counts | null {
  // Failing a schema costs far more than passing one, and most maps are of neither shape.
  if (!("total_tokens" in details)) return null;
  const completions = completionsUsage.safeParse(details);
  if (completions.success) {
    const usage = completions.data;
    return {
      ...split("input", usage.prompt_tokens, usage.prompt_tokens_details),
      ...split("output", usage.completion_tokens, usage.completion_tokens_details),
      total: usage.total_tokens,
    };
  }
  const responses = responsesUsage.safeParse(details);
  if (!responses.success) return null;
  const usage = responses.data;
  return {
    ...split("input", usage.input_tokens, usage.input_tokens_details),
    ...split("output", usage.output_tokens, usage.output_tokens_details),
    total: usage.total_tokens,
  };
}

/** Each detail gets its own bucket and leaves that of its side, which ends at 0. */
function split(side: string, all: number, details: z.output<typeof detailCounts>): Counts {
  const buckets: [string, number][] = [];
  let rest = all;
  for (const [name, part] of Object.entries(details ?? {})) {
    if (part === null || part === undefined) continue;
    buckets.push([`${side}_${name}`, part]);
    rest = Math.max(0, rest - part);
  }
  return Object.fromEntries([[side, rest], ...buckets]);
}
