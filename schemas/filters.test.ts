import { describe, expect, test } from "vitest";

import { ApiError } from "./errors.ts";
import {
  observationFilterColumns,
  observationV2FilterColumns,
  scoreFilterColumns,
  traceFilterColumns,
} from "./filter-columns.ts";
import { parseFilter, type FilterCatalogue } from "./filters.ts";

function refusal(filter: unknown, catalogue: FilterCatalogue = traceFilterColumns) {
  const text = typeof filter === "string" ? filter : JSON.stringify(filter);
  try {
    parseFilter(text, catalogue);
  } catch (error) {
    if (error instanceof ApiError) return { status: error.status, ...error.body };
    throw error;
  }
  throw new Error("the filter was accepted");
}

/** What the filter of traces becomes, or how it is refused. */
function outcome(filter: object[]) {
  try {
    return parseFilter(JSON.stringify(filter), traceFilterColumns);
  } catch (error) {
    if (error instanceof ApiError) return { status: error.status, ...error.body };
    throw error;
  }
}

const accepted = [expect.objectContaining({ column: expect.any(String) })];
const issues = { status: 400, message: "Invalid request data", error: expect.any(Array) };
const sentence = { status: 400, message: expect.any(String), error: "InvalidRequestError" };
const named = { type: "string", column: "name", operator: "=", value: "n" };

describe("read-api §2: the text of a filter", () => {
  test.each([undefined, "", "[]", " [ ] "])("%j is no filter", (text) => {
    expect(parseFilter(text, traceFilterColumns)).toEqual([]);
  });

  test.each(["not json", "[", "'", " ", "[{]", "{} trailing"])(
    "%j is not JSON: 400 with a sentence",
    (text) => {
      expect(refusal(text)).toEqual(sentence);
    },
  );

  test.each(["null", "{}", '"text"', "1", "[null]", "[1]", "[[]]", "[{}]", '[{"type":"string"}]'])(
    "%s is JSON and no list of conditions: 400 with issues",
    (text) => {
      expect(refusal(text)).toEqual(issues);
    },
  );

  test("an issue names its condition and its key", () => {
    expect(refusal([named, { ...named, operator: "like" }])).toMatchObject({
      error: [{ code: "invalid_value", path: ["filter", 1, "operator"] }],
    });
  });

  test("more than 100 conditions or 65,536 characters are refused with a sentence", () => {
    const many = (count: number) => Array.from({ length: count }, () => named);
    expect(parseFilter(JSON.stringify(many(100)), traceFilterColumns)).toHaveLength(100);
    expect(refusal(many(101))).toEqual(sentence);
    expect(refusal(many(10_000))).toEqual(sentence);
    expect(refusal([{ ...named, value: "x".repeat(70_000) }])).toEqual(sentence);
    expect(refusal("[".repeat(60_000))).toEqual(sentence);
    expect(refusal("[".repeat(30_000) + "]".repeat(30_000))).toEqual(issues);
  });
});

