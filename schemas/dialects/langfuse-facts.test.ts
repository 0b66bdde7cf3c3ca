import { describe, expect, test } from "vitest";

import { entityOf, rowOf } from "../entity-row.ts";
import { mergeFact } from "../merge.ts";
import type { Entity } from "../merge.ts";
import type { RecordHeader } from "../records.ts";
import type { ObservationRow } from "../rows.ts";
import { langfuseFacts } from "./langfuse-facts.ts";
import { validateEvent } from "./langfuse.ts";

const receivedAt = Date.parse("2026-03-01T12:00:00.000Z");
const header: RecordHeader = {
  project: "p",
  dialect: "langfuse",
  receivedAt,
  keyId: "pk",
  sdkName: "langfuse-js",
  sdkVersion: "3.39.2",
  registry: "0",
};

interface Sent {
  readonly type: string;
  /** Milliseconds after the first moment. */
  readonly at?: number;
  readonly id?: string;
  readonly body: Readonly<Record<string, unknown>>;
}

function factsOf({ type, at = 0, id = `e${at}`, body }: Sent) {
  const timestamp = new Date(receivedAt - 1000 + at).toISOString();
  const validated = validateEvent({ id, type, timestamp, body });
  if (!validated.ok) throw new Error(JSON.stringify(validated.issues));
  return langfuseFacts(header, validated.event);
}

/** The row after these events, the same in every order of arrival. */
function rowAfter(events: readonly Sent[]): ObservationRow {
  const facts = events.flatMap((event) => factsOf(event) ?? []);
  const fold = (list: typeof facts): Entity | null => list.reduce<Entity | null>(mergeFact, null);
  const entity = fold(facts);
  if (!entity) throw new Error("no entity");
  const row = rowOf({ ...entity, keyHour: 0 }, 1n, 0);
  const backwards = fold(facts.toReversed());
  expect(backwards && rowOf({ ...backwards, keyHour: 0 }, 1n, 0)).toEqual(row);
  expect(rowOf(entityOf(entity.kind, row), 1n, 0)).toEqual(row);
  // The widest of the three kinds: what a test asks of it is of its own kind.
  return row as ObservationRow;
}

describe("worked examples of write-api §3.5, as §8 corrects them", () => {
  test("a trace keeps what a later event leaves out, and clears what it sets to null", () => {
    const row = rowAfter([
      {
        type: "trace-create",
        body: {
          id: "t",
          name: "n",
          environment: "prod",
          public: true,
          userId: "u",
          tags: ["b"],
          metadata: { a: { x: 1 }, l: [1, 2, 3] },
        },
      },
      {
        type: "trace-create",
        at: 5,
        body: { id: "t", userId: null, tags: ["a"], metadata: { a: { y: 2 }, l: [9] } },
      },
    ]);
    expect(row).toMatchObject({
      name: "n",
      environment: "prod",
      public: true,
      user_id: "",
      tags: ["a", "b"],
    });
    expect({ ...row.metadata }).toEqual({ a: '{"y":2}', l: "[9]" });
  });

  test("a later usage replaces the whole provided map", () => {
    const row = rowAfter([
      { type: "generation-create", body: { id: "g", usage: { input: 100, output: 20 } } },
      { type: "generation-update", at: 5, body: { id: "g", usageDetails: { input: 120 } } },
    ]);
    expect({ ...row.provided_usage }).toEqual({ input: 120 });
    expect(row.usage_details).toEqual({ input: 120, total: 120 });
  });

  test("a bare score update keeps source, queue, comment and trace", () => {
    const row = rowAfter([
      {
        type: "score-create",
        body: {
          id: "s",
          name: "q",
          value: 1,
          traceId: "t1",
          source: "ANNOTATION",
          configId: "c",
          queueId: "q",
          comment: "c",
        },
      },
      { type: "score-create", at: 5, body: { id: "s", name: "q", value: 0, traceId: "t2" } },
    ]);
    expect(row).toMatchObject({
      value: 0,
      comment: "c",
      source: "ANNOTATION",
      queue_id: "q",
      trace_id: "t1",
    });
  });

  test.each([1, 0])("an update %i ms before its create does not freeze defaults", (gap) => {
    const startTime = new Date(receivedAt - 1000 - 1).toISOString();
    const row = rowAfter([
      { type: "span-update", id: "up", body: { id: "s", traceId: "t", output: "o" } },
      {
        type: "agent-create",
        id: "create",
        at: gap,
        body: { id: "s", traceId: "t", environment: "prod", startTime, name: "n", input: "i" },
      },
    ]);
    expect(row).toMatchObject({
      environment: "prod",
      start_time: Date.parse(startTime),
      type: "AGENT",
      name: "n",
      input: "i",
      output: "o",
    });
  });
});

test("an observation without a trace gets the same one every time, and joins its real one", () => {
  const bare: Sent = { type: "span-update", body: { id: "s" } };
  const first = rowAfter([bare]);
  expect(first.trace_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab]/);
  expect(rowAfter([{ ...bare, at: 9 }]).trace_id).toBe(first.trace_id);
  const joined = rowAfter([bare, { type: "span-create", at: 1, body: { id: "s", traceId: "t" } }]);
  expect(joined.trace_id).toBe("t");
});

