import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { scanJson } from "./json-scan.ts";
import { JsonError, parseJson } from "./json.ts";
import type { JsonDocument } from "./json.ts";

const depthMax = 100;
const bodyBytesMax = 4_718_592;
const snippets =
  `, " \\ { } [ ] : - . e 0 1e400 01e400 1.e400 9007199254740993 \\ud800 \\u NaN Infinity -1e999`
    .split(" ")
    .concat("", " ", "\n");

describe("ordinary JSON", () => {
  test("means what JSON.parse makes of it", () => {
    fc.assert(
      fc.property(jsonText(), (text) => {
        expect(parseJson(text, { depthMax }).value).toStrictEqual(JSON.parse(text));
      }),
      { numRuns: 500 },
    );
  });

  test("is refused exactly when JSON.parse refuses it", () => {
    const damage = fc.record({
      at: fc.nat(),
      cut: fc.nat({ max: 2 }),
      insert: fc.constantFrom(...snippets),
    });
    fc.assert(
      fc.property(jsonText(), damage, (text, { at, cut, insert }) => {
        const start = at % (text.length + 1);
        const damaged = text.slice(0, start) + insert + text.slice(start + cut);
        expect(refuses(() => parseJson(damaged, { depthMax }))).toBe(
          refuses(() => JSON.parse(damaged)),
        );
      }),
      { numRuns: 3000 },
    );
  });

  test("that is refused says so with a typed error that quotes none of it", () => {
    const error = errorOf(() => parseJson('{"secret": NaN}', { depthMax }));
    expect(error).toBeInstanceOf(JsonError);
    expect(error).toMatchObject({ kind: "syntax" });
    expect(String(error)).not.toContain("secret");
  });

  test("keeps __proto__ and constructor as plain own keys", () => {
    const { value } = parseJson('{"__proto__":{"a":1},"constructor":2}', { depthMax });
    expect(Object.entries(value ?? {})).toStrictEqual([
      ["__proto__", { a: 1 }],
      ["constructor", 2],
    ]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });
});

describe("numbers that a double cannot carry", () => {
  test.each([
    ["9007199254740991", 9007199254740991],
    ["-9007199254740991", -9007199254740991],
    ["9007199254740992", 9_007_199_254_740_992],
    ["1152921504606846976", "1152921504606846976"],
    ["9007199254740993", "9007199254740993"],
    ["-9223372036854775808", "-9223372036854775808"],
    ["1983516295378495150", "1983516295378495150"],
    ["1e308", 1e308],
    ["9e307", 9e307],
    ["1e309", "1e309"],
    ["-1E+400", "-1E+400"],
    ["0.000001e400", "0.000001e400"],
    ["1e-400", 0],
    ["0.1234567890123456789", 0.12345678901234568],
    ["123456789012345.75", 123456789012345.75],
    [`${"9".repeat(309)}.5`, `${"9".repeat(309)}.5`],
    ["-0", -0],
    ["12345678901234567890e1", 123456789012345680000],
  ])("%s becomes %j wherever it stands", (token, expected) => {
    expect(parseJson(token, { depthMax }).value).toBe(expected);
    const text = `{"a":[${token}, ${token} ],"b": ${token}\n,"c":{"d":${token}}}`;
    expect(parseJson(text, { depthMax }).value).toStrictEqual({
      a: [expected, expected],
      b: expected,
      c: { d: expected },
    });
  });

  test("are left alone inside of strings", () => {
    const value = { a: '9007199254740993 and \\"1e400', "1e400": "[9007199254740993]" };
    expect(parseJson(JSON.stringify(value), { depthMax }).value).toStrictEqual(value);
  });

  test.each(["01e400", "1.e400", "1e400x", "{1e400:1}", '{"a":1,9007199254740993 : 2}', "--1e400"])(
    "do not make %s JSON",
    (text) => {
      expect(errorOf(() => parseJson(text, { depthMax }))).toBeInstanceOf(JsonError);
    },
  );

  test("are told apart from keys whatever was parsed before", () => {
    parseJson('{"0123456789abc":1}', { depthMax });
    expect(parseJson("9007199254740993", { depthMax }).value).toBe("9007199254740993");
  });

  test("come as strings from a body of nothing else", () => {
    const text = `[${"1e400,".repeat(bodyBytesMax / 6 - 1)}1]`;
    const { value } = parseJson(text, { depthMax });
    expect(value).toHaveLength(bodyBytesMax / 6);
    expect(value).toHaveProperty("0", "1e400");
  });
});

describe("nesting beyond the limit", () => {
  test("is told as a walk over the parsed value would tell it, and replaced there only", () => {
    fc.assert(
      fc.property(jsonText(), fc.integer({ min: 0, max: 5 }), (text, limit) => {
        const whole = JSON.parse(text);
        const document = parseJson(text, { depthMax: limit });
        expect(document.value).toStrictEqual(pruned(whole, limit));
        expect(document.tooDeep(document.value)).toBe(depthOf(whole) > limit);
      }),
      { numRuns: 500 },
    );
  });

  test("leaves the other events of a batch as they are", () => {
    const deep = "[".repeat(150) + "]".repeat(150);
    const text = `{"batch":[{"id":"a","n":[1]},{"id":"b","body":{"input":${deep}}},{"id":"c"}]}`;
    const document = parseJson(text, { depthMax });
    const [a, b, c] = batchOf(document);
    expect([a, c]).toStrictEqual([{ id: "a", n: [1] }, { id: "c" }]);
    expect(b).toMatchObject({ id: "b" });
    expect([a, b, c].map((event) => document.tooDeep(event))).toStrictEqual([false, true, false]);
    expect(document.elements?.text(2)).toBe('{"id":"c"}');
  });

  test("cannot be feigned by any value a client may write", () => {
    const claims = ["1e999", '"1e999"', "-1e999", '"\\u0031e999"', "Infinity", "9e9999"].filter(
      (text) => !refuses(() => JSON.parse(text)),
    );
    const deep = "[".repeat(101) + "]".repeat(101);
    const document = parseJson(`{"batch":[${claims.join()},${deep}]}`, { depthMax });
    const flags = batchOf(document).map((element) => document.tooDeep(element));
    expect(flags).toStrictEqual([...claims.map(() => false), true]);
  });

  test.each([
    ["never closed", "[".repeat(bodyBytesMax)],
    ["never closed, with objects", '{"a":'.repeat(bodyBytesMax / 5)],
    ["closed too often", "[".repeat(200) + "]".repeat(201)],
    ["not closed at the limit", "[".repeat(200) + "]".repeat(199)],
  ])("is refused when %s", (_, text) => {
    expect(errorOf(() => parseJson(text, { depthMax }))).toBeInstanceOf(JsonError);
  });

  test("of millions is replaced without being parsed", () => {
    const half = bodyBytesMax / 2;
    const text = `{"batch":[{"id":"good"},{"bomb":${"[".repeat(half)}${"]".repeat(half)}}]}`;
    const document = parseJson(text, { depthMax });
    const [good, bad] = batchOf(document);
    expect(good).toStrictEqual({ id: "good" });
    expect(document.tooDeep(good)).toBe(false);
    expect(document.tooDeep(bad)).toBe(true);
    // The 97 arrays that were built, in `batch`, its object and the outermost one, end where the rest was cut off.
    expect(depthOf(bad)).toBe(depthMax - 2);
  });

  test("is cut off where it begins, also when it never ends", () => {
    expect(scanJson("[[[[[", 2).edits).toStrictEqual([2, 5]);
    expect(scanJson("[[[[]]],[[{}]]]", 2).edits).toStrictEqual([2, 6, 9, 13]);
  });

  test("does not stand where a key should", () => {
    const text = `{"a":{${"[".repeat(5)}${"]".repeat(5)}:1}}`;
    expect(errorOf(() => parseJson(text, { depthMax: 3 }))).toBeInstanceOf(JsonError);
  });
});

describe("the text of each element of the batch", () => {
  test("parses to that element, whatever stands around it", () => {
    const key = fc
      .string()
      .filter((name) => name !== "batch" && !JSON.stringify(name).includes("\\"));
    const other = fc.dictionary(key, fc.jsonValue());
    const indent = fc.constantFrom(undefined, 1, "\t", " \n\r");
    fc.assert(
      fc.property(fc.array(nested()), other, other, indent, (batch, before, after, space) => {
        const text = JSON.stringify({ ...before, batch, ...after }, null, space);
        const document = parseJson(text, { depthMax });
        const texts = batch.map((_, index) => document.elements?.text(index) ?? "");
        const bytes = document.elements?.bytesIn(Buffer.from(text)) ?? [];
        expect(bytes.map(String)).toStrictEqual(texts);
        expect(texts.map((element) => element.trim())).toStrictEqual(texts);
        expect(texts.map((element) => JSON.parse(element))).toStrictEqual(batchOf(document));
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ['{"batch":[1],"\\u0062atch":[2]}', "an escaped key that spells the same"],
    ['{"\\u0062atch":[2]}', "an escaped key alone"],
    ['{"batch":[1],"batch":2}', "a repeated key with another type"],
    ['{"batch":{"batch":[1]}}', "an array one level below"],
    ['{"x":[{"batch":[1]}]}', "no such key at the top"],
    ['{"x":"batch","y":[1]}', "the word as a value"],
    ['["batch",[1]]', "an array at the top"],
    ['{"batch":"x","y":[1]}', "a batch that is text"],
    ["[1]", "no object"],
    ["null", "nothing"],
  ])("is not given for %s (%s)", (text) => {
    expect(parseJson(text, { depthMax }).elements).toBeNull();
  });

  test.each([
    ['{"batch":[]}', []],
    ['{"batch":[ ]}', []],
    ['{"batch":[ [] , {} ]}', ["[]", "{}"]],
    ['{"x":"batch","batch":["]",",\\"", 1 ]}', ['"]"', '",\\""', "1"]],
    ['{"batch":2,"batch":[ 3 ]}', ["3"]],
    ['{"batch":[1],"batch":[ 2 ]}', ["2"]],
    ['{"batch":[1,2],"x":[3],"batch":[]}', []],
    ['{"a\\n":1,"batch":[1]}', null],
    ['{"a":"\\n","batch":[1]}', ["1"]],
    ['{"batch":[{"batch":[1,2]},[3,4]],"x":[5]}', ['{"batch":[1,2]}', "[3,4]"]],
  ])("is cut exactly from %s", (text, expected) => {
    const { elements } = parseJson(text, { depthMax });
    const found = elements && (expected ?? []).map((_, index) => elements.text(index));
    expect(found).toStrictEqual(expected);
  });

  test("is the text as sent, also where the value was changed", () => {
    const { value, elements } = parseJson('{"batch":[{"n":1e400,"s":"\\ud800"}]}', { depthMax });
    expect(value).toStrictEqual({ batch: [{ n: "1e400", s: "\ufffd" }] });
    expect(elements?.text(0)).toBe('{"n":1e400,"s":"\\ud800"}');
  });
});

describe("lone surrogates", () => {
  test("become U+FFFD in values and keys, and whole pairs stay", () => {
    const units = fc.oneof(
      fc.constantFrom(0xd83d, 0xde00, 0xd800, 0xdfff, 0x5c, 0x22, 0x75),
      fc.nat({ max: 0xffff }),
    );
    const strings = fc.array(units).map((codes) => String.fromCharCode(...codes));
    fc.assert(
      fc.property(fc.array(strings), (values) => {
        const text = JSON.stringify(values.flatMap((value) => [value, { [value]: value }]));
        const clean = values.map((value) => Buffer.from(value).toString());
        expect(parseJson(text, { depthMax }).value).toStrictEqual(
          clean.flatMap((value) => [value, { [value]: value }]),
        );
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    [String.raw`"\uD83D\uDE00"`, "😀"],
    [String.raw`"\ud83d"`, "\ufffd"],
    [String.raw`"\ude00\ud83d"`, "\ufffd\ufffd"],
    [String.raw`"\\ud83d\ude00"`, "\\ud83d\ufffd"],
    [String.raw`"\\\ud83d\ude00"`, "\\😀"],
    [String.raw`"\ud83d\\ude00"`, "\ufffd\\ude00"],
    [String.raw`"\ud83d\ud83d\ude00"`, "\ufffd😀"],
    [String.raw`"\ud7ff\ue000"`, "\ud7ff\ue000"],
  ])("in %s leave %j", (text, expected) => {
    expect(parseJson(text, { depthMax }).value).toBe(expected);
  });
});

/** Nested values with keys that look like the hazards the scan looks for. */
function nested(): fc.Arbitrary<unknown> {
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom("batch", '"', "\\", '\\"', "[{", "}]", ",", "1e400", "\n", "ü", "😀"),
  );
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: "medium", withCrossShrink: true },
      fc.jsonValue({ maxDepth: 0 }),
      text,
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(text, tie("value"), { maxKeys: 4, noNullPrototype: true }),
    ),
  }));
  return value;
}

function jsonText(): fc.Arbitrary<string> {
  return fc
    .tuple(nested(), fc.constantFrom(undefined, 2, "\t", "\r\n "))
    .map(([value, space]) => JSON.stringify(value, null, space));
}

function pruned(value: unknown, limit: number): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (limit === 0) return Infinity;
  if (Array.isArray(value)) return value.map((item) => pruned(item, limit - 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, pruned(item, limit - 1)]),
  );
}

