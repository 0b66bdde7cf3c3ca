import { afterAll, beforeAll, describe, expect, test } from "vitest";

import {
  observationFilterColumns,
  observationV2FilterColumns,
  scoreFilterColumns,
  traceFilterColumns,
} from "../../schemas/filter-columns.ts";
import { parseFilter, type FilterCatalogue } from "../../schemas/filters.ts";
import type { Db, Param } from "../engine.ts";
import { insertRows } from "../insert.ts";
import { migrate } from "../migrate.ts";
import { hostileTexts, openTestDb, scoreRow, traceRow } from "../testing.ts";
import type { ProjectReader } from "./conditions.ts";
import {
  observationFilterSql,
  observationV2FilterSql,
  scoreFilterSql,
  traceFilterSql,
  type FilterSql,
} from "./filters-columns.ts";
import { filterConditions } from "./filters.ts";
import { rowCounts } from "./row-counts.ts";
import { insertSomeRows, start } from "./testing.ts";

/** A condition as a client writes it, and the ids of the rows that it finds. */
type Case = readonly [asked: object, found: readonly string[]];

interface List {
  readonly table: "traces" | "observations" | "scores";
  readonly catalogue: FilterCatalogue;
  readonly columns: FilterSql;
}

const traces: List = { table: "traces", catalogue: traceFilterColumns, columns: traceFilterSql };
const observations: List = {
  table: "observations",
  catalogue: observationFilterColumns,
  columns: observationFilterSql,
};
const observationsV2: List = {
  table: "observations",
  catalogue: observationV2FilterColumns,
  columns: observationV2FilterSql,
};
const scores: List = { table: "scores", catalogue: scoreFilterColumns, columns: scoreFilterSql };

let db: Db;

beforeAll(async () => {
  db = await openTestDb();
  await migrate(db);
  await insertSomeRows(db);
});

afterAll(() => db.close());

/**
 * The conditions with what they find, ids in order. One statement asks them all, each by itself: a statement for each
 * would take most of a minute.
 */
async function foundBy(
  { table, catalogue, columns }: List,
  cases: readonly Case[],
  project = "p",
): Promise<Case[]> {
  const params: Record<string, Param> = { project };
  const reader: ProjectReader = { db, counts: rowCounts(), project, budget: {}, now: start };
  const asked = cases.map(([condition], i) => {
    const filter = parseFilter(JSON.stringify([condition]), catalogue);
    const [only, ...more] = filterConditions(reader, filter, columns);
    if (only === undefined || more.length > 0) throw new Error("one condition is one condition");
    const own = (sql: string): string => sql.replaceAll("filter_0", `filter_${i}`);
    for (const [name, value] of Object.entries(only.params)) params[own(name)] = value;
    return `groupArrayIf(id, ${own(only.sql)}) AS found_${i}`;
  });
  const [row] = await db.query<Record<string, string[]>>(
    `SELECT ${asked.join(",\n")} FROM sluice.${table} FINAL WHERE project_id = {project:String}`,
    params,
  );
  return cases.map(([condition], i) => [condition, row?.[`found_${i}`]?.toSorted() ?? []]);
}

test("every column of every list is known here", () => {
  for (const { catalogue, columns } of [traces, observations, observationsV2, scores]) {
    expect(Object.keys(columns).toSorted()).toEqual(
      catalogue.columns.map(({ id }) => id).toSorted(),
    );
  }
});

