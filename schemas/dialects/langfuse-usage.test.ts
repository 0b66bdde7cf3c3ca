import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { costDetails, usage, usageDetails } from "./langfuse-usage.ts";

describe("write-api §4.1: usage", () => {
  test.each([
    [
      { input: 1, output: 2, total: 3, unit: "TOKENS" },
      { input: 1, output: 2, total: 3, unit: "TOKENS" },
    ],
    [
      { input: -4, output: 0, total: null },
      { input: -4, output: 0, total: null },
    ],
    [
      { inputCost: 0.5, outputCost: -1, totalCost: null },
      { inputCost: 0.5, outputCost: -1, totalCost: null },
    ],
    [{ prompt_tokens: 1, input: 2 }, { input: 2 }],
    [{}, {}],
    [null, null],
    [undefined, undefined],
  ])("%j is taken as %j", (value, expected) => {
    expect(usage.parse(value)).toEqual(expected);
  });

  test.each([
    [
      { promptTokens: 1, completionTokens: 2, totalTokens: 3 },
      { input: 1, output: 2, total: 3, unit: "TOKENS" },
    ],
    [
      { promptTokens: 1, input: 7, output: 8, total: 9, totalCost: 1, unit: "IMAGES" },
      { input: 1, output: undefined, total: undefined, unit: "TOKENS" },
    ],
    [
      { totalTokens: 3, input: 7 },
      { total: 3, unit: "TOKENS" },
    ],
    [
      { completionTokens: 2, input: 7 },
      { output: 2, unit: "TOKENS" },
    ],
    [
      { promptTokens: null, input: 7, inputCost: "x" },
      { input: null, output: undefined, total: undefined, unit: "TOKENS" },
    ],
  ])("with OpenAI's names, %j, keeps only these (§6 #28)", (value, expected) => {
    expect(usage.parse(value)).toEqual(expected);
  });

  test.each(["CHARACTERS", "TOKENS", "SECONDS", "MILLISECONDS", "IMAGES", "REQUESTS", null])(
    "may have the unit %s",
    (unit) => {
      expect(usage.parse({ input: 1, unit })).toEqual({ input: 1, unit });
    },
  );

  test.each([
    { input: 1.5 },
    { input: "1" },
    { promptTokens: 1.5 },
    { unit: "tokens" },
    { inputCost: "1" },
    { output: 2 ** 53 },
    [],
    "10",
    5,
  ])("%j is refused", (value) => {
    expect(usage.safeParse(value).success).toBe(false);
  });
});

describe("write-api §4.1: usageDetails", () => {
  const completions = {
    prompt_tokens: 10,
    completion_tokens: 5,
    total_tokens: 15,
    prompt_tokens_details: { cached_tokens: 4 },
  };
  const responses = {
    input_tokens: 10,
    output_tokens: 5,
    total_tokens: 15,
    input_tokens_details: { cached_tokens: 12 },
  };

  test.each([
    [completions, { input: 6, output: 5, total: 15, input_cached_tokens: 4 }],
    [responses, { input: 0, output: 5, total: 15, input_cached_tokens: 12 }],
    [
      { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
      { input: 0, output: 0, total: 0 },
    ],
    [
      {
        ...completions,
        prompt_tokens_details: { cached_tokens: 4, audio_tokens: null },
        completion_tokens_details: { reasoning_tokens: 2, audio_tokens: 1 },
      },
      {
        input: 6,
        output: 2,
        total: 15,
        input_cached_tokens: 4,
        output_reasoning_tokens: 2,
        output_audio_tokens: 1,
      },
    ],
    [
      { ...completions, prompt_tokens_details: null },
      { input: 10, output: 5, total: 15 },
    ],
  ])("in OpenAI's shape, %j, are translated to %j (§6 #30)", (value, expected) => {
    expect(usageDetails.parse(value)).toEqual(expected);
  });

  test.each([
    [
      { ...completions, extra: 1 },
      { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15, extra: 1 },
    ],
    [
      { ...completions, total_tokens: 15.5 },
      { prompt_tokens: 10, completion_tokens: 5 },
    ],
    [
      { ...completions, completion_tokens: -5 },
      { prompt_tokens: 10, total_tokens: 15 },
    ],
    [
      { ...completions, prompt_tokens_details: { cached_tokens: 0.5 } },
      { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
    ],
    [
      { prompt_tokens: 10, completion_tokens: 5 },
      { prompt_tokens: 10, completion_tokens: 5 },
    ],
    [
      { ...completions, ...responses },
      {
        prompt_tokens: 10,
        completion_tokens: 5,
        total_tokens: 15,
        input_tokens: 10,
        output_tokens: 5,
      },
    ],
  ])("almost in that shape, %j, keep their raw names (§6 #29)", (value, expected) => {
    expect(usageDetails.parse(value)).toEqual(expected);
  });

  test.each([
    [{ input: 1.5, output: 2 }, { output: 2 }],
    [{ input: "12", c: "x" }, { input: 12 }],
    [
      { a: "7.9", b: "-1", c: "12abc", d: "", e: "0" },
      { a: 7, c: 12, e: 0 },
    ],
    [{ a: -1, b: true, c: null, d: {}, e: [1], f: 0 }, { f: 0 }],
    [{ a: 2 ** 53, b: "99999999999999999999", c: 2 ** 53 - 1 }, { c: 2 ** 53 - 1 }],
    [{ input: 0.5 }, null],
    [{}, null],
    [null, null],
    [undefined, undefined],
  ])("in any other shape, %j, are %j (§6 #31)", (value, expected) => {
    expect(usageDetails.parse(value)).toEqual(expected);
  });

  test.each([[[1]], ["10"], [5], [true]])("that are no map, %j, are refused", (value) => {
    expect(usageDetails.safeParse(value).success).toBe(false);
  });

  test("are whole numbers of at least 0 whatever is sent, and never an empty map", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const counts = usageDetails.parse(value);
        const numbers = Object.values(counts ?? { none: 0 });
        expect(numbers.length).toBeGreaterThan(0);
        expect(numbers.filter((count) => !Number.isSafeInteger(count) || count < 0)).toEqual([]);
      }),
    );
  });

  test("take names that objects inherit, and change no prototype", () => {
    const value: unknown = JSON.parse('{"__proto__":5,"constructor":6,"input":1}');
    expect(Object.entries(usageDetails.parse(value) ?? {})).toEqual([
      ["__proto__", 5],
      ["constructor", 6],
      ["input", 1],
    ]);
  });
});

test.each([
  [
    { input: 0.1, output: 0, total: 2 },
    { input: 0.1, output: 0, total: 2 },
  ],
  [{ input: "0.1", output: -1, other: null, total: 1 }, { total: 1 }],
  [{ input: "1" }, null],
  [{}, null],
  [null, null],
  [undefined, undefined],
])("write-api §4.1: costDetails %j are %j", (value, expected) => {
  expect(costDetails.parse(value)).toEqual(expected);
});

test.each([[[0.1]], ["1"], [1]])(
  "write-api §4.1: costDetails that are no map, %j, are refused",
  (value) => {
    expect(costDetails.safeParse(value).success).toBe(false);
  },
);
