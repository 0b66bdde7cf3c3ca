import { describe, expect, test } from "vitest";

import { scoreBody } from "./dialects/langfuse-scores.ts";
import type { Issue } from "./errors.ts";
import { ApiError } from "./errors.ts";
import { mapRecord } from "./mapping.ts";
import { newScoreConfig, updatedScoreConfig } from "./public-api/score-config.ts";
import { decodeRecord, recordEncoder } from "./records.ts";
import type { RecordHeader } from "./records.ts";
import { foldVersion, Registry } from "./registry.ts";
import type { RegistryChange } from "./registry.ts";
import { judgeScore } from "./score-configs.ts";
import type { ScoreConfig } from "./score-configs.ts";

function config(body: object): ScoreConfig {
  return newScoreConfig({ name: "quality", ...body }, { id: "c", projectId: "p", at: 1 });
}

const numeric = config({ dataType: "NUMERIC", minValue: 0, maxValue: 1 });
const categorical = config({
  dataType: "CATEGORICAL",
  categories: [
    { label: "good", value: 2 },
    { label: "bad", value: -1 },
  ],
});
const boolean = config({ dataType: "BOOLEAN" });
const text = config({ dataType: "TEXT" });

function judged(body: object, held: ScoreConfig | undefined) {
  const parsed = scoreBody.parse({ name: "mine", traceId: "t", configId: "c", ...body });
  return judgeScore(parsed, held);
}

describe("write-api §2.7: a score that names a config", () => {
  test.each([
    [{ value: 0.5 }, numeric, "NUMERIC", 0.5, ""],
    [{ value: 1, dataType: "NUMERIC" }, numeric, "NUMERIC", 1, ""],
    [{ value: "good" }, categorical, "CATEGORICAL", 2, "good"],
    [{ value: 0 }, boolean, "BOOLEAN", 0, "False"],
    [{ value: 1, dataType: "BOOLEAN" }, boolean, "BOOLEAN", 1, "True"],
    [{ value: "fine" }, text, "TEXT", 0, "fine"],
  ])(
    "%j takes its name, type and number from it (§6 #41)",
    (body, held, data_type, value, string_value) => {
      const columns = { name: "quality", data_type, value, string_value };
      expect(judged(body, held)).toEqual({ ok: true, columns });
    },
  );

  test.each([
    ["value", { value: 1.5 }, numeric],
    ["value", { value: -0.1 }, numeric],
    ["value", { value: "0.5" }, numeric],
    ["value", { value: "ugly" }, categorical],
    ["value", { value: 2 }, categorical],
    ["value", { value: 2 }, boolean],
    ["value", { value: "True" }, boolean],
    ["value", { value: "" }, text],
    ["value", { value: "x".repeat(501) }, text],
    ["dataType", { value: 1, dataType: "NUMERIC" }, boolean],
    ["configId", { value: 0.5 }, { ...numeric, isArchived: true }],
    ["configId", { value: 0.5 }, undefined],
    ["configId", { value: 0.5, configId: null, source: "ANNOTATION" }, undefined],
  ])("is refused for its %s: %j (§6 #40)", (field, body, held) => {
    const judgement = judged(body, held);
    expect(judgement.ok ? [] : judgement.issue.path).toEqual([field]);
  });

  test.each([
    [{ value: 5 }],
    [{ value: "any", configId: "" }],
    [{ value: "text", dataType: "CORRECTION", configId: null, source: "ANNOTATION" }],
  ])("is left alone when none has a say: %j", (body) => {
    expect(judged({ configId: null, ...body }, undefined)).toEqual({ ok: true, columns: {} });
  });
});

function refusal(make: () => unknown): unknown {
  try {
    make();
  } catch (error) {
    if (error instanceof ApiError)
      return (error.body["error"] as Issue[]).map(({ path }) => path[0]);
    throw error;
  }
  return "taken";
}