function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

function batchOf(document: JsonDocument): unknown[] {
  const { value } = document;
  if (typeof value !== "object" || value === null || !("batch" in value))
    throw new Error("no batch");
  if (!Array.isArray(value.batch)) throw new Error("no array");
  return value.batch;
}

function refuses(act: () => unknown): boolean {
  return errorOf(act) !== null;
}

function errorOf(act: () => unknown): unknown {
  try {
    act();
    return null;
  } catch (error) {
    return error;
  }
}

test("a number that a double cannot carry is there as its digits, and rounded beside it", () => {
  const document = parseJson('{"a":9007199254740993,"b":[1e400],"c":2}', { depthMax: 10 });
  expect(document.value).toEqual({ a: "9007199254740993", b: ["1e400"], c: 2 });
  expect(document.rounded).toEqual({ a: 9007199254740992, b: [Infinity], c: 2 });
  const plain = parseJson('{"a":1}', { depthMax: 10 });
  expect(plain.rounded).toBe(plain.value);
});

test("a text of more objects and lists than can be built in time is refused before it is parsed", () => {
  expect(parseJson(listOf(1_999_999), { depthMax }).value).toHaveLength(1_999_999);
  expect(() => parseJson(listOf(2_000_000), { depthMax })).toThrow(
    expect.objectContaining({ name: "JsonError", kind: "size" }),
  );
});

function listOf(count: number): string {
  return `[${"{},".repeat(count - 1)}{}]`;
}
