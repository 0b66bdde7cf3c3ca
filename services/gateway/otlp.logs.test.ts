import { describe, expect, it } from "vitest";

import { mapRecord } from "../../schemas/mapping.ts";
import type { Fact } from "../../schemas/facts.ts";
import { Registry } from "../../schemas/registry.ts";
import { delimited, postProtobuf, startGateway } from "./testing.ts";
import type { TestGateway } from "./testing.ts";

const paths = ["/api/public/otel/v1/logs", "/v1/logs"];
const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";

function record(eventName: string, attributes: object[], rest: object = {}): object {
  const timeUnixNano = "1777000000000000001";
  return { traceId, spanId, timeUnixNano, eventName, attributes, ...rest };
}

function text(key: string, value: string): object {
  return { key, value: { stringValue: value } };
}

function bodyOf(...members: object[]): object {
  return { body: { kvlistValue: { values: members } } };
}

function logsOf(...logRecords: readonly object[]): object {
  return { resourceLogs: [{ scopeLogs: [{ scope: { name: "s" }, logRecords }] }] };
}

function factsOf(gateway: TestGateway): Fact[] {
  return gateway.records().flatMap((each) => {
    const mapping = mapRecord(each, new Registry());
    if (!mapping.ok) throw new Error(mapping.detail);
    return mapping.statements.filter((statement) => "columns" in statement);
  });
}

const details = record("gen_ai.client.inference.operation.details", [
  text("gen_ai.input.messages", '[{"role":"user","parts":[{"type":"text","content":"hi"}]}]'),
  text("gen_ai.output.messages", '[{"role":"assistant","parts":[]}]'),
]);

describe.each(paths)("%s", (path) => {
  it("keeps GenAI events, those of one span as one record, and counts the rest (otlp.md §6 #18)", async () => {
    const gateway = await startGateway();
    const answer = await gateway.post(
      path,
      logsOf(
        details,
        record("gen_ai.choice", [], { body: { stringValue: "x" } }),
        record("app.started", []),
        { body: { stringValue: "a line of a log" } },
      ),
    );
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      partialSuccess: { rejectedLogRecords: "2", errorMessage: expect.stringContaining("2 of 4") },
    });
    expect(gateway.records().map(({ header }) => header.dialect)).toEqual(["otlp-events"]);
  });

  it("answers logs of which nothing is kept with success all the same", async () => {
    const gateway = await startGateway();
    const answer = await gateway.post(path, logsOf({ body: { stringValue: "x" } }));
    expect(answer.status).toBe(200);
    expect(gateway.records()).toEqual([]);
    expect(await gateway.post(path, {})).toMatchObject({ status: 200, body: {} });
  });

  it("refuses what cannot be read", async () => {
    const gateway = await startGateway();
    const answer = await gateway.post(path, "[");
    expect(answer).toMatchObject({
      status: 400,
      body: { error: "Failed to parse OTel JSON Logs" },
    });
  });
});

it("input and output of an event belong to its span, whose own outweigh them", async () => {
  const gateway = await startGateway();
  await gateway.post("/v1/logs", logsOf(details));
  const [fact, ...others] = factsOf(gateway);
  expect(others).toEqual([]);
  expect(fact).toMatchObject({
    kind: "observation",
    id: spanId,
    columns: {
      trace_id: traceId,
      input: expect.stringContaining("hi"),
      output: expect.stringContaining("assistant"),
    },
    ranks: { input: 1, output: 1, type: 0, start_time: 0, environment: 0 },
  });
  expect(fact?.columns).not.toHaveProperty("otel");
  expect(fact?.columns).not.toHaveProperty("name");
});

it("messages that came one an event are put together, also from bodies and older names", async () => {
  const gateway = await startGateway();
  await gateway.post(
    "/v1/logs",
    logsOf(
      record("gen_ai.system.message", [], bodyOf(text("content", "be brief"))),
      record("", [text("event.name", "gen_ai.user.message")], bodyOf(text("content", "hi"))),
      record("gen_ai.choice", [], bodyOf(text("finish_reason", "stop"))),
    ),
  );
  const [fact] = factsOf(gateway);
  expect(fact?.columns).toMatchObject({
    input: JSON.stringify([
      { role: "system", content: "be brief" },
      { role: "user", content: "hi" },
    ]),
    output: JSON.stringify({ finish_reason: "stop" }),
  });
});

describe("gen_ai.evaluation.result", () => {
  const name = text("gen_ai.evaluation.name", "Relevance");
  const label = text("gen_ai.evaluation.score.label", "relevant");
  const value = { key: "gen_ai.evaluation.score.value", value: { doubleValue: 0.75 } };
  const explanation = text("gen_ai.evaluation.explanation", "because");

  it.each([
    ["a number", [name, value, explanation], { data_type: "NUMERIC", value: 0.75 }],
    ["a label", [name, label, explanation], { data_type: "CATEGORICAL", string_value: "relevant" }],
    ["both", [name, label, value, explanation], { data_type: "NUMERIC", value: 0.75 }],
  ])(
    "with %s becomes a score of its span, the same each time",
    async (_what, attributes, columns) => {
      const gateway = await startGateway();
      const logs = logsOf(record("gen_ai.evaluation.result", attributes));
      expect(await gateway.post("/v1/logs", logs)).toMatchObject({ status: 200, body: {} });
      await gateway.post("/v1/logs", logs);
      const [score, again] = factsOf(gateway);
      expect(score).toMatchObject({
        kind: "score",
        columns: {
          trace_id: traceId,
          observation_id: spanId,
          name: "Relevance",
          comment: "because",
          timestamp: 1_777_000_000_000,
          ...columns,
        },
      });
      expect(again?.id).toBe(score?.id);
    },
  );

  it.each([
    ["a name", [value]],
    ["a value", [name]],
    ["either", []],
  ])("without %s is counted as not kept", async (_what, attributes) => {
    const gateway = await startGateway();
    const answer = await gateway.post(
      "/v1/logs",
      logsOf(record("gen_ai.evaluation.result", attributes)),
    );
    expect(answer.body).toMatchObject({ partialSuccess: { rejectedLogRecords: "1" } });
    expect(gateway.records()).toEqual([]);
  });
});

function attributeBytes(key: string, value: string): Buffer {
  return delimited(6, delimited(1, key), delimited(2, delimited(1, value)));
}

it("log records in protobuf give the same as in JSON", async () => {
  const gateway = await startGateway();
  const time = Buffer.alloc(9, 0x09);
  time.writeBigUInt64LE(1_777_000_000_000_000_001n, 1);
  const logRecord = delimited(
    2,
    time,
    delimited(3, "INFO"),
    attributeBytes(
      "gen_ai.input.messages",
      '[{"role":"user","parts":[{"type":"text","content":"hi"}]}]',
    ),
    attributeBytes("gen_ai.output.messages", '[{"role":"assistant","parts":[]}]'),
    delimited(9, Buffer.from(traceId, "hex")),
    delimited(10, Buffer.from(spanId, "hex")),
    delimited(12, "gen_ai.client.inference.operation.details"),
  );
  const bytes = delimited(1, delimited(2, delimited(1, delimited(1, "s")), logRecord));
  const answer = await postProtobuf(gateway, "/v1/logs", new Uint8Array(bytes));
  expect({ status: answer.status, bytes: answer.bytes.toString() }).toEqual({
    status: 200,
    bytes: "",
  });
  await gateway.post("/v1/logs", logsOf(details));
  const [protobuf, json] = gateway.records().map(({ body }) => JSON.parse(body));
  expect(protobuf).toEqual(json);
});
