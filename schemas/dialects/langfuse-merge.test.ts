import { describe, expect, test } from "vitest";

import { firstMoment, rowAfter } from "./testing.ts";
import type { AnyRow, Sent } from "./testing.ts";

type Body = Readonly<Record<string, unknown>>;

/** The row after a body and a later one of the same entity. */
function afterBoth(type: string, first: Body, second: Body, laterType = type): AnyRow {
  const required = type === "score-create" ? { name: "n", value: 1, traceId: "t" } : {};
  return rowAfter([
    { type, body: { id: "x", ...required, ...first } },
    { type: laterType, at: 5, body: { id: "x", ...required, ...second } },
  ]);
}

describe("write-api §3.1: events of one entity count by their envelope's time", () => {
  test("whatever the order they come in", () => {
    const late: Sent = { type: "trace-create", at: 9, body: { id: "t", name: "late" } };
    const early: Sent = { type: "trace-create", at: 1, body: { id: "t", name: "early" } };
    expect(rowAfter([late, early]).name).toBe("late");
  });

  test("in one millisecond a create comes before an update (§8.3)", () => {
    const create: Sent = { type: "span-create", id: "z", body: { id: "s", name: "created" } };
    const update: Sent = { type: "span-update", id: "a", body: { id: "s", name: "updated" } };
    expect(rowAfter([update, create]).name).toBe("updated");
  });

  test("in one millisecond two creates go by their envelope's ids (§6 #15, §8.3)", () => {
    const one: Sent = { type: "trace-create", id: "a", body: { id: "t", name: "of a" } };
    const two: Sent = { type: "trace-create", id: "b", body: { id: "t", name: "of b" } };
    expect(rowAfter([two, one]).name).toBe("of b");
  });

  test("sent again as it was, an event changes nothing (§1.5)", () => {
    const sent: Sent = { type: "trace-create", body: { id: "t", name: "n", metadata: { a: 1 } } };
    expect(rowAfter([sent, sent, sent])).toEqual(rowAfter([sent]));
  });
});

describe("write-api §3.2: a later", () => {
  test.each([
    ["trace-create", "name", "name"],
    ["trace-create", "userId", "user_id"],
    ["generation-create", "statusMessage", "status_message"],
    ["generation-create", "parentObservationId", "parent_id"],
    ["generation-create", "model", "model"],
    ["score-create", "comment", "comment"],
  ])(
    "%s without %s keeps it, with a value replaces it, with empty text empties it",
    (type, field, column) => {
      const values = [{}, { [field]: "new" }, { [field]: "" }].map(
        (second) => afterBoth(type, { [field]: "old" }, second)[column as keyof AnyRow],
      );
      expect(values).toEqual(["old", "new", ""]);
    },
  );

  test.each([
    ["usageDetails", { input: 1, output: 2 }, "provided_usage", { input: 1, output: 2 }],
    ["costDetails", { input: 0.5 }, "provided_cost", { input: "0.5" }],
  ])(
    "%s replaces the whole map, unless it is empty or null (§6 #18)",
    (field, old, column, stored) => {
      const values = [{}, { [field]: {} }, { [field]: null }, { [field]: { other: 7 } }].map(
        (second) => ({
          ...(afterBoth("generation-create", { [field]: old }, second)[
            column as "provided_usage"
          ] as object),
        }),
      );
      const other = column === "provided_usage" ? { other: 7 } : { other: "7" };
      expect(values).toEqual([stored, stored, stored, other]);
    },
  );

  test.each([
    [["a"], ["a", "b"]],
    [[], ["b"]],
    [null, ["b"]],
    [
      ["b", "c", "c"],
      ["b", "c"],
    ],
  ])("list of tags, %j, is joined to those before, sorted, each once (§6 #22)", (tags, stored) => {
    expect(afterBoth("trace-create", { tags: ["b"] }, { tags }).tags).toEqual(stored);
  });

  test.each([0, false, "", null])("input of %j gives way to the one before (§6 #17)", (input) => {
    for (const type of ["trace-create", "span-create"])
      expect(afterBoth(type, { input: { a: 1 } }, { input }).input).toBe('{"a":1}');
  });

  test.each([
    [0, "0"],
    [false, "false"],
    ["", ""],
  ])("input of %j is kept, as %j, until there is a fuller one", (input, stored) => {
    expect(afterBoth("span-create", {}, { input }).input ?? "").toBe(stored);
    expect(afterBoth("span-create", { input }, { input: "full" }).input).toBe("full");
  });
});

