import { scanJson } from "./json-scan.ts";

/**
 * Parses JSON from outside without what usually hurts: no over-deep nesting is built, no number is silently
 * changed, no lone surrogate comes through, and `__proto__` stays an ordinary own key.
 *
 * - A number that a double cannot carry (2^53+1, 1e400) becomes a string with its digits.
 * - A container nested deeper than `depthMax` (the outermost is at depth 1) is not parsed;
 *   `tooDeep` tells which part of the value held one, so that the rest can still be used.
 * - The escape of a lone surrogate becomes U+FFFD.
 *
 * `text` itself must be well-formed, as it is when decoded from UTF-8. Throws {@link JsonError}.
 */
export function parseJson(text: string, limits: JsonLimits): JsonDocument {
  const { elements, edits, containers: opened } = scanJson(text, limits.depthMax);
  if (opened > containersMax) throw new JsonError("size", adviceOnSize);
  const repaired = withoutLoneSurrogates(text);
  const value = parse(edits.length === 0 ? repaired : rewrite(repaired, edits));
  const containers = onlyContainers(text, edits);
  const isRounded = containers.length < edits.length;
  return {
    value,
    rounded: isRounded ? parse(rewrite(repaired, containers)) : value,
    isPlain: edits.length === 0 && repaired === text,
    elements:
      elements !== null && isBatchOf(elements.length / 2, value)
        ? new BatchElements(text, elements)
        : null,
    tooDeep: containers.length > 0 ? holdsMarker : () => false,
  };
}

/**
 * Of objects and lists in one text: more than a batch of the contract's size has room for. JSON.parse takes about half a
 * microsecond for each, however short it is, and cannot be interrupted: without a bound the larger bodies of
 * OpenTelemetry could hold the process for many seconds.
 */
const containersMax = 2_000_000;

const adviceOnSize = `The text has more than ${containersMax} objects and lists.`;

export interface JsonLimits {
  /** How many containers may enclose a value. */
  readonly depthMax: number;
}

export interface JsonDocument {
  readonly value: unknown;
  /**
   * The same with the nearest double for numbers that `value` has as strings: for fields that ask for a number.
   * The same object as `value` when there are none.
   */
  readonly rounded: unknown;
  /** Nothing was repaired: JSON.parse alone gives the same value, also of a part of the text. */
  readonly isPlain: boolean;
  /**
   * What the elements of the top-level `"batch"` array were sent as.
   * Null when there is no such array, and when an escaped key may spell the same.
   */
  readonly elements: BatchElements | null;
  /** Whether `part` (the value or something within it) holds, or stood for, a container beyond the depth limit. */
  readonly tooDeep: (part: unknown) => boolean;
}

/** The elements of a list as they were sent, each without white space around it. */
export class BatchElements {
  readonly #text: string;
  readonly #offsets: readonly number[];

  /** `offsets`: a start and an end of each by turns, in UTF-16 units of the text. */
  constructor(text: string, offsets: readonly number[]) {
    this.#text = text;
    this.#offsets = offsets;
  }

  text(index: number): string {
    return this.#text.slice(this.#offsets[index * 2], this.#offsets[index * 2 + 1]);
  }

  /** All of them, as views into the UTF-8 bytes that the text was decoded from. */
  bytesIn(source: Buffer): Buffer[] {
    const views: Buffer[] = [];
    let charsBefore = 0;
    let start = 0;
    for (const [n, offset] of this.#offsets.entries()) {
      const end = start + Buffer.byteLength(this.#text.slice(charsBefore, offset));
      if (n % 2 === 1) views.push(source.subarray(start, end));
      charsBefore = offset;
      start = end;
    }
    return views;
  }
}

/** The text is not JSON, or too much of it. Carries none of the text: it belongs to a customer and must not reach a log line. */
export class JsonError extends Error {
  override readonly name = "JsonError";
  readonly kind: "syntax" | "size";

  constructor(kind: JsonError["kind"], message: string) {
    super(message);
    this.kind = kind;
  }
}

/**
 * What an over-deep container is replaced by. It parses to Infinity, which no client can write: every token of
 * theirs that overflows has become a string by then.
 */
const MARKER = "1e999";

function holdsMarker(part: unknown): boolean {
  if (typeof part !== "object" || part === null) return part === Infinity;
  return Object.values(part).some(holdsMarker);
}

/** Replaces each edited range: a container by the marker, a number by a string of the same characters. */
function rewrite(text: string, edits: readonly number[]): string {
  const parts: string[] = [];
  let copied = 0;
  for (let i = 0; i < edits.length; i += 2) {
    const start = edits[i] ?? 0;
    const end = edits[i + 1] ?? 0;
    parts.push(
      text.slice(copied, start),
      isOpening(text, start) ? MARKER : `"${text.slice(start, end)}"`,
    );
    copied = end;
  }
  parts.push(text.slice(copied));
  return parts.join("");
}

function onlyContainers(text: string, edits: readonly number[]): readonly number[] {
  return edits.filter((_, index) => isOpening(text, edits[index - (index % 2)] ?? 0));
}

function isOpening(text: string, offset: number): boolean {
  const char = text[offset];
  return char === "[" || char === "{";
}

/** An escape that stands for half of a surrogate pair only becomes that of U+FFFD. The text keeps its length. */
function withoutLoneSurrogates(text: string): string {
  if (!text.includes(String.raw`\u`) || !SURROGATE.test(text)) return text;
  return text.replace(BACKSLASH_OR_SURROGATE, (match) =>
    match.length === 6 ? String.raw`\ufffd` : match,
  );
}

const SURROGATE = /\\u[dD][89a-fA-F]/;
/** Escaped backslashes and whole pairs are matched too, so that what follows them is not taken for a lone half. */
const BACKSLASH_OR_SURROGATE =
  /\\\\|\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|\\u[dD][89a-fA-F][\da-fA-F]{2}/g;

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new JsonError("syntax", "The text is not valid JSON.");
  }
}

function isBatchOf(length: number, value: unknown): boolean {
  if (typeof value !== "object" || value === null || !("batch" in value)) return false;
  return Array.isArray(value.batch) && value.batch.length === length;
}
