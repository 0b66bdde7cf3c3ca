import { describe, expect, test } from "vitest";

import { factsOf, firstMoment, receivedAt, rowAfter } from "./testing.ts";

const startedAt = "2026-03-01T10:00:00.123456789+02:00";
const storedStart = Date.parse("2026-03-01T08:00:00.123Z");

test.each([
  ["event-create", "EVENT"],
  ["span-create", "SPAN"],
  ["span-update", "SPAN"],
  ["generation-create", "GENERATION"],
  ["generation-update", "GENERATION"],
  ["agent-create", "AGENT"],
  ["tool-create", "TOOL"],
  ["chain-create", "CHAIN"],
  ["retriever-create", "RETRIEVER"],
  ["evaluator-create", "EVALUATOR"],
  ["embedding-create", "EMBEDDING"],
  ["guardrail-create", "GUARDRAIL"],
])("write-api §2.2: %s is stored as %s", (type, stored) => {
  expect(rowAfter([{ type, body: { id: "o" } }])).toMatchObject({ type: stored });
});

test.each(["GENERATION", "SPAN", "EVENT"])(
  "write-api §2.2: a legacy observation is stored as the %s that it says",
  (type) => {
    for (const event of ["observation-create", "observation-update"]) {
      expect(rowAfter([{ type: event, body: { id: "o", type } }])).toMatchObject({ type });
    }
  },
);

describe("write-api §2.3: datetimes are stored to the millisecond, what is finer cut off", () => {
  test.each([
    ["trace-create", "timestamp", "timestamp"],
    ["span-create", "startTime", "start_time"],
    ["span-create", "endTime", "end_time"],
    ["generation-create", "completionStartTime", "completion_start_time"],
  ])("%s.%s", (type, field, column) => {
    const row = rowAfter([{ type, body: { id: "x", [field]: startedAt } }]);
    expect(row).toMatchObject({ [column]: storedStart });
  });
});

describe("write-api §2.4: a trace", () => {
  test("is stored field by field, and what has no column is not stored", () => {
    const body = {
      id: "t",
      timestamp: startedAt,
      name: "n",
      userId: "u",
      sessionId: "s",
      release: "r",
      version: "v",
      externalId: "x",
      input: "in",
      output: [1],
      tags: ["b", "a", "b"],
      public: true,
      environment: "prod",
      bookmarked: true,
    };
    const row = rowAfter([{ type: "trace-create", body }]);
    expect(row).toMatchObject({
      id: "t",
      timestamp: storedStart,
      name: "n",
      user_id: "u",
      session_id: "s",
      release: "r",
      version: "v",
      input: "in",
      output: "[1]",
      tags: ["a", "b"],
      public: true,
      environment: "prod",
    });
    expect(row).not.toHaveProperty("bookmarked");
    expect(Object.values(row)).not.toContain("x");
  });

  test("of an id alone has the envelope's time, the default environment and nothing else", () => {
    const row = rowAfter([{ type: "trace-create", body: { id: "t" } }]);
    expect(row).toMatchObject({ timestamp: firstMoment, environment: "default" });
    for (const column of ["name", "user_id", "session_id", "tags", "public", "input"] as const)
      expect(row[column] ?? "").toEqual("");
  });
});

test.each([
  ["PROD", "prod"],
  ["langfuse", "default"],
  ["langfuse-", "default"],
  ["langfuse-test", "test"],
  ["langfuselangfuse-x", "x"],
  ["my.env", "default"],
  ["prod env", "default"],
  ["ünï", "default"],
  ["production!", "default"],
  ["a".repeat(45), "a".repeat(40)],
  [`${"a".repeat(40)}!`, "a".repeat(40)],
  [5, "default"],
  ["", "default"],
  [null, "default"],
  [undefined, "default"],
])("write-api §2.5: the environment %j is stored as %j", (environment, stored) => {
  const events = [
    { type: "trace-create", body: { id: "x", environment } },
    { type: "generation-create", body: { id: "x", environment } },
    { type: "score-create", body: { id: "x", name: "n", value: 1, traceId: "t", environment } },
  ];
  expect(events.map((event) => rowAfter([event]).environment)).toEqual([stored, stored, stored]);
});

