import { expect, it } from "vitest";

import { basic, startGateway } from "./testing.ts";

const score = { name: "quality", value: 0.5, traceId: "t1" };

it("write-api §1.1: a score is answered with its id, and is in the log as the event that a batch would hold", async () => {
  const gateway = await startGateway({ now: () => Date.UTC(2026, 4, 1) });
  const answer = await gateway.post("/api/public/scores", { ...score, id: "s1", unknown: 1 });
  expect(answer).toMatchObject({ status: 200, body: { id: "s1" } });
  expect(gateway.events()).toEqual([
    {
      id: expect.any(String),
      type: "score-create",
      timestamp: "2026-05-01T00:00:00.000Z",
      body: { ...score, id: "s1", environment: null },
    },
  ]);
  expect(gateway.records()[0]?.header).toMatchObject({ dialect: "langfuse", project: "p1" });
});

it.each([undefined, "", null])(
  "write-api §1.1: a score without an id (%j) gets one, and says which",
  async (id) => {
    const gateway = await startGateway();
    const answer = await gateway.post("/api/public/scores", { ...score, id });
    expect(answer.body.id).toMatch(/^[\da-f-]{36}$/);
    expect(gateway.events()).toMatchObject([{ body: { id: answer.body.id } }]);
  },
);

it("write-api §1.8: a public key alone may write it", async () => {
  const gateway = await startGateway();
  const answer = await gateway.post("/api/public/scores", score, {
    authorization: "Bearer pk-lf-1",
  });
  expect(answer.status).toBe(200);
  expect(gateway.records()[0]?.header).toMatchObject({ project: "p1", keyId: "pk-lf-1" });
});

it.each([
  ["no target", { ...score, traceId: undefined }],
  ["two targets", { ...score, sessionId: "s" }],
  ["no name", { ...score, name: "" }],
  ["a boolean for a value", { ...score, value: true }],
  ["a source it may not claim", { ...score, source: "EVAL" }],
  ["an annotation without its config", { ...score, source: "ANNOTATION" }],
  ["an empty list", []],
])(
  "write-api §2.7, §6 #11: a score that breaks the rules gets 400 with a list of findings: %s",
  async (_what, body) => {
    const gateway = await startGateway();
    const answer = await gateway.post("/api/public/scores", body);
    expect(answer).toMatchObject({ status: 400, body: { message: "Invalid request data" } });
    expect(answer.body.error).toMatchObject([
      { code: expect.any(String), path: expect.any(Array), message: expect.any(String) },
    ]);
    expect(gateway.records()).toEqual([]);
  },
);

it("a score nested too deeply gets 400", async () => {
  const gateway = await startGateway();
  const metadata = `${"[".repeat(5_000)}${"]".repeat(5_000)}`;
  const text = `${JSON.stringify(score).slice(0, -1)},"metadata":${metadata}}`;
  const answer = await gateway.post("/api/public/scores", text);
  expect(answer.status).toBe(400);
  expect(answer.body.error).toHaveLength(1);
});

it.each([
  [401, { authorization: null }],
  [401, { authorization: basic("pk-lf-1:nope") }],
  [403, { authorization: basic("pk-lf-org:sk-lf-org") }],
])(
  "write-api §1.3: a caller that is nobody's gets %i with a message alone",
  async (status, headers) => {
    const gateway = await startGateway();
    const answer = await gateway.post("/api/public/scores", score, headers);
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({ message: expect.any(String) });
    expect(gateway.records()).toEqual([]);
  },
);

it("write-api §8.5: text that is no JSON gets a JSON 400", async () => {
  const gateway = await startGateway();
  const answer = await gateway.post("/api/public/scores", "{");
  expect(answer).toMatchObject({ status: 400, body: { error: "InvalidRequestError" } });
});
