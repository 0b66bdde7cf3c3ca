import { expect, it } from "vitest";

import { basic, event, startGateway } from "./testing.ts";

const host = "Confirm that you've configured the correct host.";

it.each([
  ["no header", null, "No authorization header"],
  ["a scheme in lower case", "basic eDp5", "Invalid authorization header"],
  ["half a pair", basic("pk-lf-1:"), `Invalid authorization header. ${host}`],
  ["an unknown secret", basic("pk-lf-1:nope"), `Invalid credentials. ${host}`],
  ["an unknown public key", "Bearer nope", `Invalid public key. ${host}`],
  [
    "an organization's pair",
    basic("pk-lf-org:sk-lf-org"),
    "Missing projectId in scope. Are you using an organization key?",
  ],
  [
    "an organization's public key",
    "Bearer pk-lf-org",
    `Unauthorized: Cannot use organization key with bearer auth. ${host}`,
  ],
])(
  "write-api §1.3: a caller that is nobody's gets 401 and stores nothing: %s",
  async (_what, authorization, message) => {
    const gateway = await startGateway();
    const answer = await gateway.ingest([event("trace-create")], { authorization });
    expect(answer).toMatchObject({ status: 401, body: { error: "UnauthorizedError", message } });
    expect(gateway.records()).toEqual([]);
  },
);

it("write-api §1.2: the key is asked for before the envelope is looked at, and after the text", async () => {
  const gateway = await startGateway();
  const nobody = { authorization: null };
  expect((await gateway.post("/api/public/ingestion", {}, nobody)).status).toBe(401);
  expect((await gateway.post("/api/public/ingestion", "{", nobody)).status).toBe(400);
});

it("write-api §1.7, §6 #8: events go to the project of the secret, whatever public key stands beside it", async () => {
  const gateway = await startGateway();
  await gateway.ingest([event("trace-create")], { authorization: basic("pk-lf-1:sk-lf-2") });
  expect(gateway.records()[0]?.header).toMatchObject({ project: "p2", keyId: "pk-lf-2" });
});
