import fc from "fast-check";
import { describe, expect, test } from "vitest";

import {
  isoOfColumn,
  millisOfColumn,
  parseMetadata,
  parsePayload,
  parseStored,
} from "./stored-value.ts";

describe("read-api §1.6: stored values", () => {
  test.each([
    ["123", 123],
    ["-1.5e3", -1500],
    ["true", true],
    ["false", false],
    ["null", null],
    ['"text"', "text"],
    [' {"a":[1]} ', { a: [1] }],
    ["[]", []],
  ])("%s is JSON and is shown as its value", (text, value) => {
    expect(parseStored(text)).toEqual(value);
  });

  test.each([
    "plain text",
    "truely",
    "nothing",
    "falsehood",
    "2024-01-01",
    "[INFO] started",
    "{not json}",
    '"open',
    "1 2",
    "NaN",
    "Infinity",
    "undefined",
    "01",
    "\u00a01",
    "",
  ])("%j is no JSON and is shown as it is", (text) => {
    expect(parseStored(text)).toBe(text);
  });

  test.each([
    ["1983516295378495150", "1983516295378495150"],
    ["9007199254740993", "9007199254740993"],
    ["1e400", "1e400"],
    ["-123456789012345678901234567890", "-123456789012345678901234567890"],
    ['{"id":1983516295378495150,"n":[1]}', { id: "1983516295378495150", n: [1] }],
  ])("%s keeps the digits that a double cannot carry, as text", (text, value) => {
    expect(parseStored(text)).toEqual(value);
  });

  test.each([
    ["9007199254740991", Number.MAX_SAFE_INTEGER],
    ["0.1", 0.1],
    ["1.0", 1],
    ["1e21", 1e21],
  ])("%s is a number, because a double carries it", (text, value) => {
    expect(parseStored(text)).toBe(value);
  });

  test("any JSON value comes back as it was, except where a double cannot carry it", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        expect(JSON.stringify(parseStored(text))).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });

  test("any text comes back as it was or as what JSON.parse makes of it, and can always be sent", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const value = parseStored(text);
        if (typeof value === "string") return;
        expect(JSON.stringify(value)).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });

  test("text nested so deeply that it could not be sent stays text, be it of brackets or of braces", () => {
    const depth = 100_000;
    for (const text of [
      "[".repeat(depth) + "]".repeat(depth),
      '{"a":'.repeat(depth) + "1" + "}".repeat(depth),
      `[${"[1],".repeat(depth)}${"[".repeat(depth)}${"]".repeat(depth)}]`,
    ]) {
      expect(parseStored(text) === text).toBe(true);
      expect(JSON.stringify(parseStored(text)).length).toBeGreaterThan(depth);
    }
  });

  test("a long text of unclosed quotes, brackets or backslashes is read in linear time", () => {
    const startedAt = process.cpuUsage();
    for (const piece of ['"', "[", '{"', "\\", '"\\', "1", "-", "[1e"]) {
      expect(parseStored(`[${piece.repeat(1_000_000)}`)).toBeTypeOf("string");
    }
    expect(process.cpuUsage(startedAt).user).toBeLessThan(20_000_000);
  });

  test("no payload is null, and metadata keeps every key of the client as its own", () => {
    expect(parsePayload("")).toBeNull();
    expect(parsePayload("0")).toBe(0);
    const stored = JSON.parse('{"__proto__":"1","constructor":"x","n":"5","e":""}');
    const metadata = parseMetadata(stored);
    expect(Object.keys(metadata).toSorted()).toEqual(["__proto__", "constructor", "e", "n"]);
    expect(JSON.stringify(metadata)).toBe('{"__proto__":1,"constructor":"x","n":5,"e":""}');
    expect(Object.getPrototypeOf(metadata)).toBe(Object.prototype);
  });
});

describe("read-api §1.6: moments", () => {
  test("a moment as the database prints it becomes ISO 8601 in UTC", () => {
    expect(isoOfColumn("2024-01-31 12:00:00.007")).toBe("2024-01-31T12:00:00.007Z");
    expect(millisOfColumn("1970-01-01 00:00:00.001")).toBe(1);
    expect(millisOfColumn("1960-01-01 00:00:00.000")).toBe(Date.UTC(1960, 0, 1));
  });
});
