import fc from "fast-check";

import type {
  EventMessage,
  KeyValueMessage,
  LinkMessage,
  Long,
  RequestMessage,
  SpanMessage,
  ValueMessage,
} from "../../bench/otlp-reference.ts";

/**
 * Any request that an exporter may send, as the generated encoder takes it; small, for there are many. `forJson` leaves
 * out the negative zeros, which JSON.stringify loses.
 */
export function anyRequest(forJson = false): fc.Arbitrary<RequestMessage> {
  const double = forJson ? fc.double().map((number) => number + 0) : fc.double();
  const attributes = fc.array(keyValueOf(valueOf(double)), { maxLength: 4 });
  const scopeSpans = message({
    scope: message({ name: text, version: text, attributes, droppedAttributesCount: uint32 }),
    spans: fc.array(spanOf(attributes), { minLength: 1, maxLength: 3 }),
    schemaUrl: text,
  });
  const resourceSpans = message({
    resource: message({ attributes, droppedAttributesCount: uint32 }),
    scopeSpans: fc.array(scopeSpans, { minLength: 1, maxLength: 2 }),
    schemaUrl: text,
  });
  return fc.record({ resourceSpans: fc.array(resourceSpans, { minLength: 1, maxLength: 2 }) });
}

function spanOf(attributes: fc.Arbitrary<KeyValueMessage[]>): fc.Arbitrary<SpanMessage> {
  const event: fc.Arbitrary<EventMessage> = message({
    timeUnixNano: long,
    name: text,
    attributes,
    droppedAttributesCount: uint32,
  });
  const link: fc.Arbitrary<LinkMessage> = message({
    traceId: bytes(16),
    spanId: bytes(8),
    traceState: text,
    attributes,
    droppedAttributesCount: uint32,
    flags: uint32,
  });
  return fc.record(
    {
      traceId: bytes(16),
      spanId: bytes(8),
      parentSpanId: fc.oneof(bytes(8), fc.constant(new Uint8Array(8))),
      traceState: text,
      flags: uint32,
      name: text,
      kind: fc.integer({ min: -1, max: 7 }),
      startTimeUnixNano: long,
      endTimeUnixNano: long,
      attributes,
      droppedAttributesCount: uint32,
      events: fc.array(event, { maxLength: 2 }),
      droppedEventsCount: uint32,
      links: fc.array(link, { maxLength: 2 }),
      droppedLinksCount: uint32,
      status: message({ message: text, code: fc.integer({ min: 0, max: 3 }) }),
    },
    { requiredKeys: ["traceId", "spanId"] },
  );
}

function valueOf(double: fc.Arbitrary<number>): fc.Arbitrary<ValueMessage> {
  return fc.letrec<{ value: ValueMessage }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.constant({}),
      fc.record({ stringValue: text }),
      fc.record({ boolValue: fc.boolean() }),
      fc.record({ intValue: long }),
      fc.record({ doubleValue: double }),
      fc.record({ bytesValue: fc.uint8Array({ maxLength: 6 }) }),
      fc.record({ arrayValue: fc.record({ values: fc.array(tie("value"), { maxLength: 3 }) }) }),
      fc.record({
        kvlistValue: fc.record({ values: fc.array(keyValueOf(tie("value")), { maxLength: 3 }) }),
      }),
    ),
  })).value;
}

function keyValueOf(value: fc.Arbitrary<ValueMessage>): fc.Arbitrary<KeyValueMessage> {
  return message({ key: text, value });
}

/** Any of the fields may be absent. */
function message<Fields extends object>(fields: {
  [Key in keyof Fields]: fc.Arbitrary<Fields[Key]>;
}): fc.Arbitrary<Partial<Fields>> {
  return fc.record(fields, { requiredKeys: [] }) as fc.Arbitrary<Partial<Fields>>;
}

/** Of one to four bytes in UTF-8, and what JSON escapes; well-formed, for JSON cannot carry lone surrogates. */
const unit = fc.constantFrom(
  ...Array.from('aZ0. \n\0\u007f"\\\u00e9\u2028\ufeff\ufffd\u6f22\u{1f44d}\u{10ffff}'),
);

/** Some are longer than what the reader remembers; some are keys that every object inherits. */
const text: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit, maxLength: 8 }),
  fc.string({ unit, minLength: 20, maxLength: 50 }),
  fc.constantFrom("", "__proto__", "constructor", "gen_ai.request.model", "NaN", "0"),
);

const uint32 = fc.oneof(fc.nat(3), fc.integer({ min: 0, max: 2 ** 32 - 1 }));

const edges = [0n, 1n, -1n, 2n ** 53n - 1n, 2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)];

const long: fc.Arbitrary<Long> = fc
  .oneof(fc.constantFrom(...edges), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }))
  .map((value) => ({
    low: Number(BigInt.asIntN(32, value)),
    high: Number(value >> 32n),
  }));

function bytes(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: length, maxLength: length });
}
