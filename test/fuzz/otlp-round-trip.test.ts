import fc from "fast-check";
import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";

import { referenceDecode, referenceEncode, referenceObject } from "../../bench/otlp-reference.ts";
import { decodeJsonRequest } from "../../schemas/otlp/json-request.ts";
import { tracesData } from "../../schemas/otlp/otlp-json.ts";
import { decodeProtobufRequest } from "../../schemas/otlp/protobuf-request.ts";
import { anyRequest } from "./otlp-spans.ts";

const runs = 500;
/** For a few seconds of work, on a machine that may have much else to do. */
const timeoutMs = 120_000;

test(
  "Any request survives protobuf, the canonical span and OTLP/JSON without loss.",
  () => {
    fc.assert(
      fc.property(anyRequest(), (message) => {
        const bytes = referenceEncode(message);
        const decoded = decodeProtobufRequest(bytes);
        expectEqual(decoded.spans, referenceDecode(bytes));
        const again = decodeJsonRequest(JSON.stringify(tracesData(decoded.spans)));
        expectEqual(again.spans, decoded.spans);
        expect(again.refused.length).toBe(0);
      }),
      { numRuns: runs },
    );
  },
  timeoutMs,
);

test(
  "The JSON that protobuf libraries write means the same as its protobuf twin, however they spell it (otlp.md §7).",
  () => {
    const anySpelling = fc.constantFrom(
      { json: true },
      { json: true, longs: String },
      { json: true, bytes: String, enums: String },
    );
    fc.assert(
      fc.property(anyRequest(true), anySpelling, (message, spelling) => {
        const bytes = referenceEncode(message);
        const twin = decodeJsonRequest(JSON.stringify(referenceObject(bytes, spelling)));
        const decoded = decodeProtobufRequest(bytes);
        expectEqual(twin.spans, decoded.spans);
        expect(twin.refused.length).toBe(decoded.refused.length);
      }),
      { numRuns: runs },
    );
  },
  timeoutMs,
);

/** As toStrictEqual, which takes ten times as long to say yes. */
function expectEqual(actual: unknown, expected: unknown): void {
  expect(isDeepStrictEqual(actual, expected) ? expected : actual).toBe(expected);
}