test("an event without a body id states nothing", () => {
  expect(factsOf({ type: "trace-create", body: { name: "n" } })).toBeNull();
});

test("a clock that runs ahead counts as five minutes ahead at most", () => {
  const [fact] = factsOf({ type: "trace-create", at: 10_000_000, body: { id: "t" } }) ?? [];
  expect(fact?.time).toBe(receivedAt + 300_000);
});

test("explicit null clears name, level and model of an observation, and nothing else (§3.3)", () => {
  const full = { id: "g", name: "n", level: "ERROR", model: "m", statusMessage: "s", version: "v" };
  const row = rowAfter([
    { type: "generation-create", body: { ...full, parentObservationId: "p", output: "o" } },
    {
      type: "generation-update",
      at: 5,
      body: {
        id: "g",
        name: null,
        level: null,
        model: null,
        statusMessage: null,
        version: null,
        parentObservationId: null,
        output: null,
      },
    },
  ]);
  expect(row).toMatchObject({
    name: "",
    level: "DEFAULT",
    model: "",
    status_message: "s",
    version: "v",
    parent_id: "p",
    output: "o",
  });
});

test.each([
  [
    { a: null, n: 5, o: { x: [1] }, s: "text" },
    { a: "null", n: "5", o: '{"x":[1]}', s: "text" },
  ],
  ["text", { metadata: "text" }],
  [true, { metadata: "true" }],
  [[1], { metadata: "[1]" }],
  ["", {}],
  [0, {}],
  [false, {}],
  [null, {}],
  [JSON.parse('{"__proto__":{"x":1}}'), JSON.parse('{"__proto__":"{\\"x\\":1}"}')],
])("metadata %j is stored as %j (§2.5)", (sent, stored) => {
  const row = rowAfter([{ type: "trace-create", body: { id: "t", metadata: sent } }]);
  expect(JSON.stringify(row.metadata)).toBe(JSON.stringify(stored));
});

test("a payload of 0 or false is kept until a fuller one is known, whichever came first", () => {
  const zero: Sent = { type: "span-create", body: { id: "s", output: 0, input: false } };
  expect(rowAfter([zero])).toMatchObject({ output: "0", input: "false" });
  const text: Sent = {
    type: "span-create",
    at: -5,
    id: "early",
    body: { id: "s", output: { a: 1 } },
  };
  expect(rowAfter([zero, text])).toMatchObject({ output: '{"a":1}' });
});

function usageOf(body: Record<string, unknown>): ObservationRow {
  return rowAfter([{ type: "generation-create", body: { id: "g", ...body } }]);
}

describe("provided usage and cost (§4.2 to §4.4)", () => {
  test.each([
    [{ usage: { input: 1, output: 2 } }, { input: 1, output: 2, total: 3 }],
    [{ usage: { input: 0, output: 5 } }, { input: 0, output: 5, total: 0 }],
    [{ usage: { output: 5 } }, { output: 5, total: 5 }],
    [{ usage: { input: 4, output: -7, total: -3 } }, { input: 4 }],
    [
      { usage: { input: 1 }, usageDetails: { output: 2 } },
      { input: 1, output: 2 },
    ],
    [
      { usage: { input: 1, total: 9 }, usageDetails: { input: 3 } },
      { input: 3, total: 9 },
    ],
    [{ usage: {} }, {}],
    [{}, {}],
  ])("%j provides %j", (body, provided) => {
    expect(usageOf(body).provided_usage ?? {}).toEqual(provided);
  });

  test.each([
    [{ costDetails: { input: 0.5, output: 1 } }, "1.5"],
    [{ costDetails: { input: 1, cached: 2 } }, null],
    [{ usage: { inputCost: 0, outputCost: 0, totalCost: 0 } }, "0"],
    [{ usage: { inputCost: 1 }, costDetails: { total: 7 } }, "7"],
    [{}, null],
  ])("%j costs %s", (body, total) => {
    expect(usageOf(body).total_cost ?? null).toBe(total);
  });
});

test.each([
  [{ value: 0.5 }, { data_type: "NUMERIC", value: 0.5, string_value: "" }],
  [{ value: "good" }, { data_type: "CATEGORICAL", value: 0, string_value: "good" }],
  [
    { value: 1, dataType: "BOOLEAN" },
    { data_type: "BOOLEAN", value: 1, string_value: "True" },
  ],
  [
    { value: 0, dataType: "BOOLEAN" },
    { data_type: "BOOLEAN", value: 0, string_value: "False" },
  ],
  [
    { value: "t", dataType: "TEXT" },
    { data_type: "TEXT", value: 0, string_value: "t" },
  ],
  [
    { value: "fix", dataType: "CORRECTION" },
    { data_type: "CORRECTION", value: 0, string_value: "fix", name: "output" },
  ],
])("a score of %j is stored as %j (§2.7)", (body, stored) => {
  const row = rowAfter([
    { type: "score-create", body: { id: "s", name: "n", traceId: "t", ...body } },
  ]);
  expect(row).toMatchObject(stored);
});
