import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { parseJson } from "../json.ts";
import { eventError, parseEnvelope, validateEvent } from "./langfuse.ts";

const timestamp = "2024-05-05T10:00:00.000Z";
const observationTypes = [
  "event-create",
  "span-update",
  "generation-create",
  "agent-create",
  "observation-create",
];

describe("write-api §1.4: the envelope of a request", () => {
  test.each([
    [{ batch: [] }],
    [{ batch: [1, null, "x"], metadata: null }],
    [{ batch: [], metadata: { sdk_name: "x" }, other: 1 }],
  ])("%j is accepted with its events as they are", (value) => {
    expect(parseEnvelope(value)).toStrictEqual({ ok: true, batch: value.batch });
  });

  test.each([
    [{}, "Invalid input: expected array, received undefined"],
    [{ batch: null }, "Invalid input: expected array, received null"],
    [{ batch: {} }, "Invalid input: expected array, received object"],
    [[], "Invalid input: expected object, received array"],
    [null, "Invalid input: expected object, received null"],
    ["text", "Invalid input: expected object, received string"],
  ])("%j is refused with %s", (value, message) => {
    expect(parseEnvelope(value)).toStrictEqual({ ok: false, errors: [message] });
  });
});

describe("write-api §2.1: the envelope of an event", () => {
  test.each(["x", "a/b\\c d\n\t\"'😀", "x".repeat(800), "\0"])(
    "may have the id %j (§6 #25)",
    (id) => {
      expect(validateEvent({ ...span({}), id })).toMatchObject({ ok: true, event: { id } });
    },
  );

  test.each(["", "x".repeat(801), "😀".repeat(401), "a\rb", 5, null, undefined])(
    "may not have the id %j (§6 #25)",
    (id) => {
      const result = validateEvent({ ...span({}), id });
      expect(result).toMatchObject({ ok: false, issues: [{ path: ["id"] }] });
    },
  );

  test.each(["2024-05-05T10:00Z", "2024-05-05T10:00:00.123456+02:00"])(
    "may have the timestamp %s, which is passed on as sent",
    (text) => {
      const result = validateEvent({ ...span({}), timestamp: text });
      expect(result).toMatchObject({ ok: true, event: { timestamp: text } });
    },
  );

  test.each(["", "2024-05-05", "2024-05-05T10:00:00", "2024-02-30T10:00:00Z", 0, null, undefined])(
    "may not have the timestamp %j",
    (text) => {
      const result = validateEvent({ ...span({}), timestamp: text });
      expect(result).toMatchObject({ ok: false, issues: [{ path: ["timestamp"] }] });
    },
  );

  test.each([null, undefined, "x", [], 5])("may not have the body %j", (body) => {
    const result = validateEvent({ ...span({}), body });
    expect(result).toMatchObject({ ok: false, issues: [{ path: ["body"] }] });
  });

  test.each([
    "trace-update",
    "score-update",
    "event-update",
    "agent-update",
    "TRACE-CREATE",
    "constructor",
    "",
    null,
    undefined,
    5,
  ])("may not have the type %j (§2.2)", (type) => {
    expect(validateEvent({ ...span({}), type })).toMatchObject({
      ok: false,
      id: "e1",
      issues: [{ code: "invalid_union", note: "No matching discriminator", path: ["type"] }],
    });
  });

  test("is stripped of what it does not know, and of its metadata", () => {
    const result = validateEvent({ ...span({}), metadata: { a: 1 }, extra: 1 });
    const keys = Object.keys(result.ok ? result.event : {});
    expect(new Set(keys)).toStrictEqual(new Set(["id", "type", "timestamp", "body"]));
  });

  test.each([
    [null, "unknown"],
    [5, "unknown"],
    ["text", "unknown"],
    [[], "unknown"],
    [{}, "unknown"],
    [{ id: 5 }, "unknown"],
    [{ id: null, type: "span-create" }, "unknown"],
    [{ id: "e9" }, "e9"],
    [{ id: "" }, ""],
  ])("is named in an error: %j as %j (§1.5)", (element, id) => {
    expect(validateEvent(element)).toMatchObject({ ok: false, id });
  });
});

describe.each([
  ["trace-create", "timestamp"],
  ["span-create", "startTime"],
  ["span-create", "endTime"],
  ["span-update", "endTime"],
  ["generation-create", "completionStartTime"],
  ["observation-create", "startTime"],
  ["observation-update", "completionStartTime"],
])("write-api §2.3, §6 #26: in a %s, %s", (type, field) => {
  const accepts = (value: unknown): boolean =>
    validateEvent(event(type, { id: "x", type: "SPAN", [field]: value })).ok;

  test.each([
    "2024-05-05T10:20Z",
    "2024-05-05T10:20:30Z",
    "2024-05-05T10:20:30.123456789Z",
    "2024-05-05T10:20:30+23:59",
    "2024-05-05T10:20-00:00",
    null,
    undefined,
  ])("may be %j", (value) => {
    expect(accepts(value)).toBe(true);
  });

  test.each([
    "2024-05-05T10:20:30",
    "2024-05-05",
    "2024-05-05t10:20:30Z",
    "2024-05-05T10:20:30z",
    "2024-05-05 10:20:30Z",
    "2024-05-05T10:20:30+0200",
    "2024-05-05T10:20:30+02",
    "2024-05-05T24:00:00Z",
    "2024-05-05T10:20:60Z",
    "2024-02-30T00:00:00Z",
    1_714_904_430,
    "",
  ])("may not be %j", (value) => {
    expect(accepts(value)).toBe(false);
  });
});

