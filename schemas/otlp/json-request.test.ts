import { expect, test } from "vitest";

import { decodeJsonRequest } from "./json-request.ts";
import { attributesMax, RequestError, valueDepthMax } from "./request.ts";
import type { OtelSpan } from "./span.ts";

const traceId = "0102030405060708090a0b0c0d0e0f10";
const spanId = "0102030405060708";
const ids = { traceId, spanId };

function request(...spans: readonly unknown[]): string {
  return JSON.stringify({ resourceSpans: [{ scopeSpans: [{ scope: { name: "lib" }, spans }] }] });
}

function spanOf(fields: object): OtelSpan | undefined {
  return decodeJsonRequest(request({ ...ids, ...fields })).spans[0];
}

function reasonsOf(text: string): readonly string[] {
  return decodeJsonRequest(text).refused.map(({ reason }) => reason);
}

/** What an attribute comes out as whose value is given as JSON. */
function valueOf(json: string): unknown {
  const text = request({ ...ids, attributes: [{ key: "key", value: 0 }] });
  return decodeJsonRequest(text.replace('"value":0', `"value":${json}`)).spans[0]
    ?.attributes[0]?.[1];
}

test("Every shape of an id means the same (otlp.md §7).", () => {
  const bytes = [...Buffer.from(traceId, "hex")];
  const shapes = [
    traceId,
    traceId.toUpperCase(),
    Buffer.from(bytes).toString("base64"),
    bytes,
    { type: "Buffer", data: bytes },
  ];
  for (const shape of shapes) expect(spanOf({ traceId: shape })?.traceId).toBe(traceId);
  expect(spanOf({ spanId: "AQIDBAUGBwg=" })?.spanId).toBe(spanId);
  const custom = "6F9619FF-8B86-D011-B42D-00CF4FC964FF";
  expect(spanOf({ traceId: custom })?.traceId).toBe(custom);
});

test("A parent that is absent, empty or all zeros is none (otlp.md §7).", () => {
  for (const parentSpanId of [undefined, null, "", [], "0000000000000000", Array(8).fill(0)])
    expect(spanOf({ parentSpanId })?.parentSpanId).toBe("");
  expect(spanOf({ parentSpanId: "000000000000000A" })?.parentSpanId).toBe("000000000000000a");
});

test("Structural faults cost one span each, with the reasons of otlp.md §1.5.", () => {
  const faults: readonly (readonly [reason: string, span: unknown])[] = [
    ["traceId:absent", { spanId }],
    ["spanId:absent", { traceId, spanId: "" }],
    ["traceId:all_zero", { spanId, traceId: "0".repeat(32) }],
    ["spanId:not_an_id", { traceId, spanId: 7 }],
    ["parentSpanId:not_an_id", { ...ids, parentSpanId: [256] }],
    ["attributes:not_an_array", { ...ids, attributes: { key: "value" } }],
    ["attributes:not_a_key_value", { ...ids, attributes: ["key"] }],
    ["events:not_an_array", { ...ids, events: {} }],
    ["attributes:not_an_array", { ...ids, events: [{ attributes: {} }] }],
    ["startTimeUnixNano:not_nanoseconds", { ...ids, startTimeUnixNano: "-1" }],
    ["endTimeUnixNano:not_nanoseconds", { ...ids, endTimeUnixNano: "2026-11-22T00:00:00Z" }],
    ["span:not_an_object", null],
  ];
  const { spans, refused } = decodeJsonRequest(
    request(ids, ...faults.map(([, span]) => span), ids),
  );
  expect(spans).toHaveLength(2);
  expect(refused).toStrictEqual(faults.map(([reason]) => ({ reason, scope: "lib" })));
});

test("A faulty resource or scope costs its own spans only; a list that is none counts once.", () => {
  const scopeSpans = [{ spans: [ids, ids] }];
  const resourceSpans = [
    { resource: { attributes: {} }, scopeSpans },
    { scopeSpans: [{ scope: [], spans: [ids] }, ...scopeSpans] },
    { scopeSpans: {} },
    { scopeSpans: [{ spans: {} }] },
    null,
  ];
  const { spans, refused } = decodeJsonRequest(JSON.stringify({ resourceSpans }));
  expect(spans).toHaveLength(2);
  expect(refused.map(({ reason }) => reason)).toStrictEqual([
    "resource.attributes:not_an_array",
    "resource.attributes:not_an_array",
    "scope.scope:not_an_object",
    "scopeSpans:not_an_array",
    "spans:not_an_array",
    "resourceSpans:not_an_object",
  ]);
});

test("What is no request is refused as a whole; one without spans is not.", () => {
  for (const text of ["", "{", "[]", "null", '{"resourceSpans":{}}'])
    expect(() => decodeJsonRequest(text)).toThrow(RequestError);
  for (const text of ["{}", '{"resourceSpans":null}', '{"resourceSpans":[]}'])
    expect({ ...decodeJsonRequest(text) }).toMatchObject({ spans: [], refused: [] });
});