describe("read-api §2.1: the types of condition and their operators", () => {
  const texts = ["=", "contains", "does not contain", "starts with", "ends with"];
  const orders = ["=", ">", "<", ">=", "<="];
  const options = ["any of", "none of"];
  const shapes = [
    { type: "datetime", column: "timestamp", operators: orders.slice(1), value: "2026-01-31" },
    { type: "string", column: "name", operators: texts, value: "" },
    { type: "number", column: "latency", operators: orders, value: -0.5 },
    { type: "stringOptions", column: "level", operators: options, value: ["ERROR"] },
    { type: "arrayOptions", column: "tags", operators: [...options, "all of"], value: ["a"] },
    {
      type: "categoryOptions",
      column: "score_categories",
      operators: options,
      value: [],
      key: "k",
    },
    { type: "stringObject", column: "metadata", operators: texts, value: "", key: "" },
    { type: "numberObject", column: "scores_avg", operators: orders, value: 1, key: "k" },
    {
      type: "booleanObject",
      column: "score_booleans",
      operators: ["=", "<>"],
      value: true,
      key: "k",
    },
    { type: "boolean", column: "bookmarked", operators: ["=", "<>"], value: false },
    { type: "null", column: "userId", operators: ["is null", "is not null"], value: "" },
  ];
  const wrongValues = [null, undefined, {}, [1], [null], "not a date", Number.MAX_VALUE * 2];

  test.each(shapes)("$type takes exactly its operators", ({ operators, ...shape }) => {
    for (const operator of [
      ...texts,
      ...orders,
      ...options,
      "all of",
      "<>",
      "is null",
      "matches",
      "!=",
    ]) {
      const isKnown = operators.includes(operator);
      expect([operator, outcome([{ ...shape, operator }])]).toEqual([
        operator,
        isKnown ? accepted : issues,
      ]);
    }
  });

  test.each(shapes)("$type needs its value", ({ operators: [operator], ...shape }) => {
    for (const value of wrongValues) {
      if (shape.type === "string" && typeof value === "string") continue;
      if (shape.type === "stringObject" && typeof value === "string") continue;
      expect([value, refusal([{ ...shape, operator, value }])]).toEqual([value, issues]);
    }
  });

  test.each(shapes.filter(({ key }) => key !== undefined))(
    "$type needs its key",
    ({ operators: [operator], ...shape }) => {
      expect(refusal([{ ...shape, operator, key: undefined }])).toEqual(issues);
    },
  );

  test("an empty list is allowed only where it says something", () => {
    for (const operator of options) {
      expect(refusal(emptyList("stringOptions", "level", operator))).toEqual(issues);
      expect(
        parseFilter(
          JSON.stringify(emptyList("categoryOptions", "scores", operator)),
          traceFilterColumns,
        ),
      ).toHaveLength(1);
    }
    expect(refusal(emptyList("arrayOptions", "tags", "any of"))).toEqual(issues);
    for (const operator of ["none of", "all of"]) {
      expect(
        parseFilter(
          JSON.stringify(emptyList("arrayOptions", "tags", operator)),
          traceFilterColumns,
        ),
      ).toHaveLength(1);
    }
  });

  test("null without a value, or with another, is refused", () => {
    const asked = { type: "null", column: "name", operator: "is null" };
    expect(refusal([asked])).toEqual(issues);
    for (const value of [null, "x", 0, false])
      expect(refusal([{ ...asked, value }])).toEqual(issues);
  });

  test("positionInTrace is accepted and asks for nothing", () => {
    const asked = { type: "positionInTrace", column: "anything", operator: "=", key: "nthFromEnd" };
    expect(
      parseFilter(JSON.stringify([asked, { ...asked, value: 2 }, named]), traceFilterColumns),
    ).toEqual([named]);
    expect(refusal([{ ...asked, key: "middle" }])).toEqual(issues);
  });

  test("a datetime is read leniently, and refused when it is no moment", () => {
    for (const value of ["January 31, 2026", 1_769_817_600_000]) {
      expect(parseFilter(JSON.stringify(dated(value)), traceFilterColumns)).toEqual(
        dated(Date.UTC(2026, 0, 31)),
      );
    }
    for (const value of ["", "soon", 1e17, true]) expect(refusal(dated(value))).toEqual(issues);
  });

  test("a number keeps its digits, and one that no double holds is read as the nearest", () => {
    expect([readNumber("0.1"), readNumber("9007199254740993"), readNumber("-0")]).toEqual([
      0.1, 9007199254740992, -0,
    ]);
    expect(refusal('[{"type":"number","column":"latency","operator":"=","value":1e400}]')).toEqual(
      issues,
    );
  });
});

describe("read-api §2.2: columns", () => {
  test("a column goes by its id, its title and its aliases, letter for letter", () => {
    for (const column of ["userId", "User ID"]) {
      expect(parseFilter(JSON.stringify([{ ...named, column }]), traceFilterColumns)).toEqual([
        { ...named, column: "userId" },
      ]);
    }
    for (const column of ["USERID", "userid", " userId", ""]) {
      expect(refusal([{ ...named, column }])).toEqual(sentence);
    }
  });

  test.each([
    "nope",
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "id; DROP TABLE sluice.traces",
    "t.id",
    "scores_avg'",
  ])(
    "the unknown column %j is refused with those that there are, and is not repeated",
    (column) => {
      for (const [catalogue, known] of [
        [traceFilterColumns, "scores_avg"],
        [observationFilterColumns, "tokensPerSecond"],
        [observationV2FilterColumns, "ingestionSdkName"],
        [scoreFilterColumns, "authorUserId"],
      ] as const) {
        const refused = refusal([named, { ...named, column }], catalogue);
        expect(refused).toEqual({
          ...sentence,
          message: expect.stringMatching(/^`filter`\[1\].*does not match a UI \/ CH table mapping/),
        });
        expect(JSON.stringify(refused)).toContain(known);
        if (column !== "id; DROP TABLE sluice.traces") continue;
        expect(JSON.stringify(refused)).not.toContain("DROP");
      }
    },
  );

  test("scores is the column that fits the type of the condition", () => {
    expect(scoresColumn("numberObject", { key: "k", operator: "=", value: 1 })).toBe("scores_avg");
    expect(scoresColumn("categoryOptions", { key: "k", operator: "any of", value: ["v"] })).toBe(
      "score_categories",
    );
    expect(scoresColumn("stringOptions", { operator: "any of", value: ["k:v"] })).toBe(
      "score_categories",
    );
    expect(scoresColumn("booleanObject", { key: "k", operator: "=", value: true })).toBe(
      "score_booleans",
    );
    expect(refusal([{ ...named, column: "scores" }])).toEqual(sentence);
  });

  test("observations have no score columns, and scores none of their trace", () => {
    for (const column of [
      "scores",
      "scores_avg",
      "score_categories",
      "score_booleans",
      "commentCount",
    ]) {
      const asked = [{ type: "null", column, operator: "is null", value: "" }];
      expect(refusal(asked, observationFilterColumns)).toEqual(sentence);
      expect(refusal(asked, observationV2FilterColumns)).toEqual(sentence);
    }
    for (const column of ["userId", "traceName", "trace_tags"]) {
      expect(refusal([{ ...named, column }], scoreFilterColumns)).toEqual(sentence);
    }
    for (const column of ["input", "release", "providedModelName", "tags", "isRootObservation"]) {
      expect(refusal([{ ...named, column }], observationFilterColumns)).toEqual(sentence);
    }
  });

  const asked = {
    string: { operator: "=", value: "v" },
    stringOptions: { operator: "any of", value: ["v"] },
    arrayOptions: { operator: "any of", value: ["v"] },
    categoryOptions: { operator: "any of", value: ["v"], key: "k" },
    stringObject: { operator: "=", value: "v", key: "k" },
    numberObject: { operator: "=", value: 1, key: "k" },
    booleanObject: { operator: "=", value: true, key: "k" },
    boolean: { operator: "=", value: true },
    number: { operator: "=", value: 1 },
    datetime: { operator: ">", value: "2026-01-01" },
    null: { operator: "is null", value: "" },
  };

  test.each([
    ["name", ["string", "stringOptions"]],
    ["level", ["string", "stringOptions"]],
    ["tags", ["arrayOptions", "stringOptions"]],
    ["score_categories", ["categoryOptions", "stringOptions"]],
    ["metadata", ["stringObject"]],
    ["scores_avg", ["numberObject"]],
    ["score_booleans", ["booleanObject"]],
    ["bookmarked", ["boolean"]],
    ["latency", ["number"]],
    ["timestamp", ["datetime"]],
  ])("%s takes conditions of %j and null, and no others", (column, types) => {
    for (const [type, rest] of Object.entries(asked)) {
      const filter = [{ type, column, ...rest }];
      const fits = type === "null" || types.includes(type);
      expect([type, outcome(filter)]).toEqual([type, fits ? accepted : sentence]);
    }
  });
});