describe("read-api §2.4: texts", () => {
  test("cases count, signs are no wildcards, and null matches nothing", async () => {
    const cases: Case[] = [
      [text("name", "=", "chat"), ["one"]],
      [text("name", "contains", "hat"), ["full", "one"]],
      [text("name", "contains", "%"), ["full"]],
      [text("name", "contains", "_"), []],
      [text("name", "contains", ""), ["full", "one"]],
      [text("name", "does not contain", "Chat"), ["one"]],
      [text("name", "does not contain", ""), []],
      [text("name", "starts with", "Chat"), ["full"]],
      [text("name", "ends with", "chat"), ["one"]],
      [text("name", "=", ""), []],
      [options("name", "any of", ["chat", ""]), ["one"]],
      [options("name", "none of", ["chat"]), ["full"]],
      [isNull("name"), ["bare"]],
      [isNull("name", "is not null"), ["full", "one"]],
      [text("id", "does not contain", "u"), ["bare", "one"]],
      [text("id", "starts with", ""), ["bare", "full", "one"]],
      [isNull("id"), []],
      [isNull("timestamp", "is not null"), ["bare", "full", "one"]],
      [text("userId", "ends with", "'s"), ["full"]],
      [isNull("evaluatorId"), ["bare", "full", "one"]],
      [text("ruleId", "=", ""), []],
    ];
    expect(await foundBy(traces, cases)).toEqual(cases);
  });

  test("on v2 observations '' and null are one", async () => {
    const all = ["child", "generation", "of bare", "orphan"];
    const cases: Case[] = [
      [text("release", "=", ""), ["of bare", "orphan"]],
      [text("release", "contains", ""), all],
      [text("release", "starts with", ""), all],
      [text("release", "does not contain", "x"), ["child", "generation"]],
      [options("release", "any of", ["", "x"]), ["of bare", "orphan"]],
      [options("release", "none of", ["x"]), ["child", "generation"]],
      [isNull("release"), ["of bare", "orphan"]],
      [isNull("release", "is not null"), ["child", "generation"]],
      [text("parentObservationId", "=", ""), ["generation", "of bare", "orphan"]],
      [text("parentObservationId", "does not contain", "x"), ["child"]],
      [text("experimentId", "=", ""), all],
      [text("experimentId", "contains", "x"), []],
      [text("ingestionSdkName", "=", "python"), ["generation"]],
      [text("ingestionApiKey", "starts with", "pk-"), ["generation"]],
    ];
    expect(await foundBy(observationsV2, cases)).toEqual(cases);
  });

  test("matches finds whole words: in inputs and outputs in any case, in metadata as written", async () => {
    const cases: Case[] = [
      [text("input", "matches", "it"), ["generation"]],
      [text("input", "matches", "where IS"), ["generation"]],
      [text("input", "matches", "department?"), ["generation"]],
      [text("input", "matches", "(it)"), []],
      [text("input", "matches", "IT-dep"), []],
      [text("input", "matches", "here"), []],
      [text("input", "matches", "I."), []],
      [text("output", "matches", "ÜBER NAÏVE"), ["generation"]],
      [text("output", "matches", "naïv"), []],
      [inMetadata("note", "matches", "is IT"), ["generation"]],
      [inMetadata("note", "matches", "is it"), []],
      [inMetadata("note", "matches", "I"), []],
    ];
    expect(await foundBy(observationsV2, cases)).toEqual(cases);
  });
});

describe("read-api §2.4: objects and lists", () => {
  test("the key of an object must be there; its value is compared as the text that is stored", async () => {
    const cases: Case[] = [
      [inMetadata("plan", "=", "pro"), ["full"]],
      [inMetadata("n", "=", "12"), ["full"]],
      [inMetadata("plan", "contains", "r"), ["full"]],
      [inMetadata("plan", "does not contain", "x"), ["full"]],
      [inMetadata("plan", "starts with", "P"), []],
      [inMetadata("plan", "ends with", "o"), ["full"]],
      [inMetadata("empty", "=", ""), ["full"]],
      [inMetadata("absent", "does not contain", "x"), []],
      [inMetadata("absent", "contains", ""), []],
      [isNull("metadata"), []],
    ];
    expect(await foundBy(traces, cases)).toEqual(cases);
  });

  test("lists are compared as sets, and asked for options as a whole", async () => {
    const all = ["bare", "full", "one"];
    const cases: Case[] = [
      [list("tags", "any of", ["b", "z"]), ["full"]],
      [list("tags", "none of", ["b"]), ["bare", "one"]],
      [list("tags", "all of", ["b", "a"]), ["full"]],
      [list("tags", "all of", []), all],
      [list("tags", "none of", []), all],
      [options("tags", "any of", ["a"]), ["one"]],
      [options("tags", "none of", ["a"]), ["bare", "full"]],
      [isNull("tags"), []],
    ];
    expect(await foundBy(traces, cases)).toEqual(cases);
  });

  test("categories are entries of a name and a value", async () => {
    const category = (key: string, operator: string, value: string[]) => ({
      ...options("scores", operator, value),
      type: "categoryOptions",
      key,
    });
    const cases: Case[] = [
      [category("tone", "any of", ["kind", "dry"]), ["full", "one"]],
      [category("tone", "none of", ["dry"]), ["bare", "full"]],
      [category("tone", "any of", []), []],
      [category("tone", "none of", []), ["bare", "full", "one"]],
      [category("t", "any of", ["words"]), []],
      [options("score_categories", "any of", ["tone:dry"]), ["one"]],
      [options("score_categories", "any of", ["tone:kind"]), []],
      [options("score_categories", "none of", ["tone:dry"]), ["bare", "full"]],
      [isNull("score_categories"), []],
    ];
    expect(await foundBy(traces, cases)).toEqual(cases);
  });
});

