import { describe, expect, test } from "vitest";

import { parseJson } from "../json.ts";
import { validateEvent, validateScoreBody } from "./langfuse.ts";

const base = { id: "s1", name: "quality", traceId: "t1" };

describe("write-api §2.7, §6 #39: a score's value", () => {
  test.each([
    [{ value: 0.5 }],
    [{ value: "good" }],
    [{ value: "" }],
    [{ dataType: "NUMERIC", value: -1.5 }],
    [{ dataType: "BOOLEAN", value: 0 }],
    [{ dataType: "BOOLEAN", value: 1 }],
    [{ dataType: "CATEGORICAL", value: "" }],
    [{ dataType: "TEXT", value: "x" }],
    [{ dataType: "TEXT", value: "x".repeat(500) }],
    [{ dataType: "CORRECTION", value: "" }],
    [{ dataType: "CORRECTION", value: "x".repeat(5000), configId: null }],
    [{ dataType: "CORRECTION", value: "x", sessionId: "", datasetRunId: null }],
    [{ dataType: "CORRECTION", value: "x", observationId: "o" }],
  ])("is accepted in %j", (body) => {
    expect(bodyOf({ ...base, ...body })).toMatchObject(body);
  });

  test.each([
    [{}],
    [{ value: null }],
    [{ value: true }],
    [{ value: Infinity }],
    [{ dataType: null, value: 1 }],
    [{ dataType: "numeric", value: 1 }],
    [{ dataType: "NUMERIC", value: "1" }],
    [{ dataType: "NUMERIC", value: Infinity }],
    [{ dataType: "NUMERIC" }],
    [{ dataType: "BOOLEAN", value: true }],
    [{ dataType: "BOOLEAN", value: 2 }],
    [{ dataType: "BOOLEAN", value: "1" }],
    [{ dataType: "CATEGORICAL", value: 1 }],
    [{ dataType: "TEXT", value: "" }],
    [{ dataType: "TEXT", value: "x".repeat(501) }],
    [{ dataType: "TEXT", value: "😀".repeat(251) }],
    [{ dataType: "CORRECTION", value: 1 }],
    [{ dataType: "CORRECTION", value: "x", configId: "c" }],
    [{ dataType: "CORRECTION", value: "x", traceId: null, sessionId: "s" }],
    [{ dataType: "CORRECTION", value: "x", traceId: null, datasetRunId: "r" }],
  ])("is refused in %j", (body) => {
    expect(bodyOf({ ...base, ...body })).toBeNull();
  });

  test("that is a correction is always one of the output", () => {
    expect(bodyOf({ ...base, dataType: "CORRECTION", value: "x" })).toMatchObject({
      name: "output",
    });
    expect(bodyOf({ ...base, name: "", dataType: "CORRECTION", value: "x" })).toBeNull();
  });
});

describe("write-api §2.7: a score's target", () => {
  test.each([
    [{ traceId: "t" }],
    [{ traceId: "t", observationId: "o" }],
    [{ traceId: "t", sessionId: "", datasetRunId: null }],
    [{ traceId: "", sessionId: "s" }],
    [{ sessionId: "s", observationId: "" }],
    [{ datasetRunId: "r", traceId: null }],
  ])("is one of three in %j", (target) => {
    expect(bodyOf({ name: "n", value: 1, ...target })).toMatchObject(target);
  });

  test.each([
    [{}],
    [{ traceId: "", sessionId: "" }],
    [{ observationId: "o" }],
    [{ traceId: "t", sessionId: "s" }],
    [{ sessionId: "s", datasetRunId: "r" }],
    [{ traceId: "t", sessionId: "s", datasetRunId: "r" }],
    [{ sessionId: "s", observationId: "o" }],
    [{ datasetRunId: "r", observationId: "o" }],
  ])("is refused with the contract's words in %j", (target) => {
    const result = validateEvent(scoreEvent({ name: "n", value: 1, ...target }));
    expect(JSON.stringify(result)).toContain(
      "Provide exactly one of the following: traceId (with optional observationId), sessionId or datasetRunId. ObservationId requires traceId.",
    );
  });
});