describe("write-api §3.3, §6 #16: an explicit null", () => {
  test.each([
    ["trace-create", "name", "name", "old", ""],
    ["trace-create", "userId", "user_id", "old", ""],
    ["trace-create", "sessionId", "session_id", "old", ""],
    ["trace-create", "release", "release", "old", ""],
    ["trace-create", "version", "version", "old", ""],
    ["generation-create", "name", "name", "old", ""],
    ["generation-create", "level", "level", "ERROR", "DEFAULT"],
    ["generation-create", "model", "model", "old", ""],
    ["score-create", "comment", "comment", "old", ""],
    ["score-create", "observationId", "observation_id", "old", ""],
  ])("of %s.%s clears it", (type, field, column, old, cleared) => {
    const row = afterBoth(type, { [field]: old }, { [field]: null });
    expect(row[column as keyof AnyRow]).toBe(cleared);
  });

  test.each([
    ["trace-create", "input", "input", "old"],
    ["trace-create", "output", "output", "old"],
    ["trace-create", "tags", "tags", ["old"]],
    ["trace-create", "metadata", "metadata", { a: "old" }],
    ["trace-create", "public", "public", true],
    ["trace-create", "environment", "environment", "old"],
    ["generation-create", "statusMessage", "status_message", "old"],
    ["generation-create", "parentObservationId", "parent_id", "old"],
    ["generation-create", "version", "version", "old"],
    ["generation-create", "traceId", "trace_id", "old"],
    ["generation-create", "input", "input", "old"],
    ["generation-create", "output", "output", "old"],
    ["score-create", "metadata", "metadata", { a: "old" }],
  ])("of %s.%s says nothing", (type, field, column, old) => {
    const stored = afterBoth(type, { [field]: old }, { [field]: null })[column as keyof AnyRow];
    expect(JSON.stringify(stored ?? "")).toBe(JSON.stringify(old));
  });

  test.each([
    ["endTime", "end_time"],
    ["completionStartTime", "completion_start_time"],
  ])("of an observation's %s says nothing", (field, column) => {
    const stated = { [field]: "2026-03-01T10:00:00Z" };
    const row = afterBoth("generation-create", stated, { [field]: null });
    expect(row[column as keyof AnyRow]).toBe(Date.parse("2026-03-01T10:00:00Z"));
  });

  test("of its model parameters says nothing", () => {
    const row = afterBoth(
      "generation-create",
      { modelParameters: { n: 1 } },
      { modelParameters: null },
    );
    expect(row.model_params).toBe('{"n":1}');
  });
});

describe("write-api §3.3, §3.8, §6 #46: what is stated first stays", () => {
  const [early, late] = ["2026-03-01T10:00:00.000Z", "2026-03-01T10:00:05.000Z"];

  test.each([
    ["trace-create", { environment: "a" }, { environment: "b" }, { environment: "a" }],
    ["span-create", { environment: "a" }, { environment: "b" }, { environment: "a" }],
    ["span-create", { traceId: "a" }, { traceId: "b" }, { trace_id: "a" }],
    ["score-create", { environment: "a" }, { environment: "b" }, { environment: "a" }],
    ["score-create", { traceId: "a" }, { traceId: "b" }, { trace_id: "a" }],
    ["trace-create", { timestamp: early }, { timestamp: late }, { timestamp: Date.parse(early) }],
    ["span-create", { startTime: early }, { startTime: late }, { start_time: Date.parse(early) }],
  ])("%s: %j, then %j", (type, first, second, stored) => {
    expect(afterBoth(type, first, second)).toMatchObject(stored);
  });

  test("a score has the time of its earliest event (§6 #44)", () => {
    expect(afterBoth("score-create", { value: 1 }, { value: 2 })).toMatchObject({
      timestamp: firstMoment,
      value: 2,
    });
  });

  test("a score may change its name, value, type and observation (§3.9)", () => {
    const first = { name: "a", value: 1, observationId: "o1", configId: "c1" };
    const second = { name: "b", value: "good", observationId: "o2", configId: "c2" };
    expect(afterBoth("score-create", first, second)).toMatchObject({
      name: "b",
      value: 0,
      string_value: "good",
      data_type: "CATEGORICAL",
      observation_id: "o2",
      config_id: "c2",
    });
  });
});