describe("read-api §2.4 and §2.5: numbers, moments and flags", () => {
  test("traces are asked for what their observations and scores add up to; none count as 0", async () => {
    const cases: Case[] = [
      [number("latency", "=", 2), ["full"]],
      [number("latency", "<", 0.001), ["bare", "one"]],
      [number("latency", "=", 2.0004), ["full"]],
      [number("latency", "=", 2.0006), []],
      [number("inputTokens", "=", 15), ["full"]],
      [number("outputTokens", ">", 29.9999), []],
      [number("tokens", ">=", 45.0006), []],
      [number("inputCost", "=", 0.3), ["full"]],
      [number("outputCost", ">", 0), ["full"]],
      [number("outputCost", ">", 0.000000000001), []],
      [number("totalCost", "<=", 0), ["bare", "one"]],
      [number("totalCost", "<", 1e300), ["bare", "full", "one"]],
      [number("warningCount", "=", 1), ["full"]],
      [number("defaultCount", ">", 0), ["full"]],
      [number("debugCount", "<", 1), ["full", "one"]],
      [isNull("totalCost"), []],
      [options("level", "any of", ["WARNING"]), ["full"]],
      [options("level", "none of", ["WARNING"]), ["bare"]],
      [isNull("level"), ["one"]],
      [score("numberObject", "q", "=", 1.5), ["full"]],
      [score("numberObject", "q", ">", 1.5), []],
      [score("numberObject", "q", "<=", 1.5), ["full"]],
      [score("numberObject", "ok", "=", 1), ["full"]],
      [score("numberObject", "tone", "=", 0), []],
      [score("booleanObject", "ok", "=", true), ["full"]],
      [score("booleanObject", "ok", "=", false), []],
      [score("booleanObject", "ok", "<>", true), ["bare", "one"]],
      [score("booleanObject", "never", "<>", true), ["bare", "full", "one"]],
      [flag("⭐️", "=", true), ["full"]],
      [flag("bookmarked", "<>", true), ["bare", "one"]],
    ];
    expect(await foundBy(traces, cases)).toEqual(cases);
  });

  test.each([
    ["observations", observations],
    ["v2 observations", observationsV2],
  ])(
    "%s are asked for their own numbers, which may be null, and for their trace",
    async (_, asks) => {
      const cases: Case[] = [
        [number("timeToFirstToken", "=", 0.25), ["generation"]],
        [number("latency", "=", 1.5), ["generation"]],
        [number("latency", "=", 0), ["orphan"]],
        [isNull("latency"), ["child", "of bare"]],
        [number("tokensPerSecond", "=", 20), ["generation"]],
        [number("promptVersion", "=", 3), ["generation"]],
        [number("promptVersion", "=", 3.0001), []],
        [number("inputTokens", "=", 15), ["generation"]],
        [number("inputCost", "<", 0.300001), ["generation"]],
        [number("totalCost", "<", 1), ["generation"]],
        [isNull("inputTokens"), ["child", "of bare", "orphan"]],
        [number("toolCalls", "=", 0), ["child", "generation", "of bare", "orphan"]],
        [list("toolNames", "any of", ["x"]), []],
        [moment("endTime", ">=", start), ["generation", "orphan"]],
        [moment("endTime", "<", "1800-01-01"), []],
        [moment("endTime", "<", "9999-01-01"), ["generation", "orphan"]],
        [moment("startTime", ">", start), ["child"]],
        [moment("startTime", "<=", start), ["generation", "of bare", "orphan"]],
        [text("userId", "=", "it's"), ["child", "generation"]],
        [isNull("userId"), ["of bare", "orphan"]],
        [list("traceTags", "none of", ["a"]), ["of bare", "orphan"]],
        [list("traceTags", "all of", []), ["child", "generation", "of bare", "orphan"]],
        [options("traceEnvironment", "none of", ["prod"]), ["of bare"]],
      ];
      expect(await foundBy(asks, cases)).toEqual(cases);
    },
  );

  test("v2 observations have flags", async () => {
    const cases: Case[] = [
      [flag("hasInput", "=", true), ["generation"]],
      [flag("hasOutput", "<>", true), ["child", "of bare", "orphan"]],
      [flag("hasParentObservation", "=", true), ["child"]],
      [flag("isRootObservation", "=", false), ["child"]],
      [flag("isExperimentItemRootSpan", "=", true), []],
    ];
    expect(await foundBy(observationsV2, cases)).toEqual(cases);
  });

  test("scores have a number unless they are texts", async () => {
    const cases: Case[] = [
      [number("value", ">=", 2), ["n2"]],
      [number("value", "=", 0), ["c", "c2", "c3", "c4"]],
      [isNull("value"), ["text"]],
      [options("booleanValue", "any of", ["true"]), ["b"]],
      [isNull("booleanValue", "is not null"), ["b"]],
      [text("stringValue", "starts with", "w"), ["text"]],
      [text("comment", "contains", "'"), ["text"]],
      [options("dataType", "none of", ["NUMERIC", "CATEGORICAL"]), ["b", "text"]],
      [isNull("observationId", "is not null"), ["n2"]],
      [isNull("sessionId", "is not null"), []],
    ];
    expect(await foundBy(scores, cases)).toEqual(cases);
  });
});

