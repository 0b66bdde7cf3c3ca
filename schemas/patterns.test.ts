import fc from "fast-check";
import { RE2JS } from "re2js";
import { expect, test } from "vitest";

import { patternIndex, patternProblem, patternTest } from "./patterns.ts";

test.each([
  "(?i)^(gpt-4o|chatgpt-4o-latest)$",
  "(?i)^(anthropic/)?claude-3\\.5-sonnet(-[0-9]+)?$",
  "[[:alpha:]]+-\\d{8}",
  "",
])("write-api §4.5, §8.6: %s can be used", (pattern) => {
  expect(patternProblem(pattern)).toBeNull();
});

test.each([
  ["gpt(?!-4)", "look-ahead"],
  ["(a)\\1", "a back-reference"],
  ["(", "an open group"],
  ["((a{100}){100}){100}", "a repeat that explodes"],
  ["\\pL{1000}", "a program too large"],
  ["x".repeat(1001), "a text too long"],
])("write-api §8.6: %s is refused with a reason: %s", (pattern) => {
  expect(patternProblem(pattern)).toMatch(/\w{3}/);
});

test("write-api §8.6: a pattern that would hang a backtracking engine ends at once", () => {
  const find = patternIndex(["(a+)+$", "(x*)*y", "(?:a|aa|aaa)+b"]);
  const startedAt = process.cpuUsage();
  expect(find(`${"a".repeat(5000)}!`)).toEqual([]);
  expect(process.cpuUsage(startedAt).user).toBeLessThan(20_000_000);
});

test("a pattern that the engine cannot take finds nothing", () => {
  expect(patternIndex(["(?=a)", "a"])("a")).toEqual([1]);
  expect(patternTest("(?=a)", true)("a")).toBe(false);
});

test("alternatives of literal text that are looked up find what the engine finds", () => {
  const literal = fc
    .array(fc.constantFrom("a", "B", "-", "4", ".", "/", ":"), { minLength: 1, maxLength: 4 })
    .map((letters) => letters.join("").replaceAll(".", "\\."));
  const alternative = fc
    .tuple(fc.constantFrom("", "^"), literal, fc.constantFrom("", "$"))
    .map((parts) => parts.join(""));
  const pattern = fc.oneof(
    fc.array(alternative, { minLength: 1, maxLength: 3 }).map((all) => `(?i)${all.join("|")}`),
    fc.array(literal, { minLength: 1, maxLength: 3 }).map((all) => `(?i)^(${all.join("|")})$`),
    alternative,
  );
  const text = fc
    .array(fc.constantFrom("a", "A", "b", "-", "4", ".", "/", ":"), { maxLength: 6 })
    .map((letters) => letters.join(""));
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 6 }), text, (patterns, given) => {
      const expected = patterns.flatMap((one, index) =>
        RE2JS.compile(one).test(given) ? [index] : [],
      );
      expect(patternIndex(patterns)(given)).toEqual(expected);
    }),
    { numRuns: 1000 },
  );
});