describe("write-api §8.1, §6 #13, #14: explicit beats defaulted, whatever came first", () => {
  test.each([
    ["agent-create", "span-update", "AGENT"],
    ["generation-create", "span-update", "GENERATION"],
    ["tool-create", "generation-update", "TOOL"],
    ["span-create", "generation-create", "GENERATION"],
  ])("%s, then %s, is of type %s", (created, later, type) => {
    expect(afterBoth(created, {}, {}, later).type).toBe(type);
  });

  test.each(["trace-create", "span-create", "score-create"])("the environment of %s", (type) => {
    expect(afterBoth(type, {}, { environment: "prod" }).environment).toBe("prod");
    expect(afterBoth(type, { environment: "prod" }, {}).environment).toBe("prod");
  });

  test("the times and the trace", () => {
    const timestamp = "2026-03-01T23:00:00.000Z";
    expect(afterBoth("trace-create", {}, { timestamp }).timestamp).toBe(Date.parse(timestamp));
    const startTime = timestamp;
    const row = afterBoth("span-create", {}, { startTime, traceId: "t" });
    expect(row).toMatchObject({ start_time: Date.parse(startTime), trace_id: "t" });
  });
});

describe("write-api §8.2, §6 #12, #43: what a later event leaves out stays", () => {
  test.each([
    [{ public: true }, {}, true],
    [{ public: true }, { public: null }, true],
    [{ public: true }, { public: false }, false],
    [{ public: false }, { public: true }, true],
  ])("a trace of %j, then %j, is public: %s", (first, second, isPublic) => {
    expect(afterBoth("trace-create", first, second).public).toBe(isPublic);
  });

  test.each([
    [{}, "ANNOTATION", "q"],
    [{ queueId: null }, "ANNOTATION", "q"],
    [{ source: "EVAL", queueId: "r" }, "EVAL", "r"],
  ])("a score of an annotation, then %j, is of %s in queue %s", (second, source, queue_id) => {
    const first = { source: "ANNOTATION", queueId: "q", configId: "c" };
    expect(afterBoth("score-create", first, second)).toMatchObject({ source, queue_id });
  });
});

test.each([
  [{ a: { x: 1 }, b: 1 }, { a: { y: 2 } }, { a: '{"y":2}', b: "1" }],
  [{ l: [1, 2, 3] }, { l: [9] }, { l: "[9]" }],
  [{ a: 1 }, { a: null }, { a: "null" }],
  [{ a: 1 }, {}, { a: "1" }],
  [{ a: 1 }, null, { a: "1" }],
  [{ a: 1 }, "text", { a: "1", metadata: "text" }],
  [{ b: 1 }, { a: 2 }, { a: "2", b: "1" }],
])("write-api §3.4, §6 #19, §8.10: metadata %j, then %j, is %j", (first, second, stored) => {
  for (const type of ["trace-create", "span-create", "score-create"]) {
    const { metadata } = afterBoth(type, { metadata: first }, { metadata: second });
    expect({ ...metadata }).toEqual(stored);
  }
});