describe("a config (read-api §7.6)", () => {
  test.each([
    [{ name: "x".repeat(36), dataType: "NUMERIC" }, ["name"]],
    [{ name: "a/b", dataType: "NUMERIC" }, ["name"]],
    [{ dataType: "NUMERIC", minValue: 1, maxValue: 1 }, ["maxValue"]],
    [{ dataType: "NUMERIC", categories: [{ label: "a", value: 1 }] }, ["categories"]],
    [{ dataType: "TEXT", minValue: 1 }, ["minValue"]],
    [{ dataType: "CATEGORICAL" }, ["categories"]],
    [{ dataType: "BOOLEAN", categories: [{ label: "True", value: 1 }] }, ["categories"]],
    [{ dataType: "CORRECTION" }, ["dataType"]],
    [
      {
        dataType: "CATEGORICAL",
        categories: [
          { label: "a", value: 1 },
          { label: "a", value: 2 },
        ],
      },
      ["categories"],
    ],
    [{ name: "Größe (1-5)_x.y", dataType: "NUMERIC" }, "taken"],
  ])("made of %j: %j", (body, expected) => {
    expect(refusal(() => config(body))).toEqual(expected);
  });

  test("keeps what a change leaves out, clears what it sets to null, and must stay consistent", () => {
    const changed = updatedScoreConfig({ maxValue: null, description: "d" }, numeric, 9);
    expect(changed).toMatchObject({ minValue: 0, maxValue: null, description: "d", updatedAt: 9 });
    expect(refusal(() => updatedScoreConfig({ minValue: 5 }, numeric, 9))).toEqual(["maxValue"]);
    expect(refusal(() => updatedScoreConfig({}, numeric, 9))).toEqual([undefined]);
    expect(refusal(() => updatedScoreConfig({ categories: [] }, boolean, 9))).toEqual([
      "categories",
    ]);
  });
});

describe("write-api §2.7, §6 #40: in the writer, a score is held against the config that its record knew", () => {
  const changes: RegistryChange[] = [
    { type: "organization-create", organization: { id: "o", name: "O" } },
    { type: "project-create", project: { id: "p", name: "P", organizationId: "o", createdAt: 1 } },
    { type: "score-config-create", config: numeric },
    { type: "score-config-update", config: { ...numeric, maxValue: 9, name: "wide" }, revision: 3 },
  ];
  const registry = new Registry();
  const outcomes = changes.map((change, index) =>
    registry.apply({ id: `${index}`, foldVersion, at: 1, by: "t", change }, index + 1),
  );

  function mapped(value: number, position: number) {
    const header: RecordHeader = {
      project: "p",
      dialect: "langfuse",
      receivedAt: 1_700_000_000_000,
      keyId: "k",
      sdkName: "s",
      sdkVersion: "1",
      registry: String(position),
    };
    const event = {
      id: "e",
      type: "score-create",
      timestamp: "2026-01-01T00:00:00Z",
      body: { id: "s", name: "mine", traceId: "t", configId: "c", value },
    };
    return mapRecord(decodeRecord(recordEncoder(header)(JSON.stringify(event))), registry);
  }

  test("it is stored under the config's name, or parked with the reason, whatever came later", () => {
    expect(outcomes).toEqual(["done", "done", "done", "done"]);
    expect(mapped(0.5, 3)).toMatchObject({
      ok: true,
      statements: [{ columns: { name: "quality" } }],
    });
    expect(mapped(5, 4)).toMatchObject({ ok: true, statements: [{ columns: { name: "wide" } }] });
    expect(mapped(5, 3)).toMatchObject({ ok: false, reason: "score-config" });
    expect(mapped(0.5, 2)).toMatchObject({ ok: false, reason: "score-config" });
  });

  test("of two changes of one revision the first wins", () => {
    const change = { type: "score-config-update", config: numeric, revision: 3 } as const;
    expect(registry.apply({ id: "late", foldVersion, at: 1, by: "t", change }, 5)).toBe("conflict");
    expect(registry.scoreConfigs.get("p", "c")?.config.name).toBe("wide");
  });
});
