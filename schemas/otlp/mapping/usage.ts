import { usageDetails } from "../../dialects/langfuse-usage.ts";
import * as by from "./emitters.ts";
import { attribute, within } from "./reader.ts";
import type { Source, SpanReader } from "./reader.ts";
import { asCount, asMap } from "./values.ts";

/**
 * What a call used. Every counter that counts stands in one of the tables below, so that none is added twice: a
 * counter that no table knows stays among the span's attributes and in no sum. (otlp.md §2.8, §6 #6)
 */

const statedUsage = attribute("langfuse.observation.usage_details", by.langfuse);

const inputSources: readonly Source[] = [
  attribute("gen_ai.usage.prompt_tokens", by.traceloop),
  attribute("gen_ai.usage.input_tokens", by.genAi),
  attribute("llm.token_count.prompt", by.openInference),
  within("genkit:output", ["usage", "inputTokens"], by.genkit),
  attribute("ai.usage.inputTokens", by.aiSdk),
  attribute("ai.usage.promptTokens", by.aiSdk),
  within("mlflow.chat.tokenUsage", ["input_tokens"], by.mlflow),
  within("langsmith.usage_metadata", ["input_tokens"], by.langSmith),
  within("lk.llm_metrics", ["prompt_tokens"], by.liveKit),
  within("gcp.vertex.agent.llm_response", ["usage_metadata", "prompt_token_count"], by.googleAdk),
  // An embedding has no output: all of its tokens went in.
  attribute("ai.usage.tokens", by.aiSdk),
];

const outputSources: readonly Source[] = [
  attribute("gen_ai.usage.completion_tokens", by.traceloop),
  attribute("gen_ai.usage.output_tokens", by.genAi),
  attribute("llm.token_count.completion", by.openInference),
  within("genkit:output", ["usage", "outputTokens"], by.genkit),
  attribute("ai.usage.outputTokens", by.aiSdk),
  attribute("ai.usage.completionTokens", by.aiSdk),
  within("mlflow.chat.tokenUsage", ["output_tokens"], by.mlflow),
  within("langsmith.usage_metadata", ["output_tokens"], by.langSmith),
  within("lk.llm_metrics", ["completion_tokens"], by.liveKit),
  within(
    "gcp.vertex.agent.llm_response",
    ["usage_metadata", "candidates_token_count"],
    by.googleAdk,
  ),
];

const totalSources: readonly Source[] = [
  attribute("gen_ai.usage.total_tokens", by.genAi),
  attribute("llm.usage.total_tokens", by.traceloop),
  attribute("gen_ai.usage.total", by.genAi),
  attribute("llm.token_count.total", by.openInference),
  within("genkit:output", ["usage", "totalTokens"], by.genkit),
  attribute("ai.usage.totalTokens", by.aiSdk),
  attribute("ai.usage.tokens", by.aiSdk),
  within("mlflow.chat.tokenUsage", ["total_tokens"], by.mlflow),
  within("langsmith.usage_metadata", ["total_tokens"], by.langSmith),
  within("lk.llm_metrics", ["total_tokens"], by.liveKit),
  within("gcp.vertex.agent.llm_response", ["usage_metadata", "total_token_count"], by.googleAdk),
];

/** A counter that its side's count includes, or should: it gets a bucket of its own and leaves that of its side. */
interface Part {
  readonly bucket: string;
  readonly side: "input" | "output";
  /** `cached` and `reasoned` tokens are missing in the side's count of some SDKs; a `kind` of token never is. */
  readonly is: "cached" | "reasoned" | "kind";
  readonly sources: readonly Source[];
}

const providerMetadata = "ai.response.providerMetadata";
const anthropicUsage = ["anthropic", "usage"] as const;

