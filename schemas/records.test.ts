import fc from "fast-check";
import { expect, test } from "vitest";

import { decodeRecord, ownerKey, recordEncoder } from "./records.ts";
import type { RecordHeader } from "./records.ts";

const header: RecordHeader = {
  project: "p",
  dialect: "langfuse",
  receivedAt: 1,
  keyId: "pk",
  sdkName: "s",
  sdkVersion: "1",
  registry: "7",
};

test("a record comes back as it was encoded, whatever its text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (name, body) => {
      const sent = { ...header, sdkName: name };
      expect(decodeRecord(recordEncoder(sent)(body))).toEqual({
        header: sent,
        body,
        isPlain: false,
      });
      expect(decodeRecord(recordEncoder(sent)(body, true)).isPlain).toBe(true);
    }),
  );
});

test("bytes that are no record are refused", () => {
  const good = recordEncoder(header)("{}");
  const cut = good.subarray(0, 10);
  const strange = Buffer.from(good);
  strange[0] = 9;
  for (const bytes of [Buffer.alloc(0), cut, strange]) {
    expect(() => decodeRecord(bytes)).toThrow("not a record");
  }
});

test("one trace has one owner, and equal ids of two projects have two", () => {
  const inTrace = { traceId: "t", sessionId: "s" };
  expect(ownerKey("p", { ...inTrace, id: "a" })).toBe(ownerKey("p", { ...inTrace, id: "b" }));
  expect(ownerKey("p", { traceId: "t", id: "a" })).not.toBe(
    ownerKey("q", { traceId: "t", id: "a" }),
  );
  expect(ownerKey("p", { traceId: "", sessionId: "s", id: "a" })).toBe(
    ownerKey("p", { sessionId: "s", id: "b" }),
  );
  expect(ownerKey("p", { id: "s" })).not.toBe(ownerKey("p", { sessionId: "s", id: "" }));
});