test.each([
  [
    { a: null, n: 5, o: { x: [1] }, s: "text" },
    { a: "null", n: "5", o: '{"x":[1]}', s: "text" },
  ],
  [{ testId: "1983516295378495150" }, { testId: "1983516295378495150" }],
  ["text", { metadata: "text" }],
  [5, { metadata: "5" }],
  [true, { metadata: "true" }],
  [[1], { metadata: "[1]" }],
  [[], { metadata: "[]" }],
  [{}, {}],
  ["", {}],
  [0, {}],
  [false, {}],
  [null, {}],
  [JSON.parse('{"__proto__":{"x":1}}'), JSON.parse('{"__proto__":"{\\"x\\":1}"}')],
])("write-api §2.5, §6 #20, #21: metadata %j is stored as %j", (sent, stored) => {
  const row = rowAfter([{ type: "trace-create", body: { id: "t", metadata: sent } }]);
  expect(JSON.stringify(row.metadata)).toBe(JSON.stringify(stored));
});

const media = "@@@langfuseMedia:type=image/png|id=abc|source=base64_data_uri@@@";

test.each([
  ["text", "text"],
  ['{"looks":"like JSON"}', '{"looks":"like JSON"}'],
  [{ a: [1, null] }, '{"a":[1,null]}'],
  [["a"], '["a"]'],
  [5, "5"],
  [true, "true"],
  [null, ""],
  [undefined, ""],
  [media, media],
  [{ image: media }, `{"image":"${media}"}`],
])("write-api §2.5, §2.8: the input and output %j are stored as %j", (value, stored) => {
  for (const type of ["trace-create", "span-create", "generation-create"]) {
    const { input = "", output = "" } = rowAfter([
      { type, body: { id: "x", input: value, output: value } },
    ]);
    expect([input, output]).toEqual([stored, stored]);
  }
});

test.each(["DEBUG", "DEFAULT", "WARNING", "ERROR", null, undefined])(
  "write-api §2.5: the level %j is stored, DEFAULT where there is none",
  (level) => {
    const row = rowAfter([{ type: "span-create", body: { id: "s", level } }]);
    expect(row.level).toBe(level ?? "DEFAULT");
  },
);

describe("write-api §2.6: an observation", () => {
  const base = {
    id: "o",
    traceId: "t",
    parentObservationId: "p",
    name: "n",
    startTime: startedAt,
    input: "in",
    output: "out",
    level: "WARNING",
    statusMessage: "m",
    version: "v",
  };
  const baseColumns = {
    id: "o",
    trace_id: "t",
    parent_id: "p",
    name: "n",
    start_time: storedStart,
    input: "in",
    output: "out",
    level: "WARNING",
    status_message: "m",
    version: "v",
  };
  const generation = {
    completionStartTime: startedAt,
    model: "gpt",
    modelParameters: { temperature: 0.5, stop: ["a"] },
    promptName: "p",
    promptVersion: 2,
  };

  test("that is a generation is stored field by field", () => {
    const body = { ...base, ...generation, endTime: startedAt, environment: "prod" };
    expect(rowAfter([{ type: "generation-create", body }])).toMatchObject({
      ...baseColumns,
      environment: "prod",
      end_time: storedStart,
      completion_start_time: storedStart,
      model: "gpt",
      model_params: '{"temperature":0.5,"stop":["a"]}',
      prompt_name: "p",
      prompt_version: 2,
    });
  });

  test("that is an event has no end", () => {
    const row = rowAfter([{ type: "event-create", body: { ...base, endTime: startedAt } }]);
    expect(row).toMatchObject(baseColumns);
    expect(row).not.toHaveProperty("end_time");
  });

  test("that is a legacy one has the default environment and no prompt (§6 #54)", () => {
    const body = { ...base, ...generation, modelParameters: { n: 1 }, type: "GENERATION" };
    const row = rowAfter([{ type: "observation-create", body: { ...body, environment: "prod" } }]);
    expect(row).toMatchObject({ ...baseColumns, environment: "default", model: "gpt" });
    expect(row).not.toHaveProperty("prompt_name");
  });

  test("without a start has the envelope's time", () => {
    expect(rowAfter([{ type: "event-create", at: 3, body: { id: "o" } }])).toMatchObject({
      start_time: firstMoment + 3,
    });
  });
});

