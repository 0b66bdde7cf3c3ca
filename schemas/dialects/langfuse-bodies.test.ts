import { describe, expect, test } from "vitest";

import { validateEvent } from "./langfuse.ts";

const timestamp = "2024-05-05T10:00:00.000Z";
const payload = { messages: [{ role: "user", content: "hi" }], n: 1e21 };
const generationTypes = [
  "generation-create",
  "generation-update",
  "agent-create",
  "tool-create",
  "chain-create",
  "retriever-create",
  "evaluator-create",
  "embedding-create",
  "guardrail-create",
];
const observationTypes = ["event-create", "span-create", "span-update", ...generationTypes];

describe("write-api §2.4: a trace", () => {
  const full = {
    id: "t1",
    timestamp,
    name: "n",
    userId: "u".repeat(5000),
    sessionId: "s",
    release: "r",
    version: "v",
    externalId: "x",
    input: payload,
    output: [1],
    metadata: "text",
    tags: ["b", "a"],
    public: true,
    environment: "prod",
  };

  test("keeps every field the contract knows, and no other", () => {
    expect(bodyOf("trace-create", { ...full, bookmarked: true })).toStrictEqual(full);
  });

  test("may leave out all of them, or say null", () => {
    const nulls = Object.fromEntries(Object.keys(full).map((key) => [key, null]));
    expect(bodyOf("trace-create", {})).toStrictEqual({ environment: null });
    expect(bodyOf("trace-create", nulls)).toStrictEqual(nulls);
  });

  test("has a name of at most 1000 characters (§6 #24)", () => {
    expect(bodyOf("trace-create", { name: "x".repeat(1000) })).not.toBeNull();
    expect(bodyOf("trace-create", { name: "" })).not.toBeNull();
    expect(bodyOf("trace-create", { name: "x".repeat(1001) })).toBeNull();
  });

  test.each([
    { tags: ["a", null] },
    { tags: [1] },
    { tags: "a" },
    { public: "true" },
    { public: 1 },
    { id: "" },
    { id: "a\rb" },
    { userId: 5 },
    { sessionId: {} },
    { externalId: 5 },
    { timestamp: 1714904430 },
    { timestamp: "" },
  ])("is refused with %j", (part) => {
    expect(bodyOf("trace-create", part)).toBeNull();
  });
});

describe("write-api §2.6: an observation", () => {
  const common = {
    id: "o1",
    traceId: "t1",
    parentObservationId: "",
    name: "x".repeat(2000),
    startTime: timestamp,
    input: payload,
    output: null,
    metadata: { a: { b: [1] } },
    level: "WARNING",
    statusMessage: "m",
    version: "v",
    environment: "prod",
  };
  const generation = {
    ...common,
    endTime: timestamp,
    completionStartTime: "2024-05-05T10:00+02:00",
    model: "gpt",
    modelParameters: { temperature: 1 },
    usage: { input: 1 },
    usageDetails: { input: 1 },
    costDetails: { input: 0.1 },
    promptName: "p",
    promptVersion: 2,
  };

  test("that is an event has no end, and none of what only generations have", () => {
    expect(bodyOf("event-create", generation)).toStrictEqual(common);
  });

  test.each(["span-create", "span-update"])("%s has an end", (type) => {
    expect(bodyOf(type, generation)).toStrictEqual({ ...common, endTime: timestamp });
  });

  test.each(generationTypes)("%s takes all that a generation takes", (type) => {
    expect(bodyOf(type, { ...generation, type: "SPAN", userId: "u" })).toEqual(generation);
  });

  test.each(generationTypes)("%s may say null for all but its id", (type) => {
    const nulls = Object.fromEntries(Object.keys(generation).map((key) => [key, null]));
    expect(bodyOf(type, { ...nulls, id: "o1" })).toStrictEqual({ ...nulls, id: "o1" });
  });

  test.each(observationTypes)("%s needs an id", (type) => {
    expect(bodyOf(type, { id: "o1" })).toStrictEqual({ id: "o1", environment: null });
    expect(bodyOf(type, {})).toBeNull();
    expect(bodyOf(type, { id: null })).toBeNull();
    expect(bodyOf(type, { id: "" })).toBeNull();
  });

  test.each(observationTypes)("%s is refused with a wrong field", (type) => {
    const wrong = [
      { traceId: "" },
      { traceId: "a\rb" },
      { traceId: 5 },
      { parentObservationId: 5 },
      { level: "warning" },
      { level: "" },
      { startTime: "2024-05-05" },
      { name: 5 },
      { statusMessage: {} },
    ];
    expect(wrong.map((part) => bodyOf(type, { id: "o1", ...part }))).toStrictEqual(
      wrong.map(() => null),
    );
  });

  test.each([
    [{ promptName: "p", promptVersion: 1 }, true],
    [{ promptName: "", promptVersion: 0 }, true],
    [{ promptVersion: 0 }, true],
    [{ promptName: null, promptVersion: null }, true],
    [{ promptName: "p" }, false],
    [{ promptName: "p", promptVersion: 0 }, false],
    [{ promptName: "p", promptVersion: null }, false],
    [{ promptVersion: 1 }, false],
    [{ promptName: "p", promptVersion: "1" }, false],
    [{ promptName: "p", promptVersion: 1.5 }, false],
  ])("with the prompt %j is accepted: %s (§6 #37)", (prompt, isAccepted) => {
    expect(bodyOf("generation-create", { id: "o1", ...prompt }) !== null).toBe(isAccepted);
  });

  test.each([
    { usage: { input: 1.5 } },
    { usage: [] },
    { usageDetails: [] },
    { usageDetails: 5 },
    { costDetails: "1" },
    { modelParameters: { nested: { n: 1 } } },
    { model: 5 },
    { completionStartTime: "now" },
    { endTime: 5 },
  ])("that is a generation is refused with %j", (part) => {
    expect(bodyOf("generation-create", { id: "o1", ...part })).toBeNull();
  });
});

describe.each(["observation-create", "observation-update"])(
  "write-api §2.6: a legacy %s",
  (type) => {
    test.each(["GENERATION", "SPAN", "EVENT"])("may be a %s, without an id", (kind) => {
      expect(bodyOf(type, { type: kind })).toStrictEqual({ type: kind });
    });

    test.each(["AGENT", "span", null, undefined])("may not be a %s", (kind) => {
      expect(bodyOf(type, { id: "o1", type: kind })).toBeNull();
    });

    test("has no environment and no prompt, and takes scalar model parameters only", () => {
      const body = {
        id: "o1",
        type: "SPAN",
        modelParameters: { n: 1 },
        usage: { promptTokens: 1 },
      };
      const result = bodyOf(type, { ...body, environment: "prod", promptName: "p" });
      expect(result).toEqual({ ...body, usage: { input: 1, unit: "TOKENS" } });
      expect(bodyOf(type, { type: "SPAN", modelParameters: { stop: ["a"] } })).toBeNull();
    });
  },
);

describe("write-api §2.2: an sdk-log", () => {
  test.each(["text", 0, false, "", { a: 1 }, [1]])("may hold %j", (log) => {
    expect(bodyOf("sdk-log", { log, id: "x", extra: 1 })).toStrictEqual({ log, id: "x" });
  });

  test.each([{}, { log: null }, { log: 1, id: 5 }])("is refused as %j", (body) => {
    expect(bodyOf("sdk-log", body)).toBeNull();
  });
});

/** The normalised body; null when the event is refused. */
function bodyOf(type: string, body: unknown): unknown {
  const result = validateEvent({ id: "e1", type, timestamp, body });
  return result.ok ? result.event.body : null;
}