const parts: readonly Part[] = [
  {
    bucket: "input_cached_tokens",
    side: "input",
    is: "cached",
    sources: [
      attribute("gen_ai.usage.cache_read.input_tokens", by.genAi),
      attribute("gen_ai.usage.cache_read_input_tokens", by.traceloop),
      attribute("gen_ai.usage.cache_read_tokens", by.pydanticAi),
      attribute("gen_ai.usage.details.cache_read_tokens", by.pydanticAi),
      attribute("gen_ai.usage.details.cache_read_input_tokens", by.pydanticAi),
      attribute("llm.token_count.prompt_details.cache_read", by.openInference),
      attribute("gen_ai.usage.input_cached_tokens", by.liveKit),
      within("ai.usage.inputTokenDetails", ["cacheReadTokens"], by.aiSdk),
      attribute("ai.usage.inputTokenDetails.cacheReadTokens", by.aiSdk),
      attribute("ai.usage.cachedInputTokens", by.aiSdk),
      within(providerMetadata, ["openai", "cachedPromptTokens"], by.aiSdk),
      within(providerMetadata, [...anthropicUsage, "cache_read_input_tokens"], by.aiSdk),
      within(providerMetadata, ["bedrock", "usage", "cacheReadInputTokens"], by.aiSdk),
      within("langsmith.usage_metadata", ["input_token_details", "cache_read"], by.langSmith),
      within("gen_ai.usage.input_token_details", ["cache_read"], by.langSmith),
      within("lk.llm_metrics", ["prompt_cached_tokens"], by.liveKit),
      within(
        "gcp.vertex.agent.llm_response",
        ["usage_metadata", "cached_content_token_count"],
        by.googleAdk,
      ),
    ],
  },
  {
    bucket: "input_cache_creation_5m",
    side: "input",
    is: "cached",
    sources: [ephemeral("5m")],
  },
  {
    bucket: "input_cache_creation_1h",
    side: "input",
    is: "cached",
    sources: [ephemeral("1h")],
  },
  {
    bucket: "input_cache_creation",
    side: "input",
    is: "cached",
    sources: [
      attribute("gen_ai.usage.cache_write.input_tokens", by.genAi),
      attribute("gen_ai.usage.cache_creation.input_tokens", by.genAi),
      attribute("gen_ai.usage.cache_creation_input_tokens", by.traceloop),
      attribute("gen_ai.usage.cache_write_tokens", by.pydanticAi),
      attribute("gen_ai.usage.details.cache_write_tokens", by.pydanticAi),
      attribute("gen_ai.usage.details.cache_creation_input_tokens", by.pydanticAi),
      attribute("llm.token_count.prompt_details.cache_write", by.openInference),
      attribute("gen_ai.usage.input_cache_creation", by.liveKit),
      within("ai.usage.inputTokenDetails", ["cacheWriteTokens"], by.aiSdk),
      attribute("ai.usage.inputTokenDetails.cacheWriteTokens", by.aiSdk),
      within(providerMetadata, [...anthropicUsage, "cache_creation_input_tokens"], by.aiSdk),
      within(providerMetadata, ["bedrock", "usage", "cacheWriteInputTokens"], by.aiSdk),
      within("langsmith.usage_metadata", ["input_token_details", "cache_creation"], by.langSmith),
      within("gen_ai.usage.input_token_details", ["cache_creation"], by.langSmith),
    ],
  },
  {
    bucket: "input_audio_tokens",
    side: "input",
    is: "kind",
    sources: [
      attribute("gen_ai.usage.audio.input_tokens", by.genAi),
      attribute("gen_ai.usage.input_audio_tokens", by.liveKit),
      attribute("llm.token_count.prompt_details.audio", by.openInference),
    ],
  },
  {
    bucket: "output_reasoning_tokens",
    side: "output",
    is: "reasoned",
    sources: [
      attribute("gen_ai.usage.reasoning.output_tokens", by.genAi),
      attribute("gen_ai.usage.reasoning_tokens", by.traceloop),
      attribute("gen_ai.usage.details.reasoning_tokens", by.pydanticAi),
      attribute("llm.token_count.completion_details.reasoning", by.openInference),
      within("ai.usage.outputTokenDetails", ["reasoningTokens"], by.aiSdk),
      attribute("ai.usage.outputTokenDetails.reasoningTokens", by.aiSdk),
      attribute("ai.usage.reasoningTokens", by.aiSdk),
      within(providerMetadata, ["openai", "reasoningTokens"], by.aiSdk),
      within("genkit:output", ["usage", "thoughtsTokens"], by.genkit),
      within("langsmith.usage_metadata", ["output_token_details", "reasoning"], by.langSmith),
      within("gen_ai.usage.output_token_details", ["reasoning"], by.langSmith),
      within(
        "gcp.vertex.agent.llm_response",
        ["usage_metadata", "thoughts_token_count"],
        by.googleAdk,
      ),
    ],
  },
  {
    bucket: "output_audio_tokens",
    side: "output",
    is: "kind",
    sources: [
      attribute("gen_ai.usage.audio.output_tokens", by.genAi),
      attribute("gen_ai.usage.output_audio_tokens", by.liveKit),
      attribute("llm.token_count.completion_details.audio", by.openInference),
    ],
  },
];

/** Anthropic counts what it keeps for five minutes and for an hour within what it puts into the cache at all. */
function ephemeral(span: "5m" | "1h"): Source {
  const name = `ephemeral_${span}_input_tokens`;
  return within(providerMetadata, [...anthropicUsage, "cache_creation", name], by.aiSdk);
}