describe("write-api §2.7: a score", () => {
  test.each([
    [{ value: 0.5 }, { data_type: "NUMERIC", value: 0.5, string_value: "" }],
    [{ value: "good" }, { data_type: "CATEGORICAL", value: 0, string_value: "good" }],
    [{ value: "" }, { data_type: "CATEGORICAL", value: 0, string_value: "" }],
    [
      { value: 0.5, dataType: "NUMERIC" },
      { data_type: "NUMERIC", value: 0.5, string_value: "" },
    ],
    [
      { value: 1, dataType: "BOOLEAN" },
      { data_type: "BOOLEAN", value: 1, string_value: "True" },
    ],
    [
      { value: 0, dataType: "BOOLEAN" },
      { data_type: "BOOLEAN", value: 0, string_value: "False" },
    ],
    [
      { value: "good", dataType: "CATEGORICAL" },
      { data_type: "CATEGORICAL", value: 0, string_value: "good" },
    ],
    [
      { value: "t", dataType: "TEXT" },
      { data_type: "TEXT", value: 0, string_value: "t" },
    ],
    [
      { value: "fix", dataType: "CORRECTION" },
      { data_type: "CORRECTION", value: 0, string_value: "fix", name: "output" },
    ],
  ])("of %j is stored as %j (§6 #41, #42)", (body, stored) => {
    const row = rowAfter([
      { type: "score-create", body: { id: "s", name: "n", traceId: "t", ...body } },
    ]);
    expect(row).toMatchObject(stored);
  });

  test("is stored field by field, at the envelope's time", () => {
    const body = {
      id: "s",
      name: "n",
      value: 1,
      traceId: "t",
      observationId: "o",
      comment: "c",
      source: "EVAL",
      executionTraceId: "x",
      queueId: "q",
      configId: "g",
    };
    expect(rowAfter([{ type: "score-create", at: 7, body }])).toMatchObject({
      id: "s",
      name: "n",
      timestamp: firstMoment + 7,
      trace_id: "t",
      observation_id: "o",
      comment: "c",
      source: "EVAL",
      execution_trace_id: "x",
      queue_id: "q",
      config_id: "g",
    });
  });

  test.each([
    [{ sessionId: "s" }, { session_id: "s", trace_id: "" }],
    [{ datasetRunId: "r" }, { dataset_run_id: "r", trace_id: "" }],
  ])("of %j has no trace, and comes from the API", (target, stored) => {
    const row = rowAfter([
      { type: "score-create", body: { id: "s", name: "n", value: 1, ...target } },
    ]);
    expect(row).toMatchObject({ ...stored, source: "API" });
  });

  test("has who sent it and with which SDK, as every row has", () => {
    const sender = { key_id: "pk", sdk_name: "langfuse-js", sdk_version: "3.39.2" };
    const score = { id: "s", name: "n", value: 1, traceId: "t" };
    expect(rowAfter([{ type: "score-create", body: score }])).toMatchObject(sender);
    expect(rowAfter([{ type: "span-create", body: { id: "s" } }])).toMatchObject(sender);
  });
});

test("write-api §3.6, §6 #5, §8.8: an observation without a trace gets the same one every time, and joins its real one", () => {
  const bare = { type: "span-update", body: { id: "s" } };
  const first = rowAfter([bare]);
  expect(first.trace_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab]/);
  expect(rowAfter([{ ...bare, at: 9 }]).trace_id).toBe(first.trace_id);
  const joined = rowAfter([bare, { type: "span-create", at: 1, body: { id: "s", traceId: "t" } }]);
  expect(joined.trace_id).toBe("t");
});

test.each([
  ["trace-create", { name: "n" }],
  ["score-create", { name: "n", value: 1, traceId: "t" }],
  ["observation-create", { type: "SPAN" }],
  ["observation-update", { type: "SPAN", id: null }],
])("write-api §6 #1: a %s without a body id states nothing", (type, body) => {
  expect(factsOf({ type, body })).toBeNull();
});

test("write-api §1.5: events of one id are of the entities that their bodies name", () => {
  const ids = ["a", "b"].map((id) => factsOf({ type: "trace-create", id: "e", body: { id } }));
  expect(ids.flat()).toMatchObject([{ id: "a" }, { id: "b" }]);
});

test.each([
  ["span-create", { id: "o", traceId: "unknown" }, "observation"],
  ["score-create", { id: "s", name: "n", value: 1, traceId: "unknown" }, "score"],
])("write-api §3.6, §6 #47: %s makes no trace", (type, body, kind) => {
  expect(factsOf({ type, body })?.map((fact) => fact.kind)).toEqual([kind]);
});

test("a clock that runs ahead counts as five minutes ahead at most", () => {
  const [fact] = factsOf({ type: "trace-create", at: 10_000_000, body: { id: "t" } }) ?? [];
  expect(fact?.time).toBe(receivedAt + 300_000);
});