describe("write-api §3.5, as §8 corrects it", () => {
  test("row 1: a trace keeps what a later event leaves out, and clears what it sets to null", () => {
    const first = {
      name: "n",
      environment: "prod",
      public: true,
      userId: "u",
      tags: ["b"],
      metadata: { a: { x: 1 }, l: [1, 2, 3] },
    };
    const second = { userId: null, tags: ["a"], metadata: { a: { y: 2 }, l: [9] } };
    const row = afterBoth("trace-create", first, second);
    expect(row).toMatchObject({
      name: "n",
      environment: "prod",
      public: true,
      user_id: "",
      tags: ["a", "b"],
    });
    expect({ ...row.metadata }).toEqual({ a: '{"y":2}', l: "[9]" });
  });

  test("row 2: a later usage replaces the whole provided map", () => {
    const first = { usage: { input: 100, output: 20 } };
    const second = { usageDetails: { input: 120 } };
    const row = afterBoth("generation-create", first, second, "generation-update");
    expect({ ...row.provided_usage }).toEqual({ input: 120 });
    expect(row.usage_details).toEqual({ input: 120, total: 120 });
  });

  test("row 3: a bare score update keeps source, queue, comment and trace", () => {
    const first = {
      traceId: "t1",
      source: "ANNOTATION",
      configId: "c",
      queueId: "q",
      comment: "c",
    };
    const row = afterBoth("score-create", first, { value: 0, traceId: "t2" });
    expect(row).toMatchObject({
      value: 0,
      comment: "c",
      source: "ANNOTATION",
      queue_id: "q",
      trace_id: "t1",
    });
  });

  test.each([
    [4, 1, "span-create", "SPAN"],
    [5, 0, "span-create", "SPAN"],
    [4, 1, "agent-create", "AGENT"],
    [5, 0, "agent-create", "AGENT"],
  ])(
    "row %i: an update %i ms before its %s does not freeze defaults",
    (_row, gap, type, stored) => {
      const startTime = new Date(firstMoment - 1).toISOString();
      const create = { environment: "prod", startTime, name: "n", input: "i" };
      const row = rowAfter([
        { type: "span-update", id: "up", body: { id: "s", traceId: "t", output: "o" } },
        { type, id: "create", at: gap, body: { id: "s", traceId: "t", ...create } },
      ]);
      expect(row).toMatchObject({
        environment: "prod",
        start_time: firstMoment - 1,
        type: stored,
        name: "n",
        input: "i",
        output: "o",
      });
    },
  );
});

test("write-api §3.7, §6 #53: a trace is in the session that its latest event names, whatever the text", () => {
  const long = "é/ \n".repeat(1000);
  const row = afterBoth("trace-create", { sessionId: "s", userId: "u" }, { sessionId: long });
  expect(row).toMatchObject({ session_id: long, user_id: "u" });
  expect(afterBoth("trace-create", { sessionId: "s" }, {}).session_id).toBe("s");
});

test.each([
  ["span-update", "SPAN"],
  ["generation-update", "GENERATION"],
])("write-api §3.6: a %s of what was never created makes it, with defaults", (type, stored) => {
  expect(rowAfter([{ type, at: 4, body: { id: "s", traceId: "t" } }])).toMatchObject({
    type: stored,
    trace_id: "t",
    start_time: firstMoment + 4,
    level: "DEFAULT",
    environment: "default",
  });
});

describe("write-api §4.4: of a generation's usage, cost and model", () => {
  const usage = { usageDetails: { input: 10, output: 5 } };
  const cost = { costDetails: { input: 1, output: 2 } };

  test("usage alone does not displace the cost that an earlier event gave", () => {
    const row = afterBoth(
      "generation-create",
      { ...usage, ...cost },
      { usageDetails: { input: 7 } },
    );
    expect({ ...row.usage_details }).toEqual({ input: 7, total: 7 });
    expect({ ...row.cost_details }).toEqual({ input: "1", output: "2", total: "3" });
    expect(row.total_cost).toBe("3");
  });

  test("cost alone keeps the usage that an earlier event gave", () => {
    const row = afterBoth("generation-create", usage, cost);
    expect({ ...row.usage_details }).toEqual({ input: 10, output: 5, total: 15 });
    expect(row.total_cost).toBe("3");
  });

  test("the model of an earlier event is that of the usage of a later one", () => {
    const row = afterBoth("generation-create", { model: "gpt" }, usage, "generation-update");
    expect(row).toMatchObject({ model: "gpt", usage_details: { input: 10 } });
  });
});

test("write-api §3.3: the prompt is that of the last event with both its name and version", () => {
  const first = { promptName: "a", promptVersion: 1 };
  const last = { promptName: "b", promptVersion: 2 };
  expect(afterBoth("generation-create", first, { name: "n" })).toMatchObject({ prompt_name: "a" });
  expect(afterBoth("generation-create", first, last)).toMatchObject({
    prompt_name: "b",
    prompt_version: 2,
  });
});
