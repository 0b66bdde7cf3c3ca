import { expect, it } from "vitest";

import { mapRecord } from "../../schemas/mapping.ts";
import type { Fact } from "../../schemas/facts.ts";
import { Registry } from "../../schemas/registry.ts";
import { exportOf, otlpSpan, postProtobuf, protobufOf, startGateway } from "./testing.ts";
import type { TestGateway } from "./testing.ts";

const path = "/v1/traces";

function text(key: string, value: string): object {
  return { key, value: { stringValue: value } };
}

/** What the records of the log state, as the writer would have it. */
function factsOf(gateway: TestGateway): Fact[] {
  return gateway.records().flatMap((record) => {
    const mapping = mapRecord(record, new Registry());
    if (!mapping.ok) throw new Error(mapping.detail);
    return mapping.statements.filter((statement) => "columns" in statement);
  });
}

it.each([
  [
    "attributes named after what objects inherit",
    {
      attributes: ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty"].map(
        (key) => text(key, "x"),
      ),
    },
  ],
  [
    "values that name what objects inherit",
    {
      attributes: [
        text("langfuse.observation.type", "constructor"),
        text("openinference.span.kind", "__proto__"),
        text("gen_ai.operation.name", "toString"),
        text("langfuse.observation.level", "valueOf"),
      ],
    },
  ],
  [
    "paths through prototypes",
    {
      attributes: [
        text("gen_ai.prompt.__proto__.polluted", "1"),
        text("gen_ai.prompt.0.constructor.prototype.polluted", "1"),
        text("llm.input_messages.0.message.__proto__.polluted", "1"),
        text("langfuse.trace.metadata.__proto__", '{"polluted":1}'),
        text("langfuse.observation.metadata", '{"__proto__":{"polluted":1}}'),
      ],
    },
  ],
  [
    "an index that would make an array of a billion",
    {
      attributes: [
        text("gen_ai.prompt.999999999.content", "x"),
        text("gen_ai.completion.4294967295.content", "x"),
        text("llm.input_messages.1e9.message.content", "x"),
      ],
    },
  ],
  ["no times", { startTimeUnixNano: "0", endTimeUnixNano: "0" }],
  ["an end before its start", { startTimeUnixNano: "1777000000000000002", endTimeUnixNano: "1" }],
  ["times beyond every calendar", { startTimeUnixNano: "18446744073709551615" }],
  ["a parent of zeros", { parentSpanId: "0000000000000000" }],
  ["an attribute without a value", { attributes: [{ key: "k" }, { key: "v", value: {} }, {}] }],
  [
    "NUL and text that turns around",
    { name: "a\u0000\u202eb", attributes: [text("k\u0000", "\u2028")] },
  ],
])("is kept and mapped beside its neighbour, in both encodings: %s", async (_what, fields) => {
  const gateway = await startGateway();
  const batch = exportOf(otlpSpan(fields), otlpSpan({ name: "neighbour" }));
  expect(await gateway.post(path, batch)).toMatchObject({ status: 200, body: {} });
  expect(await postProtobuf(gateway, path, protobufOf(batch))).toMatchObject({ status: 200 });
  expect(gateway.records()).toHaveLength(4);
  const observations = factsOf(gateway).filter(({ kind }) => kind === "observation");
  expect(observations).toHaveLength(4);
  expect(JSON.stringify(observations).length).toBeLessThan(50_000);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});

it.each([
  ["a negative time", { startTimeUnixNano: "-1" }, "startTimeUnixNano:not_nanoseconds"],
  ["a time that is text", { endTimeUnixNano: "now" }, "endTimeUnixNano:not_nanoseconds"],
  ["an id that is a number", { spanId: 7 }, "spanId:not_an_id"],
  ["attributes that are an object", { attributes: { a: 1 } }, "attributes:not_an_array"],
  ["events that are text", { events: "x" }, "events:not_an_array"],
  [
    "100,000 attributes",
    { attributes: Array.from({ length: 100_000 }, (_, i) => ({ key: `k${i}` })) },
    "attributes:too_many",
  ],
  ["a value nested without end", { attributes: [{ key: "k", value: nested(1_000) }] }, "too_deep"],
])("is refused alone: %s", async (_what, fields, reason) => {
  const gateway = await startGateway();
  const answer = await gateway.post(path, exportOf(otlpSpan(fields), otlpSpan()));
  expect(answer).toMatchObject({
    status: 200,
    body: {
      partialSuccess: { rejectedSpans: "1", errorMessage: expect.stringContaining(reason) },
    },
  });
  expect(gateway.records()).toHaveLength(1);
});

function nested(levels: number): object {
  let value: object = { boolValue: true };
  for (let level = 0; level < levels; level++) value = { arrayValue: { values: [value] } };
  return value;
}

it("elements that are no spans cost nobody else", async () => {
  const gateway = await startGateway();
  const spans = [null, 1, "x", [], otlpSpan()];
  const answer = await gateway.post(path, {
    resourceSpans: [null, { scopeSpans: [{ spans }, 5, { spans: {} }] }, { scopeSpans: "x" }],
  });
  expect(answer.status).toBe(200);
  expect(gateway.records()).toHaveLength(1);
});

it("bytes that are not UTF-8 become U+FFFD in protobuf, and cost no span", async () => {
  const gateway = await startGateway();
  const bytes = Buffer.from(protobufOf(exportOf(otlpSpan({ name: "QQQ" }))));
  bytes.fill(0xff, bytes.indexOf("QQQ"), bytes.indexOf("QQQ") + 3);
  expect((await postProtobuf(gateway, path, new Uint8Array(bytes))).status).toBe(200);
  expect(JSON.parse(gateway.records()[0]?.body ?? "")).toMatchObject({
    name: "\ufffd\ufffd\ufffd",
  });
});

it("a hundred thousand brackets end neither the process nor the next request", async () => {
  const gateway = await startGateway();
  const open = `{"resourceSpans":[${"[".repeat(100_000)}`;
  expect((await gateway.post(path, open)).status).toBe(400);
  const closed = `${open}${"]".repeat(100_000)}]}`;
  expect((await gateway.post(path, closed)).status).toBe(400);
  expect((await gateway.post(path, exportOf(otlpSpan()))).status).toBe(200);
});

it("a span cut anywhere is refused or read, and never crashes the server", async () => {
  const gateway = await startGateway();
  const whole = protobufOf(exportOf(otlpSpan({ attributes: [text("a", "b")] })));
  for (let end = 1; end < whole.length; end += 7) {
    const { status } = await postProtobuf(gateway, path, whole.slice(0, end));
    expect(status).toBe(400);
  }
});
