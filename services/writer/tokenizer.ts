import { setImmediate as breathe } from "node:timers/promises";

import type { EntityRow } from "../../schemas/entity-row.ts";
import type { ModelDefinition } from "../../schemas/models.ts";
import type { CountedUsage } from "../../schemas/pricing.ts";

/** Counts what nobody stated, from the texts. Null when this model's tokens cannot be counted, or nothing is there. */
export type CountUsage = (
  row: Pick<EntityRow, "input" | "output">,
  model: ModelDefinition,
) => Promise<CountedUsage | null>;

type Encoding = keyof typeof encodings;
type CountText = (text: string) => number;

/** Each takes about 0.3 s and 60 MB, so it is loaded with the first text that needs it. */
const encodings = {
  o200k_base: () => import("gpt-tokenizer/encoding/o200k_base"),
  cl100k_base: () => import("gpt-tokenizer/encoding/cl100k_base"),
} as const;

/**
 * The tokenizers of OpenAI's models (write-api §4.3). A text of more than `bytesMax` is not counted, nor is the other
 * one of its observation. The same texts give the same count always: a limit of time would not.
 */
export function openAiCounter(bytesMax: number): CountUsage {
  const loaded = new Map<Encoding, Promise<CountText>>();
  return async ({ input = "", output = "" }, model) => {
    const config = model.tokenizerId === "openai" ? configOf(model.tokenizerConfig) : null;
    const encoding = config && encodingOf(config.tokenizerModel);
    if (!encoding || (input === "" && output === "")) return null;
    if (Buffer.byteLength(input) > bytesMax || Buffer.byteLength(output) > bytesMax) return null;
    let loading = loaded.get(encoding);
    if (!loading) loaded.set(encoding, (loading = load(encoding)));
    const count = await loading;
    const usage: Record<string, number> = {};
    if (input !== "") usage["input"] = await countPayload(count, input, config);
    if (output !== "" && hasOutput(model))
      usage["output"] = await countPayload(count, output, config);
    return { usage, encoding };
  };
}

interface TokenizerConfig {
  readonly tokenizerModel: string;
  /** What a message, and a name in it, take beside their texts. */
  readonly tokensPerMessage: number;
  readonly tokensPerName: number;
}

function configOf(config: unknown): TokenizerConfig | null {
  const { tokenizerModel, tokensPerMessage, tokensPerName } = (config ?? {}) as Record<
    string,
    unknown
  >;
  if (typeof tokenizerModel !== "string") return null;
  return {
    tokenizerModel,
    tokensPerMessage: typeof tokensPerMessage === "number" ? tokensPerMessage : 3,
    tokensPerName: typeof tokensPerName === "number" ? tokensPerName : 1,
  };
}

function encodingOf(model: string): Encoding | null {
  const name = model.replace(/^ft:/, "");
  if (/^(?:gpt-4o|gpt-4\.1|gpt-4\.5|gpt-[5-9]|gpt-oss|chatgpt-|codex-|o[1-9])/.test(name)) {
    return "o200k_base";
  }
  return /^(?:gpt-4|gpt-3\.5|gpt-35|text-embedding-)/.test(name) ? "cl100k_base" : null;
}

async function load(encoding: Encoding): Promise<CountText> {
  const { countTokens } = await encodings[encoding]();
  // Text that looks like a control token is text: it came from a payload.
  const options = { disallowedSpecial: new Set<string>() };
  return (text) => countTokens(text, options);
}

/** What an embedding gives back is not made of tokens. */
function hasOutput({ tiers: [{ prices }] }: ModelDefinition): boolean {
  return "output" in prices || "total" in prices;
}

async function countPayload(
  count: CountText,
  text: string,
  config: TokenizerConfig,
): Promise<number> {
  const messages = messagesOf(text);
  if (!messages) return await countText(count, text);
  let tokens = replyTokens;
  for (const message of messages) {
    tokens += config.tokensPerMessage;
    for (const [key, value] of Object.entries(message)) {
      if (value === null || value === undefined) continue;
      tokens += await countText(count, typeof value === "string" ? value : JSON.stringify(value));
      if (key === "name") tokens += config.tokensPerName;
    }
  }
  return tokens;
}

/** Every reply is primed with these. */
const replyTokens = 3;

/** The list of chat messages that a payload is, or null. */
function messagesOf(text: string): readonly Record<string, unknown>[] | null {
  if (!text.startsWith("[")) return null;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.length > 0 && value.every(isMessage) ? value : null;
  } catch {
    return null;
  }
}

function isMessage(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && "role" in value;
}

async function countText(count: CountText, text: string): Promise<number> {
  let tokens = 0;
  let sinceBreath = 0;
  for (const piece of piecesOf(text)) {
    tokens += count(piece);
    sinceBreath += piece.length;
    if (sinceBreath < breathCharacters) continue;
    await breathe();
    sinceBreath = 0;
  }
  return tokens;
}

/** Counted in one go, before the event loop gets its turn: at most about 10 ms of work. */
const breathCharacters = 4096;

/**
 * Text in pieces that are counted one by one: cut before a space where it is long, and after 64 characters of one kind.
 * The encoder takes such a run as one word, in time that grows with the square of its length: 64 KB of one letter took
 * 20 s. Ordinary text has none, and its count is exact.
 */
function* piecesOf(text: string): Generator<string> {
  let from = 0;
  for (const run of text.matchAll(longRun)) {
    const to = run.index + run[0].length;
    yield* slicesOf(text, from, to);
    from = to;
  }
  yield* slicesOf(text, from, text.length);
}

const longRun = /[\p{L}\p{M}]{64}|\s{64}|[^\s\p{L}\p{M}\p{N}]{64}/gu;

function* slicesOf(text: string, start: number, end: number): Generator<string> {
  let from = start;
  while (end - from > breathCharacters) {
    const space = text.lastIndexOf(" ", from + breathCharacters);
    const to = space > from ? space : from + breathCharacters;
    yield text.slice(from, to);
    from = to;
  }
  if (from < end) yield text.slice(from, end);
}
