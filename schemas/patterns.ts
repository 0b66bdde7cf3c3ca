import { RE2JS, RE2Set } from "re2js";

/**
 * Regular expressions that clients write. They run on a port of RE2: its time is linear in the text, so that no pattern
 * can hang the writer. What it cannot do (look-around, back-references) is refused when a pattern is defined.
 */

/** Why a pattern cannot be used, in a sentence; null when it can. */
export function patternProblem(pattern: string): string | null {
  if (pattern.length > patternCharsMax) return `it is longer than ${patternCharsMax} characters`;
  try {
    const size = RE2JS.compile(pattern).programSize();
    return size > programMax ? `it expands to ${size} steps, more than ${programMax}` : null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const patternCharsMax = 1000;
/** Time and memory of a match grow with the steps of a pattern; patterns for models have tens of them. */
const programMax = 1000;
/** For the states that a set of patterns remembers; beyond it matching goes on more slowly. */
const setBytesMax = 2 * 1024 * 1024;

/** Finds a pattern anywhere in a text. A pattern that the engine cannot take finds nothing. */
export function patternTest(pattern: string, caseSensitive: boolean): (text: string) => boolean {
  try {
    const compiled = RE2JS.compile(pattern, caseSensitive ? 0 : RE2JS.CASE_INSENSITIVE);
    return (text) => compiled.test(text);
  } catch {
    return () => false;
  }
}

/**
 * The indices of those patterns that are found in a text, ascending. Made for thousands of patterns: those that are
 * mere alternatives of literal text, as nearly all for models are, are looked up rather than run.
 */
export function patternIndex(patterns: readonly string[]): (text: string) => number[] {
  const whole = new Map<string, number[]>();
  const parts: { literal: Literal; index: number }[] = [];
  const others: { pattern: string; index: number }[] = [];
  for (const [index, pattern] of patterns.entries()) {
    const literals = literalsOf(pattern);
    if (!literals) others.push({ pattern, index });
    for (const literal of literals ?? []) {
      if (!literal.start || !literal.end) parts.push({ literal, index });
      else whole.set(literal.text, [...(whole.get(literal.text) ?? []), index]);
    }
  }
  const runOthers = patternSet(others);
  return (text) => {
    const lower = text.toLowerCase();
    const found = new Set([...(whole.get(lower) ?? []), ...runOthers(text)]);
    for (const { literal, index } of parts) if (isFound(literal, lower)) found.add(index);
    return [...found].toSorted((a, b) => a - b);
  };
}

/** Lower-case text that must be found, where it is anchored at its ends. */
interface Literal {
  readonly text: string;
  readonly start: boolean;
  readonly end: boolean;
}

function isFound({ text, start, end }: Literal, lower: string): boolean {
  if (start) return lower.startsWith(text);
  return end ? lower.endsWith(text) : lower.includes(text);
}

/** The alternatives of a case-insensitive pattern, when each is literal text; else null. */
function literalsOf(pattern: string): Literal[] | null {
  if (!pattern.startsWith("(?i)")) return null;
  const body = pattern.slice("(?i)".length);
  const [, grouped] = /^\^\((?:\?:)?([^()]*)\)\$$/.exec(body) ?? [];
  const alternatives = (grouped ?? body).split("|").map((alternative) => {
    const [, start, text, end] = literalPattern.exec(alternative) ?? [];
    if (!text) return null;
    return {
      text: text.replaceAll("\\", "").toLowerCase(),
      start: Boolean(start) || grouped !== undefined,
      end: Boolean(end) || grouped !== undefined,
    };
  });
  return alternatives.every((literal) => literal !== null) ? alternatives : null;
}

/** Letters, digits and signs without a meaning, or with it taken by a backslash. */
const literalPattern = /^(\^?)((?:[A-Za-z0-9_:@/ ~,=-]|\\[.\-/+*?()[\]{}^$])+)(\$?)$/;

function patternSet(
  patterns: readonly { pattern: string; index: number }[],
): (text: string) => number[] {
  let set: { matcher: RE2Set; indices: number[] } | undefined;
  return (text) => {
    if (patterns.length === 0) return [];
    // On first use: most projects define nothing, and compiling takes a while.
    set ??= compiledSet(patterns);
    const { matcher, indices } = set;
    return matcher.match(text).map((id: number) => indices[id] ?? -1);
  };
}

function compiledSet(patterns: readonly { pattern: string; index: number }[]) {
  const matcher = new RE2Set(RE2Set.UNANCHORED, 0, setBytesMax);
  const indices: number[] = [];
  for (const { pattern, index } of patterns) {
    if (patternProblem(pattern) !== null) continue;
    matcher.add(pattern);
    indices.push(index);
  }
  matcher.compile();
  return { matcher, indices };
}
