import { describe, expect, test } from "vitest";

import { environmentOf, modelParameters, scalarModelParameters } from "./langfuse-fields.ts";

describe("write-api §2.5, §6 #23: the environment", () => {
  test.each([
    ["PROD", "prod"],
    ["prod", "prod"],
    ["default", "default"],
    ["a-b_c-1", "a-b_c-1"],
    ["langfuse-test", "test"],
    ["LANGFUSE_Test", "test"],
    ["langfuselangfuse-x", "x"],
    ["langfuse--x", "-x"],
    ["my-langfuse", "my-langfuse"],
    ["a".repeat(45), "a".repeat(40)],
    [`${"a".repeat(40)}!`, "a".repeat(40)],
    [`langfuse-${"a".repeat(45)}`, "a".repeat(40)],
  ])("%s becomes %s", (name, expected) => {
    expect(environmentOf(name)).toBe(expected);
  });

  test.each([
    "langfuse",
    "langfuse-",
    "langfuse_langfuse",
    "my.env",
    "prod env",
    "ünï",
    "production!",
    "",
    "prod\n",
    5,
    null,
    undefined,
    true,
    {},
    ["prod"],
  ])("%j names none", (name) => {
    expect(environmentOf(name)).toBeNull();
  });
});

describe("write-api §2.6, §6 #38: model parameters", () => {
  test.each([
    { temperature: 0.7, stop: ["a", "b"], user: "u", stream: true, seed: null },
    { format: { type: "json" }, none: {}, empty: [] },
    {},
    null,
    undefined,
  ])("%j are passed on as they are", (parameters) => {
    expect(modelParameters.parse(parameters)).toBe(parameters);
  });

  test.each([
    { tool_choice: { function: { name: "f" } } },
    { nested: { temperature: 1 } },
    { nested: { text: null } },
    { ids: [1] },
    { ids: ["a", null] },
    { lists: [["a"]] },
    ["a"],
    "a",
    1,
  ])("%j are refused", (parameters) => {
    expect(modelParameters.safeParse(parameters).success).toBe(false);
  });

  test("of legacy observations are scalars only", () => {
    const scalars = { text: "t", number: 1, flag: false, none: null };
    expect(scalarModelParameters.parse(scalars)).toBe(scalars);
    expect(scalarModelParameters.safeParse({ stop: ["a"] }).success).toBe(false);
    expect(scalarModelParameters.safeParse({ format: { type: "json" } }).success).toBe(false);
  });
});