describe("write-api §2.7: in a batch, a score", () => {
  test("keeps absent and null apart, and drops what it does not know", () => {
    const body = { ...base, value: 1, comment: null, extra: 1, timestamp: "2024-01-01T00:00Z" };
    expect(bodyOf(body)).toStrictEqual({ ...base, value: 1, comment: null, environment: null });
  });

  test.each(["API", "EVAL", "ANNOTATION", undefined])("may have the source %s", (source) => {
    expect(bodyOf({ ...base, value: 1, source })).toMatchObject({ source });
  });

  test.each([
    { source: null },
    { source: "api" },
    { name: "" },
    { name: null },
    { id: "" },
    { id: "a\rb" },
    { comment: 5 },
    { configId: 5 },
    { queueId: {} },
  ])("is refused with %j", (part) => {
    expect(bodyOf({ ...base, value: 1, ...part })).toBeNull();
  });

  test("needs no id of its own to be accepted", () => {
    expect(bodyOf({ name: "n", value: 1, traceId: "t" })).not.toHaveProperty("id");
    expect(bodyOf({ id: null, name: "n", value: 1, traceId: "t" })).toMatchObject({ id: null });
  });
});

describe("write-api §2.7: by POST /scores, a score", () => {
  test.each([
    [{}, { environment: null }],
    [{ environment: "PROD" }, { environment: "prod" }],
    [{ source: "API" }, { source: "API" }],
    [{ source: "ANNOTATION", configId: "c" }, { source: "ANNOTATION" }],
    [{ source: "ANNOTATION", dataType: "CORRECTION", value: "x" }, { name: "output" }],
  ])("with %j is accepted", (part, expected) => {
    const result = validateScoreBody({ ...base, value: 1, ...part });
    expect(result).toMatchObject({ ok: true, body: expected });
  });

  test.each([
    ["source", { source: "EVAL" }],
    ["source", { source: null }],
    ["configId", { source: "ANNOTATION" }],
    ["configId", { source: "ANNOTATION", configId: "" }],
    ["id", { id: "a\rb" }],
    ["id", { id: "x".repeat(801) }],
    ["value", { dataType: "NUMERIC", value: "1" }],
    ["dataType", { dataType: null }],
  ])("is refused for its %s with %j", (key, part) => {
    const result = validateScoreBody({ ...base, value: 1, ...part });
    expect(result).toMatchObject({ ok: false, issues: [{ path: [key] }] });
  });

  test("has no id where that is empty, and no execution trace", () => {
    const result = validateScoreBody({ ...base, value: 1, id: "", executionTraceId: "t2" });
    expect(result).toStrictEqual({
      ok: true,
      body: { name: "quality", traceId: "t1", value: 1, environment: null },
    });
  });

  test.each([null, [], "x", 5, undefined])("is refused when the body is %j", (body) => {
    expect(validateScoreBody(body)).toMatchObject({
      ok: false,
      issues: [{ code: "invalid_type", path: [] }],
    });
  });

  test("that passes is a valid event of a batch, with the same body", () => {
    const result = validateScoreBody({ ...base, value: "x", dataType: "CORRECTION", metadata: {} });
    const body = result.ok ? result.body : null;
    expect(validateEvent(scoreEvent(body))).toMatchObject({ ok: true, event: { body } });
  });
});

function scoreEvent(body: unknown): unknown {
  return { id: "e1", type: "score-create", timestamp: "2024-05-05T10:00:00.000Z", body };
}

/** The normalised body; null when the event is refused. */
function bodyOf(body: unknown): unknown {
  const result = validateEvent(scoreEvent(body));
  return result.ok ? result.event.body : null;
}

test("a value beyond 2^53 is the nearest number, and payload beside it keeps its digits", () => {
  const text =
    '{"id":"e","type":"score-create","timestamp":"2026-01-01T00:00:00Z","body":{"id":"s","name":"n","traceId":"t","value":1760000000000000001,"metadata":{"at":1760000000000000001}}}';
  const { value, rounded } = parseJson(text, { depthMax: 20 });
  const validated = validateEvent(value, rounded);
  expect(validated).toMatchObject({
    ok: true,
    event: { body: { value: 1_760_000_000_000_000_000, metadata: { at: "1760000000000000001" } } },
  });
});

test("a value that no double can hold is refused", () => {
  const text =
    '{"id":"e","type":"score-create","timestamp":"2026-01-01T00:00:00Z","body":{"id":"s","name":"n","traceId":"t","value":1e400}}';
  const { value, rounded } = parseJson(text, { depthMax: 20 });
  expect(validateEvent(value, rounded)).toMatchObject({ ok: false, id: "e" });
});