test("values and keys are values, whatever they look like", async () => {
  const values = hostileTexts.filter((value) => value.length < 1_000);
  expect(values.length).toBeGreaterThan(20);
  const own = { project_id: "hostile" };
  await insertRows(
    db,
    "traces",
    values.map((value, i) =>
      traceRow({ ...own, id: `t${i}`, name: value, tags: [value], metadata: { [value]: value } }),
    ),
  );
  await insertRows(
    db,
    "scores",
    values.map((value, i) =>
      scoreRow({ ...own, id: `s${i}`, trace_id: `t${i}`, name: value, value: 1 }),
    ),
  );
  const cases = values.flatMap((value, i): Case[] => [
    [inMetadata(value, "=", value), [`t${i}`]],
    [list("tags", "all of", [value]), [`t${i}`]],
    [score("numberObject", value, "=", 1), [`t${i}`]],
    [text("name", "=", value), value === "" ? [] : [`t${i}`]],
    [options("name", "any of", [value]), value === "" ? [] : [`t${i}`]],
  ]);
  expect(await foundBy(traces, cases, "hostile")).toEqual(cases);
});

function text(column: string, operator: string, value: string) {
  return { type: "string", column, operator, value };
}

function options(column: string, operator: string, value: string[]) {
  return { type: "stringOptions", column, operator, value };
}

function list(column: string, operator: string, value: string[]) {
  return { type: "arrayOptions", column, operator, value };
}

function number(column: string, operator: string, value: number) {
  return { type: "number", column, operator, value };
}

function moment(column: string, operator: string, value: number | string) {
  return { type: "datetime", column, operator, value };
}

function flag(column: string, operator: string, value: boolean) {
  return { type: "boolean", column, operator, value };
}

function score(type: string, key: string, operator: string, value: number | boolean) {
  return { type, column: "scores", key, operator, value };
}

function inMetadata(key: string, operator: string, value: string) {
  return { type: "stringObject", column: "metadata", key, operator, value };
}

function isNull(column: string, operator = "is null") {
  return { type: "null", column, operator, value: "" };
}
