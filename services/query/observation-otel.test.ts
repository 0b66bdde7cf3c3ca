import { expect, test } from "vitest";

import { decodeJsonRequest } from "../../schemas/otlp/json-request.ts";
import { queryFixture } from "./testing.ts";

const query = queryFixture();

const request = {
  resourceSpans: [
    {
      resource: { attributes: [{ key: "service.name", value: { stringValue: "s" } }] },
      schemaUrl: "https://opentelemetry.io/schemas/1.27.0",
      scopeSpans: [
        {
          scope: { name: "scope", version: "1" },
          spans: [
            {
              traceId: "0af7651916cd43dd8448eb211c80319c",
              spanId: "b7ad6b7169203331",
              name: "n",
              startTimeUnixNano: "1777000000000000001",
              endTimeUnixNano: "1777000000000000002",
              attributes: [{ key: "__proto__", value: { intValue: "9007199254740993" } }],
              events: [{ timeUnixNano: "1777000000000000001", name: "e" }],
              links: [{ traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "00f067aa0ba902b7" }],
              status: { code: 2 },
            },
          ],
        },
      ],
    },
  ],
};

test("the span of an observation comes back in OTLP/JSON as it was sent", async () => {
  const [span] = decodeJsonRequest(JSON.stringify(request)).spans;
  await query.observations({ project_id: "otel", id: "o", otel: JSON.stringify(span) });
  const { status, body } = await query.get("otel", "/api/public/x/observations/o/otel");
  expect(status).toBe(200);
  expect(body).toEqual(request);
});

test("there is none of an observation that came otherwise, that is another project's, or that does not exist", async () => {
  await query.observations(
    { project_id: "otel", id: "batch" },
    { project_id: "other", id: "theirs", otel: "{}" },
  );
  for (const id of ["batch", "theirs", "none"]) {
    const { status } = await query.get("otel", `/api/public/x/observations/${id}/otel`);
    expect(status).toBe(404);
  }
});