test.each([{}, { body: {} }, { id: "e1", timestamp, body: { id: "x" } }])(
  "write-api §2.2: a dataset run item is refused in any form, as %j",
  (parts) => {
    expect(validateEvent({ ...parts, type: "dataset-run-item-create" })).toMatchObject({
      ok: false,
      issues: [{ message: "Dataset run item creation is only allowed for internal usage" }],
    });
  },
);

test("free-form values are passed on by reference and never walked", () => {
  const trap = new Proxy(
    {},
    {
      get: () => expect.fail("read"),
      has: () => expect.fail("looked at"),
      ownKeys: () => expect.fail("listed"),
      getPrototypeOf: () => expect.fail("asked for its kind"),
    },
  );
  const free = { input: trap, output: trap, metadata: trap };
  const events = [
    event("trace-create", { id: "t1", ...free }),
    ...observationTypes.map((type) => event(type, { id: "o1", type: "SPAN", ...free })),
    event("score-create", { name: "n", value: 1, traceId: "t1", metadata: trap }),
    event("sdk-log", { log: trap }),
  ].map((element) => validateEvent(element));
  const values = events.flatMap((result) => (result.ok ? Object.values(result.event.body) : []));
  expect(events.filter(({ ok }) => !ok)).toHaveLength(0);
  expect(values.filter((value) => value === trap)).toHaveLength(
    3 * (1 + observationTypes.length) + 2,
  );
});

test("keys named __proto__ neither reach a prototype nor hide a field", () => {
  const { value } = parseJson(
    `{"id":"e1","type":"trace-create","timestamp":"${timestamp}","body":{"__proto__":{"name":"x","id":"t9"},"metadata":{"__proto__":1}}}`,
    { depthMax: 10 },
  );
  const result = validateEvent(value);
  expect(result).toMatchObject({ ok: true });
  expect(JSON.stringify(result.ok && result.event.body)).toBe(
    '{"metadata":{"__proto__":1},"environment":null}',
  );
});

test("write-api §1.5, §6 #11: the answer to an invalid event has the contract's form", () => {
  const result = validateEvent(event("span-create", {}));
  const issues = result.ok ? [] : result.issues;
  expect(eventError("e1", issues)).toStrictEqual({
    id: "e1",
    status: 400,
    message: "Invalid request data",
    error:
      '[\n  {\n    "expected": "string",\n    "code": "invalid_type",\n    "path": [\n      "body",\n      "id"\n    ],\n    "message": "Invalid input: expected string, received undefined"\n  }\n]',
  });
});

test("no event, however wrong, has more issues than the contract has fields", () => {
  const many = Array.from({ length: 10_000 }, (_, index) => index);
  const map = Object.fromEntries(many.map((index) => [`k${index}`, [index]]));
  const wrong = { tags: many, modelParameters: map, usageDetails: many, usage: map, level: many };
  for (const type of ["trace-create", "generation-create", "score-create", "observation-create"]) {
    const result = validateEvent(event(type, wrong));
    const issues = result.ok ? [] : result.issues;
    expect(issues.length).toBeGreaterThan(0);
    expect(JSON.stringify(eventError("e1", issues)).length).toBeLessThan(5000);
  }
});

test("any JSON at all is either accepted or refused, twice in the same way", () => {
  const type = fc.constantFrom("trace-create", "score-create", "sdk-log", ...observationTypes);
  const keys =
    "id traceId name value dataType usage usageDetails tags log modelParameters environment metadata startTime promptName promptVersion";
  const key = fc.constantFrom(...keys.split(" "));
  const body = fc.dictionary(key, fc.jsonValue());
  const element = fc.oneof(
    fc.jsonValue(),
    fc.record({ id: fc.constant("e1"), type, timestamp: fc.constant(timestamp), body }),
  );
  fc.assert(
    fc.property(element, (value) => {
      const before = JSON.stringify(value);
      const result = validateEvent(value);
      expect(validateEvent(JSON.parse(before))).toEqual(result);
      expect(JSON.stringify(value)).toBe(before);
    }),
    { numRuns: 500 },
  );
});

function event(type: string, body: unknown): { [key: string]: unknown } {
  return { id: "e1", type, timestamp, body };
}

function span(body: object): { [key: string]: unknown } {
  return event("span-create", { id: "o1", ...body });
}
