import { expect, test } from "vitest";

import { emptyResource, emptyScope, emptySpan } from "./drafts.ts";
import { decodeProtobufRequest } from "./protobuf-request.ts";
import { attributesMax, RequestError, spansPerRequestMax, valueDepthMax } from "./request.ts";
import type { AttributeValue } from "./span.ts";

/** A field of wire type 2. */
function part(field: number, ...content: readonly (Buffer | string)[]): Buffer {
  const body = Buffer.concat(content.map((piece) => Buffer.from(piece)));
  return Buffer.concat([varint(field * 8 + 2), varint(body.length), body]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(" ", ""), "hex");
}

const traceId = "0102030405060708090a0b0c0d0e0f10";
const ids = Buffer.concat([part(1, hex(traceId)), part(2, hex("0102030405060708"))]);

function request(...spans: readonly Buffer[]): Buffer {
  return part(1, part(2, part(1, part(1, "lib")), ...spans.map((span) => part(2, span))));
}

function reasonsOf(body: Buffer): readonly string[] {
  return decodeProtobufRequest(body).refused.map(({ reason }) => reason);
}

/** Of a span that has ids, and then these bytes. */
function reasonsOfSpan(bytes: Buffer | string): readonly string[] {
  const fields = Buffer.isBuffer(bytes) ? bytes : hex(bytes);
  return reasonsOf(request(Buffer.concat([ids, fields])));
}

/** What an attribute comes out as whose AnyValue is given in bytes. */
function valueOf(...content: readonly Buffer[]): AttributeValue | undefined {
  const attribute = part(9, part(1, "key"), ...content.map((piece) => part(2, piece)));
  return decodeProtobufRequest(request(Buffer.concat([ids, attribute]))).spans[0]
    ?.attributes[0]?.[1];
}

test("A span of ids only is all defaults (otlp.md §1.9).", () => {
  const scope = { ...emptyScope(), name: "lib" };
  const spanId = "0102030405060708";
  const expected = { ...emptySpan(emptyResource(), scope), traceId, spanId };
  expect(decodeProtobufRequest(request(ids)).spans).toStrictEqual([expected]);
});

test("An empty body is a request without spans.", () => {
  expect({ ...decodeProtobufRequest(Buffer.alloc(0)) }).toStrictEqual({ spans: [], refused: [] });
});

test("A resource and a scope count for their spans wherever they stand among the fields.", () => {
  const resource = part(1, part(1, part(1, "service.name"), part(2, part(1, "shop"))));
  const scopeSpans = part(2, part(2, ids), part(3, "scope-schema"), part(1, part(1, "lib")));
  const body = part(1, scopeSpans, part(3, "resource-schema"), resource);
  expect(decodeProtobufRequest(body).spans).toMatchObject([
    {
      resource: { attributes: [["service.name", "shop"]], schemaUrl: "resource-schema" },
      scope: { name: "lib", schemaUrl: "scope-schema" },
    },
  ]);
});

test("A malformed span is refused alone, whatever is wrong inside of it.", () => {
  const faults: Readonly<Record<string, Buffer>> = {
    "protobuf:truncated": hex("4a 05 0a 01"),
    "protobuf:wire_type": hex("28 01"),
    "protobuf:group": hex("a3 01 a4 01"),
    "protobuf:field_number": hex("02 00"),
    "protobuf:varint": hex("30 ff ff ff ff ff ff ff ff ff ff 01"),
    "traceId:absent": part(1),
    "traceId:all_zero": part(1, Buffer.alloc(16)),
    "spanId:absent": part(2),
    "spanId:all_zero": part(2, Buffer.alloc(8)),
  };
  for (const [reason, bytes] of Object.entries(faults)) {
    const body = request(ids, Buffer.concat([ids, bytes]), ids);
    const { spans, refused } = decodeProtobufRequest(body);
    expect(spans).toHaveLength(2);
    expect(refused).toStrictEqual([{ reason, scope: "lib" }]);
  }
});

test("A varint has at most ten bytes and 64 bits, and lengths lie within their message.", () => {
  expect(reasonsOfSpan("30 80 80 80 80 80 80 80 80 80 00")).toStrictEqual([]);
  expect(reasonsOfSpan("30 ff ff ff ff ff ff ff ff ff 01")).toStrictEqual([]);
  expect(reasonsOfSpan("30 ff ff ff ff ff ff ff ff ff 02")).toStrictEqual(["protobuf:varint"]);
  expect(reasonsOfSpan("30 80 80 80 80 80 80 80 80 80 80 00")).toStrictEqual(["protobuf:varint"]);
  expect(reasonsOfSpan("2a 02 61 62")).toStrictEqual([]);
  expect(reasonsOfSpan("2a 03 61 62")).toStrictEqual(["protobuf:truncated"]);
  expect(reasonsOfSpan("2a ff ff ff ff 0f")).toStrictEqual(["protobuf:truncated"]);
  expect(reasonsOfSpan("2a 81 80 80 80 10 61")).toStrictEqual(["protobuf:varint"]);
});

