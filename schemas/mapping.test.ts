import { expect, test } from "vitest";

import { validateEvent } from "./dialects/langfuse.ts";
import { mapRecord, ownerKeyOf } from "./mapping.ts";
import { decodeJsonLogs } from "./otlp/log-request.ts";
import { decodeJsonRequest } from "./otlp/json-request.ts";
import { decodeRecord, HandedRecord, recordEncoder } from "./records.ts";
import type { RecordHeader } from "./records.ts";
import { Registry } from "./registry.ts";

const ids = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };

function recordOf(dialect: RecordHeader["dialect"], body: unknown): Buffer {
  const header = {
    project: "p",
    dialect,
    receivedAt: 1_777_000_000_000,
    keyId: "pk",
    sdkName: "s",
    sdkVersion: "1",
    registry: "7",
  };
  return recordEncoder(header)(JSON.stringify(body), true);
}

const attributes = [
  { key: "gen_ai.request.model", value: { stringValue: "gpt-4o" } },
  { key: "gen_ai.input.messages", value: { stringValue: "[]" } },
];
const spans = [{ ...ids, name: "n", attributes }];
const [span] = decodeJsonRequest(
  JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }),
).spans;
const logRecords = [{ ...ids, eventName: "gen_ai.client.inference.operation.details", attributes }];
const [events] = decodeJsonLogs(
  JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }),
).spans;

const records = [
  ["otlp", recordOf("otlp", span)],
  ["otlp-events", recordOf("otlp-events", events)],
] as const;

test.each(records)("a record of %s maps to the same statements each time", (_dialect, bytes) => {
  const mapping = mapRecord(decodeRecord(bytes), new Registry());
  expect(mapping).toMatchObject({
    ok: true,
    statements: expect.arrayContaining([
      expect.objectContaining({ kind: "observation", project: "p", id: ids.spanId }),
    ]),
  });
  expect(mapRecord(decodeRecord(bytes), new Registry())).toEqual(mapping);
});

test("a span with a model knows the registry position that its cost rests on", () => {
  const mapping = mapRecord(decodeRecord(records[0][1]), new Registry());
  expect(mapping).toMatchObject({
    statements: expect.arrayContaining([
      expect.objectContaining({
        columns: expect.objectContaining({ model: "gpt-4o", registry_position: 7 }),
      }),
    ]),
  });
});

test.each(records)(
  "a parked record of %s goes back to the owner of its trace",
  (_dialect, bytes) => {
    expect(ownerKeyOf(bytes)).toBe(`trace\rp\r${ids.traceId}`);
  },
);

test.each(["otlp", "otlp-events"] as const)(
  "a record of %s that is no span is parked",
  (dialect) => {
    for (const body of [null, 1, [], {}]) {
      const mapping = mapRecord(decodeRecord(recordOf(dialect, body)), new Registry());
      expect(mapping).toMatchObject({ ok: false, reason: "unmappable" });
    }
  },
);

test("an event that is handed over maps to what its record's bytes map to", () => {
  const timestamp = "2026-11-01T10:00:00.000Z";
  const sent = [
    [
      "trace-create",
      { id: "t", input: { a: [1.5, null, "é"] }, tags: ["b", "a"], metadata: { n: 1e21 } },
    ],
    [
      "generation-create",
      { traceId: "t", id: "g", model: "gpt-4o", usage: { input: 3, output: 4 } },
    ],
    ["span-update", { traceId: "t", id: "s", endTime: timestamp, level: "ERROR" }],
    ["score-create", { traceId: "t", id: "c", name: "n", value: 0.1 }],
  ] as const;
  for (const [type, body] of sent) {
    const event = { id: `e-${type}`, type, timestamp, body };
    const record = decodeRecord(recordOf("langfuse", event));
    const validated = validateEvent(event);
    if (!validated.ok || validated.event.type === "sdk-log") throw new Error(`${type} is refused`);
    const handed = new HandedRecord(record.header, validated.event);
    const mapping = mapRecord(handed, new Registry());
    expect(mapping.ok).toBe(true);
    expect(mapping).toEqual(mapRecord(record, new Registry()));
  }
});
