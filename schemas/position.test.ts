import fc from "fast-check";
import { expect, test } from "vitest";

import { formatPosition, parsePosition, positionAfter, positionCharsMax } from "./position.ts";

const position = fc.record({
  generation: fc.integer({ min: 1, max: 65_535 }),
  offsets: fc
    .array(
      fc.tuple(fc.integer({ min: 0, max: 999 }), fc.bigInt({ min: 0n, max: (1n << 48n) - 1n })),
      { minLength: 1, maxLength: 20 },
    )
    .map((entries) => new Map(entries)),
});

test("a position over one partition is short", () => {
  expect(formatPosition({ generation: 1, offsets: new Map([[0, 123n]]) })).toBe("g1-0:123");
});

test("every position comes back from its text, which holds nothing that a header or a log line could not", () => {
  fc.assert(
    fc.property(position, (given) => {
      const text = formatPosition(given);
      expect(text).toMatch(/^[\w:.-]+$/);
      expect(parsePosition(text)).toEqual(given);
    }),
  );
});

test("a text is the text of one position, or of none", () => {
  const nearly = fc
    .array(fc.constantFrom("g", "1", "0", "-", ":", ".", " ", "9"), { maxLength: 12 })
    .map((parts) => parts.join(""));
  const check = fc.check(
    fc.property(nearly, (text) => {
      const parsed = parsePosition(text);
      return parsed === null || formatPosition(parsed) === text;
    }),
  );
  expect(check.counterexample).toBeNull();
});

test.each([
  "",
  "g1",
  "g1-",
  "1-0:1",
  "g1-0",
  "g1-0:",
  "g1-:1",
  "g01-0:1",
  "g1-00:1",
  "g1-0:01",
  "g1-0:-1",
  "g1-0:1.",
  "g1-0:1.0:2",
  "g1-1:1.0:2",
  "g1-0:1,1:2",
  "g1-0:1 ",
  " g1-0:1",
  "g1-0:1\n",
  "g1-0:1e3",
  "g1-0:٣",
  "G1-0:1",
  "g100000-0:1",
  "g1-0:1000000000000000",
])("%j is no position", (text) => {
  expect(parsePosition(text)).toBeNull();
});

test("a text longer than any position is refused without being read", () => {
  const parts = Array.from({ length: 1000 }, (_, partition) => `${partition}:1`).join(".");
  expect(`g1-${parts}`.length).toBeGreaterThan(positionCharsMax);
  expect(parsePosition(`g1-${parts}`)).toBeNull();
});

test("the position of an append is that of the last entry in each partition", () => {
  const entries = [
    { partition: 0, offset: 7n },
    { partition: 3, offset: 1n },
    { partition: 0, offset: 8n },
  ];
  const offsets = new Map([
    [0, 8n],
    [3, 1n],
  ]);
  expect(positionAfter(2, entries)).toEqual({ generation: 2, offsets });
  expect(positionAfter(2, [])).toBeNull();
});
