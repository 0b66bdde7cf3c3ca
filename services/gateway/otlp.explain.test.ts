import { expect, it } from "vitest";

import { exportOf, otlpSpan, postProtobuf, protobufOf, startGateway } from "./testing.ts";

const path = "/api/public/x/otel/explain";

const attributes = [
  { key: "gen_ai.request.model", value: { stringValue: "gpt-4o" } },
  { key: "my.own", value: { stringValue: "kept" } },
];

it("says which attribute fed which field and what stayed unmapped, and stores nothing", async () => {
  const gateway = await startGateway();
  const span = otlpSpan({ attributes });
  const request = exportOf(span, otlpSpan({ spanId: "" }), otlpSpan({ spanId: "" }));
  const json = await gateway.post(path, request);
  expect(json.status).toBe(200);
  expect(json.body).toMatchObject({
    spans: [
      {
        spanId: span.spanId,
        fields: expect.any(Object),
        steps: expect.arrayContaining([
          expect.objectContaining({ field: "model", use: "used", source: "gen_ai.request.model" }),
        ]),
        unmapped: ["my.own"],
      },
    ],
    spansNotShown: 0,
    refused: [{ reason: "spanId:absent", scope: "scope", spans: 2 }],
  });

  const protobuf = await postProtobuf(gateway, path, protobufOf(request));
  expect(protobuf.headers.get("content-type")).toContain("application/json");
  expect(JSON.parse(protobuf.bytes.toString())).toEqual(json.body);
  expect(gateway.records()).toEqual([]);
});

it("shows the first hundred spans and counts the others", async () => {
  const gateway = await startGateway();
  const spans = Array.from({ length: 103 }, () => otlpSpan());
  const { body } = await gateway.post(path, exportOf(...spans));
  expect(body).toMatchObject({ spansNotShown: 3 });
  expect((body as { spans?: unknown[] }).spans).toHaveLength(100);
});

it("needs a key, and a body that is OTLP", async () => {
  const gateway = await startGateway();
  expect((await gateway.post(path, {}, { authorization: null })).status).toBe(401);
  expect((await gateway.post(path, "{")).status).toBe(400);
  expect((await gateway.post(path, "{}", { "content-type": "text/plain" })).status).toBe(415);
});