export type Counts = Readonly<Record<string, number>>;

/** Usage as the client stated it by name, through a Langfuse SDK. */
export function statedUsageOf(span: SpanReader): Counts | null {
  return span.first("usage", [statedUsage], (value) => {
    const details = asMap(value);
    return details ? (usageDetails.safeParse(details).data ?? null) : null;
  });
}

/** For an explanation: counters that stated usage outweighs. */
export function passOverUsage(span: SpanReader): void {
  const sides = [inputSources, outputSources, totalSources, ...parts.map(({ sources }) => sources)];
  for (const sources of sides) span.passOver("usage", sources);
}

/** Usage put together from an SDK's counters: buckets that add up to what was used. Null when there are none. */
export function countedUsageOf(span: SpanReader, field: string): Counts | null {
  const whole = {
    input: count(span, `${field}.input`, inputSources),
    output: count(span, `${field}.output`, outputSources),
  };
  const total = count(span, `${field}.total`, totalSources);
  const found = new Map<Part, number>();
  for (const part of parts) {
    const counted = count(span, `${field}.${part.bucket}`, part.sources);
    if (counted) found.set(part, counted);
  }
  withoutEphemeral(found);
  if (whole.input === null && whole.output === null && total === null && found.size === 0) {
    return null;
  }
  const apart = countedApart(whole, total, found);
  // Anthropic's own count leaves the cache out, and some hand it on as it is.
  if (whole.input !== null && whole.input === asCount(anthropicInput.read(span)))
    apart.input = true;
  const counts: Record<string, number> = {};
  for (const side of ["input", "output"] as const) {
    putSide(counts, side, whole[side], apart[side], found);
  }
  // A total without what its sides left out is none.
  const sum = Object.values(counts).reduce((some, counted) => some + counted, 0);
  if (total !== null) counts["total"] = Math.max(total, sum);
  return counts;
}

/** A zero under one name must not hide a count under another. */
function count(span: SpanReader, field: string, sources: readonly Source[]): number | null {
  let isZero = false;
  const counted = span.first(field, sources, (value) => {
    const one = asCount(value);
    isZero ||= one === 0;
    return one || null;
  });
  return counted ?? (isZero ? 0 : null);
}

function withoutEphemeral(found: Map<Part, number>): void {
  const created = [...found.keys()].find(({ bucket }) => bucket === "input_cache_creation");
  if (!created) return;
  const ofSome = sumOf(found, ({ bucket }) => bucket.startsWith("input_cache_creation_"));
  const rest = (found.get(created) ?? 0) - ofSome;
  if (rest > 0) found.set(created, rest);
  else found.delete(created);
}

const anthropicInput = within(providerMetadata, [...anthropicUsage, "input_tokens"], by.aiSdk);

type Sides<Value> = Record<Part["side"], Value>;

/**
 * Whether a side's count leaves out its cached or reasoned tokens. The conventions say that it includes them; not all
 * who count do so. A total tells, and so does a part that is larger than its whole.
 */
function countedApart(
  whole: Readonly<Sides<number | null>>,
  total: number | null,
  found: ReadonlyMap<Part, number>,
): Sides<boolean> {
  const input = whole.input ?? 0;
  const output = whole.output ?? 0;
  const cached = sumOf(found, (part) => part.is === "cached");
  const reasoned = sumOf(found, (part) => part.is === "reasoned");
  const byPart = { input: cached > input, output: reasoned > output };
  const rest = total === null ? null : total - input - output;
  if (rest === null || rest <= 0) return byPart;
  if (rest === cached + reasoned) return { input: cached > 0, output: reasoned > 0 };
  if (rest === cached) return { ...byPart, input: true };
  return rest === reasoned ? { ...byPart, output: true } : byPart;
}

function putSide(
  counts: Record<string, number>,
  side: Part["side"],
  whole: number | null,
  isApart: boolean,
  found: ReadonlyMap<Part, number>,
): void {
  const own = [...found].filter(([part]) => part.side === side);
  if (whole === null && own.length === 0) return;
  let rest = whole ?? 0;
  for (const [{ bucket, is }, counted] of own) {
    const isWithin = is === "kind" || !isApart;
    // Audio that was cached, too, is counted twice within: what no longer fits says nothing more.
    if (is === "kind" && counted > rest) continue;
    if (isWithin) rest = Math.max(0, rest - counted);
    counts[bucket] = counted;
  }
  counts[side] = rest;
}

function sumOf(found: ReadonlyMap<Part, number>, isOne: (part: Part) => boolean): number {
  let sum = 0;
  for (const [part, counted] of found) if (isOne(part)) sum += counted;
  return sum;
}