describe("read-api §2.4: matches and the guard of inputs and outputs", () => {
  const inMetadata = {
    type: "stringObject",
    column: "metadata",
    key: "k",
    operator: "matches",
    value: "a",
  };

  test("matches is for inputs, outputs and metadata of v2 observations, and needs a letter or digit", () => {
    for (const value of ["a", "1", "é", "שלום", "-a-"]) {
      expect(
        parseFilter(
          JSON.stringify([ofText("input", "matches", value), { ...inMetadata, value }]),
          observationV2FilterColumns,
        ),
      ).toHaveLength(2);
    }
    for (const value of ["", " ", "--", "🧑", "%_"]) {
      expect(refusal([ofText("output", "matches", value)], observationV2FilterColumns)).toEqual(
        sentence,
      );
    }
    expect(refusal([ofText("name", "matches", "a")], observationV2FilterColumns)).toEqual(sentence);
    expect(refusal([inMetadata], observationFilterColumns)).toEqual(issues);
    expect(refusal([inMetadata], scoreFilterColumns)).toEqual(issues);
  });

  test("what is asked of inputs and outputs is of type string, and some of it in full", () => {
    const contains = ofText("input", "contains", "a");
    for (const filter of [
      [contains],
      [contains, inMetadata],
      [ofText("output", "starts with", "a"), contains],
    ]) {
      expect(refusal(filter, observationV2FilterColumns)).toEqual(sentence);
    }
    for (const filter of [
      [contains, ofText("output", "=", "a")],
      [contains, ofText("input", "matches", "a")],
    ]) {
      expect(parseFilter(JSON.stringify(filter), observationV2FilterColumns)).toHaveLength(2);
    }
    for (const other of [
      { type: "stringOptions", column: "input", operator: "any of", value: ["a"] },
      { type: "null", column: "output", operator: "is null", value: "" },
    ]) {
      expect(refusal([other, ofText("input", "=", "a")], observationV2FilterColumns)).toEqual(
        sentence,
      );
    }
  });
});

function emptyList(type: string, column: string, operator: string) {
  return [{ type, column, operator, value: [], key: "k" }];
}

function dated(value: unknown) {
  return [{ type: "datetime", column: "timestamp", operator: "<", value }];
}

function readNumber(digits: string) {
  const text = `[{"type":"number","column":"latency","operator":"=","value":${digits}}]`;
  return parseFilter(text, traceFilterColumns)[0]?.value;
}

/** The column that `scores` is for a type of condition. */
function scoresColumn(type: string, rest: object) {
  const filter = [{ type, column: "scores", ...rest }];
  return parseFilter(JSON.stringify(filter), traceFilterColumns)[0]?.column;
}

function ofText(column: string, operator: string, value: string) {
  return { type: "string", column, operator, value };
}
