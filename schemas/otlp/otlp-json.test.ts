import { expect, test } from "vitest";

import { emptyResource, emptyScope, emptySpan } from "./drafts.ts";
import { decodeJsonRequest } from "./json-request.ts";
import { tracesData } from "./otlp-json.ts";

const ids = { traceId: "0102030405060708090a0b0c0d0e0f10", spanId: "0102030405060708" };
const shop = { ...emptyResource(), attributes: [["service.name", "shop"] as const] };

test("A span is written as the OTLP specification asks: integers as text, bytes as base64, no defaults.", () => {
  const span = {
    ...emptySpan(shop, emptyScope()),
    ...ids,
    kind: 3,
    attributes: [
      ["int", 1],
      ["double", { double: "NaN" }],
      ["bytes", { bytes: "+/8=" }],
      ["none", null],
      ["empty", ""],
    ] as const,
  };
  const written = {
    ...ids,
    kind: 3,
    startTimeUnixNano: "0",
    endTimeUnixNano: "0",
    attributes: [
      { key: "int", value: { intValue: "1" } },
      { key: "double", value: { doubleValue: "NaN" } },
      { key: "bytes", value: { bytesValue: "+/8=" } },
      { key: "none", value: {} },
      { key: "empty", value: { stringValue: "" } },
    ],
  };
  expect(tracesData([span])).toStrictEqual({
    resourceSpans: [
      {
        resource: { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] },
        scopeSpans: [{ scope: {}, spans: [written] }],
      },
    ],
  });
});

test("Neighbours share an equal resource and scope, and the order stays.", () => {
  const scope = { ...emptyScope(), name: "lib" };
  const spans = [shop, { ...shop }, emptyResource(), shop].flatMap((resource) => [
    { ...emptySpan(resource, scope), ...ids },
    { ...emptySpan(resource, { ...scope, schemaUrl: "url" }), ...ids },
  ]);
  const data = tracesData(spans);
  expect(data.resourceSpans).toHaveLength(3);
  expect(decodeJsonRequest(JSON.stringify(data)).spans).toStrictEqual(spans);
});