test("A faulty resource or scope costs its own spans only.", () => {
  const faulty = part(1, hex("08 01"));
  const whole = part(2, part(1, part(1, "whole")), part(2, ids));
  const body = Buffer.concat([
    part(1, faulty, whole, whole),
    part(1, part(2, part(2, ids), faulty), whole),
  ]);
  const { spans, refused } = decodeProtobufRequest(body);
  expect(spans.map(({ scope }) => scope.name)).toStrictEqual(["whole"]);
  expect(refused.map(({ reason }) => reason)).toStrictEqual([
    "resource.protobuf:wire_type",
    "resource.protobuf:wire_type",
    "scope.protobuf:wire_type",
  ]);
});

test("A broken framing around the spans refuses the request.", () => {
  const whole = request(ids);
  for (let length = 1; length < 8; length += 1)
    expect(() => decodeProtobufRequest(whole.subarray(0, -length))).toThrow(RequestError);
  expect(() => decodeProtobufRequest(Buffer.from("{}"))).toThrow(RequestError);
});

test("Unknown fields are skipped, those of the profiling signal too.", () => {
  const unknown = hex("a0 06 7f  a1 06 0102030405060708  a2 06 01 00  a5 06 01020304");
  expect(valueOf(Buffer.concat([unknown, hex("40 07"), part(1, "kept"), unknown]))).toBe("kept");
});

test("Integers are exact: numbers while they are safe, else their digits.", () => {
  expect(valueOf(hex("18 00"))).toBe(0);
  expect(valueOf(hex("18 ff ff ff ff ff ff ff ff ff 01"))).toBe(-1);
  expect(valueOf(hex("18 ff ff ff ff ff ff ff 0f"))).toBe(2 ** 53 - 1);
  expect(valueOf(hex("18 80 80 80 80 80 80 80 10"))).toStrictEqual({ int: "9007199254740992" });
  expect(valueOf(hex("18 80 80 80 80 80 80 80 80 80 01"))).toStrictEqual({
    int: "-9223372036854775808",
  });
});

test("Doubles that JSON has no number for keep their meaning.", () => {
  expect(valueOf(hex("21 0000000000000080"))).toStrictEqual({ double: "-0" });
  expect(valueOf(hex("21 000000000000f87f"))).toStrictEqual({ double: "NaN" });
  expect(valueOf(hex("21 000000000000f0ff"))).toStrictEqual({ double: "-Infinity" });
  expect(valueOf(hex("21 000000000000f03f"))).toStrictEqual({ double: 1 });
});

test("Bytes that are not UTF-8 become U+FFFD, and similar texts are not mistaken for each other.", () => {
  expect(valueOf(part(1, hex("61 ff 62")))).toBe("a\ufffdb");
  expect(valueOf(part(1, hex("ed a0 80")))).toBe("\ufffd\ufffd\ufffd");
  const short = ["a", "b", "ab", "\u00e9", "abcde", "abcdf", "bbcde", "abcd--ghij", "abcd++ghij"];
  const texts = [...short, "x".repeat(48), "x".repeat(49)];
  const pairs = texts.flatMap((one) => texts.map((other) => [one, other] as const));
  const attributes = pairs.map(([key, value]) => part(9, part(1, key), part(2, part(1, value))));
  const { spans } = decodeProtobufRequest(request(Buffer.concat([ids, ...attributes])));
  expect(spans[0]?.attributes).toStrictEqual(pairs);
});

test("The parts of a repeated message are joined, and of a oneof the last member counts.", () => {
  const one = part(5, part(1, part(1, "one")));
  const two = part(5, part(1, part(1, "two")));
  expect(valueOf(one, two)).toStrictEqual(["one", "two"]);
  expect(valueOf(Buffer.concat([one, part(1, "text")]))).toBe("text");
  const map = part(6, part(1, part(1, "key")));
  expect(valueOf(map, Buffer.concat([map]))).toStrictEqual({
    map: [
      ["key", null],
      ["key", null],
    ],
  });
  expect(valueOf(hex("10 01"), part(7, hex("fb ff")))).toStrictEqual({ bytes: "+/8=" });
  expect(valueOf()).toBeNull();
});

/** An attribute that is text in an array in an array, and so on. */
function nested(depth: number): Buffer {
  let value = part(1, "deep");
  for (let n = 1; n < depth; n += 1) value = part(5, part(1, value));
  return part(9, part(2, value));
}

test("Values are nested up to 64 deep.", () => {
  expect(reasonsOfSpan(nested(valueDepthMax))).toStrictEqual([]);
  expect(reasonsOfSpan(nested(valueDepthMax + 1))).toStrictEqual(["attributes:too_deep"]);
});

test("A span with more attributes than the limit is refused alone.", () => {
  const most = Buffer.concat([ids, Buffer.alloc(2 * attributesMax, part(9))]);
  const { spans, refused } = decodeProtobufRequest(request(Buffer.concat([most, part(9)]), most));
  expect(spans.map((span) => span.attributes.length)).toStrictEqual([attributesMax]);
  expect(refused).toStrictEqual([{ reason: "attributes:too_many", scope: "lib" }]);
});

test("A request with more spans, or more values, than the limits is refused as too large.", () => {
  const tooMany = part(1, part(2, Buffer.alloc(2 * (spansPerRequestMax + 1), part(2))));
  const values = part(9, part(2, part(5, Buffer.alloc(4_000_002, part(1)))));
  for (const body of [tooMany, request(Buffer.concat([ids, values]))])
    expect(() => decodeProtobufRequest(body)).toThrow(
      expect.objectContaining({ name: "RequestError", kind: "too_large" }),
    );
});
