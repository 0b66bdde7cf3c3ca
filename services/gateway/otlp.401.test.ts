import { expect, it } from "vitest";

import { basic, exportOf, otlpSpan, postProtobuf, startGateway } from "./testing.ts";

const path = "/api/public/otel/v1/traces";
const unauthenticated = 16;
const permissionDenied = 7;

it.each([
  ["no header", null, 401, "No authorization header"],
  ["another scheme", "Digest x", 401, "Invalid authorization header"],
  ["an unknown key", basic("pk-lf-1:sk-lf-no"), 401, "Invalid credentials."],
  ["a public key alone", "Bearer pk-lf-1", 403, "Access denied - insufficient permissions"],
  ["the key of an organization", basic("pk-lf-org:sk-lf-org"), 403, "organization"],
])(
  "%s is refused in words that SDKs show (otlp.md §1.3)",
  async (_what, authorization, status, words) => {
    const gateway = await startGateway();
    for (const target of [path, "/v1/traces", "/v1/logs", "/v1/metrics"]) {
      const answer = await gateway.post(target, exportOf(otlpSpan()), { authorization });
      expect(answer.status).toBe(status);
      expect(answer.body).toMatchObject({
        code: status === 401 ? unauthenticated : permissionDenied,
        message: expect.stringContaining(words),
      });
    }
    expect(gateway.records()).toEqual([]);
  },
);

it("the key is asked for before the body is looked at (§1.2)", async () => {
  const gateway = await startGateway();
  const answer = await gateway.post(path, "no gzip", {
    authorization: null,
    "content-type": "text/plain",
    "content-encoding": "gzip",
  });
  expect(answer.status).toBe(401);
});

it("a protobuf client reads the refusal as a google.rpc.Status", async () => {
  const gateway = await startGateway();
  const answer = await postProtobuf(gateway, path, new Uint8Array(), { authorization: "x" });
  expect(answer.status).toBe(401);
  expect([...answer.bytes.subarray(0, 3)]).toEqual([0x08, unauthenticated, 0x12]);
  expect(answer.bytes.toString()).toContain("Invalid authorization header");
});

it("spans go to the project of the key, whatever the scope says of another (§1.7)", async () => {
  const gateway = await startGateway();
  const scope = { attributes: [{ key: "public_key", value: { stringValue: "pk-lf-1" } }] };
  const batch = { resourceSpans: [{ scopeSpans: [{ scope, spans: [otlpSpan()] }] }] };
  const headers = { authorization: basic("pk-lf-2:sk-lf-2"), "x-langfuse-public-key": "pk-lf-1" };
  expect((await gateway.post(path, batch, headers)).status).toBe(200);
  expect(gateway.records().map(({ header }) => header.project)).toEqual(["p2"]);
});