test("Integers come as numbers, text or Longs, and stay exact.", () => {
  expect(valueOf('{"intValue":"-5"}')).toBe(-5);
  expect(valueOf('{"intValue":1e3}')).toBe(1000);
  expect(valueOf('{"intValue":9007199254740993}')).toStrictEqual({ int: "9007199254740993" });
  expect(valueOf('{"intValue":"-9223372036854775808"}')).toStrictEqual({
    int: "-9223372036854775808",
  });
  expect(valueOf('{"intValue":{"low":-1,"high":-1,"unsigned":false}}')).toBe(-1);
  expect(valueOf('{"intValue":{"low":-1,"high":0,"unsigned":true}}')).toBe(2 ** 32 - 1);
  const span = spanOf({ startTimeUnixNano: { low: 0, high: 1 }, endTimeUnixNano: 5 });
  expect(span).toMatchObject({ startNanos: "4294967296", endNanos: "5" });
  const text = request(ids).replace(
    spanId,
    `${spanId}","endTimeUnixNano":18446744073709551615,"":"`,
  );
  expect(decodeJsonRequest(text).spans[0]?.endNanos).toBe("18446744073709551615");
  expect(reasonsOf(text.replace("551615", "551616"))).toStrictEqual([
    "endTimeUnixNano:not_nanoseconds",
  ]);
});

test("A value of another type than its member says keeps its own, and costs nothing.", () => {
  expect(valueOf('{"intValue":"many"}')).toBe("many");
  expect(valueOf('{"intValue":1.5}')).toStrictEqual({ double: 1.5 });
  expect(valueOf('{"intValue":"9223372036854775808"}')).toBe("9223372036854775808");
  expect(valueOf('{"doubleValue":"0.5"}')).toStrictEqual({ double: 0.5 });
  expect(valueOf('{"doubleValue":"-0"}')).toStrictEqual({ double: "-0" });
  expect(valueOf('{"doubleValue":"NaN"}')).toStrictEqual({ double: "NaN" });
  expect(valueOf('{"doubleValue":"much"}')).toBe("much");
  expect(valueOf('{"boolValue":"true"}')).toBe(true);
  expect(valueOf('{"boolValue":1}')).toBe("1");
  expect(valueOf('{"stringValue":{"a":[1]}}')).toBe('{"a":[1]}');
  expect(valueOf('{"bytesValue":"-_8"}')).toStrictEqual({ bytes: "+/8=" });
  expect(valueOf('{"bytesValue":"no base64!"}')).toBe("no base64!");
  expect(valueOf('"bare"')).toBe("bare");
  expect(valueOf("[1,true]")).toStrictEqual([1, true]);
});

test("A value that is absent, null or of no known member is none; an empty list is one (otlp.md §2.1).", () => {
  for (const json of ["null", "{}", '{"stringValue":null}', '{"unknownValue":1}'])
    expect(valueOf(json)).toBeNull();
  expect(valueOf('{"stringValue":null,"intValue":1}')).toBe(1);
  expect(valueOf('{"arrayValue":{}}')).toStrictEqual([]);
  expect(valueOf('{"kvlistValue":{"values":[{"key":"a"}]}}')).toStrictEqual({ map: [["a", null]] });
});

test("Names with underscores and names of enums are understood.", () => {
  const span = { trace_id: traceId, span_id: spanId, kind: "SPAN_KIND_CLIENT" };
  const status = { code: "STATUS_CODE_ERROR", message: "no" };
  const scopeSpans = [{ spans: [{ ...span, status, start_time_unix_nano: "7" }] }];
  const text = JSON.stringify({ resource_spans: [{ scope_spans: scopeSpans, schema_url: "url" }] });
  expect(decodeJsonRequest(text).spans).toMatchObject([
    {
      ...ids,
      kind: 3,
      startNanos: "7",
      statusCode: 2,
      statusMessage: "no",
      resource: { schemaUrl: "url" },
    },
  ]);
  expect(spanOf({ kind: "constructor", status: { code: 9 } })).toMatchObject({
    kind: 0,
    statusCode: 9,
  });
});

test("Keys that objects inherit are ordinary keys.", () => {
  const attributes = ["__proto__", "constructor", "toString"].map((key) => ({
    key,
    value: { stringValue: key },
  }));
  const text = request({ ...ids, attributes }).replace("{", '{"__proto__":{"resourceSpans":[]},');
  expect(decodeJsonRequest(text).spans[0]?.attributes).toStrictEqual(
    attributes.map(({ key }) => [key, key]),
  );
});

test("Values are nested up to 64 deep; what lies deeper costs its span, wherever it stands.", () => {
  const nested = (depth: number): string => {
    let value: object = { stringValue: "deep" };
    for (let n = 1; n < depth; n += 1) value = { kvlistValue: { values: [{ key: "k", value }] } };
    return request({ ...ids, events: [{ attributes: [{ key: "k", value }] }] }, ids);
  };
  expect(reasonsOf(nested(valueDepthMax))).toStrictEqual([]);
  expect(reasonsOf(nested(valueDepthMax + 1))).toStrictEqual(["attributes:too_deep"]);
  const brackets = 100_000;
  const unknown = `${"[".repeat(brackets)}${"]".repeat(brackets)}`;
  const text = request(ids, { ...ids, unknown: 0 }).replace('"unknown":0', `"unknown":${unknown}`);
  expect(reasonsOf(text)).toStrictEqual(["json:too_deep"]);
});

test("A span with more attributes than the limit is refused alone.", () => {
  const attributes = Array.from({ length: attributesMax + 1 }, () => ({}));
  const { spans, refused } = decodeJsonRequest(request({ ...ids, attributes }, ids));
  expect(spans).toHaveLength(1);
  expect(refused).toStrictEqual([{ reason: "attributes:too_many", scope: "lib" }]);
});
