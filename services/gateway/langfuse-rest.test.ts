import { expect, test } from "vitest";

import { basic, startGateway } from "./testing.ts";

test.each([
  ["POST", "traces", { name: "n" }, "trace-create", { name: "n" }],
  ["POST", "events", { traceId: "t" }, "observation-create", { traceId: "t", type: "EVENT" }],
  ["POST", "spans", { traceId: "t" }, "observation-create", { traceId: "t", type: "SPAN" }],
  ["PATCH", "spans", { spanId: "x" }, "observation-update", { id: "x", type: "SPAN" }],
  [
    "POST",
    "generations",
    { prompt: "p", completion: "c", model: "m" },
    "observation-create",
    { type: "GENERATION", input: "p", output: "c", model: "m" },
  ],
  [
    "PATCH",
    "generations",
    { generationId: "x" },
    "observation-update",
    { id: "x", type: "GENERATION" },
  ],
])("write-api §1.1: %s /%s with %j is logged as %s", async (method, path, body, type, logged) => {
  const gateway = await startGateway();
  const answer = await gateway.send(method, `/api/public/${path}`, body);
  expect(answer.status).toBe(200);
  const [event] = gateway.events();
  expect(event).toMatchObject({ type, body: { ...logged, id: answer.body.id } });
});

test("write-api §1.1: an id of the client's is kept", async () => {
  const gateway = await startGateway();
  const answer = await gateway.send("POST", "/api/public/traces", { id: "mine" });
  expect(answer.body).toEqual({ id: "mine" });
});

test.each([
  ["POST", "traces", { name: 5 }, ["name"]],
  ["POST", "spans", { startTime: "yesterday" }, ["startTime"]],
  ["POST", "spans", { id: 0 }, ["id"]],
  ["PATCH", "spans", {}, ["spanId"]],
  ["POST", "traces", [], []],
])(
  "write-api §1.1, §6 #11: %s /%s with %j is refused, and nothing is logged",
  async (method, path, body, where) => {
    const gateway = await startGateway();
    const answer = await gateway.send(method, `/api/public/${path}`, body);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({
      message: "Invalid request data",
      error: [{ path: where }],
    });
    expect(gateway.records()).toEqual([]);
  },
);

test.each([
  ["POST", "traces"],
  ["POST", "spans"],
  ["PATCH", "generations"],
  ["DELETE", "traces/t"],
  ["DELETE", "traces"],
])("a public key alone may not %s /%s (write-api §1.8)", async (method, path) => {
  const gateway = await startGateway();
  const answer = await gateway.send(
    method,
    `/api/public/${path}`,
    {},
    { authorization: "Bearer pk-lf-1" },
  );
  expect(answer.status).toBe(403);
  expect(answer.body).toEqual({
    message: "Access denied - insufficient permissions for this endpoint",
  });
  expect(gateway.records()).toEqual([]);
});

test.each([
  ["POST", "traces", '{"id":9007199254740993}', "id"],
  ["POST", "spans", '{"name":1e400}', "name"],
  ["PATCH", "generations", '{"generationId":"x","statusMessage":1e400}', "statusMessage"],
])("%s /%s refuses a number of any size for a text: %s", async (method, path, body, field) => {
  const gateway = await startGateway();
  const answer = await gateway.send(method, `/api/public/${path}`, body);
  expect(answer.status).toBe(400);
  expect(answer.body).toMatchObject({ error: [{ path: [field] }] });
  expect(gateway.records()).toEqual([]);
});

test("numbers beyond a double keep their digits in the payload, and no other field has text for one", async () => {
  const gateway = await startGateway();
  const body =
    '{"id":"g","prompt":[1e400],"metadata":{"n":9007199254740993},"modelParameters":{"seed":9007199254740993}}';
  expect((await gateway.post("/api/public/generations", body)).status).toBe(200);
  expect(gateway.events()).toMatchObject([
    {
      body: {
        input: ["1e400"],
        metadata: { n: "9007199254740993" },
        modelParameters: { seed: 9_007_199_254_740_992 },
      },
    },
  ]);
});

test("write-api §1.1, §3.9: one trace is deleted by its id, as a record under the trace's key", async () => {
  const gateway = await startGateway();
  const answer = await gateway.send("DELETE", "/api/public/traces/a%2Fb", undefined);
  expect(answer.status).toBe(200);
  expect(answer.body).toEqual({ message: "Trace deleted successfully" });
  expect(gateway.records()).toMatchObject([
    { header: { dialect: "delete", project: "p1" }, body: '{"kind":"trace","id":"a/b"}' },
  ]);
});

test("write-api §1.1, §3.9: many traces are deleted in one request", async () => {
  const gateway = await startGateway();
  const answer = await gateway.send("DELETE", "/api/public/traces", { traceIds: ["a", "b"] });
  expect(answer).toMatchObject({
    status: 200,
    body: { message: "Traces deleted successfully" },
  });
  expect(gateway.records()).toHaveLength(2);
});

test.each([
  {},
  { traceIds: [] },
  { traceIds: ["a"], more: 1 },
  '{"traceIds":[9007199254740993]}',
  { traceIds: Array.from({ length: 1001 }, String) },
])("write-api §1.1: a bulk delete of %j is refused", async (body) => {
  const gateway = await startGateway();
  expect((await gateway.send("DELETE", "/api/public/traces", body)).status).toBe(400);
  expect(gateway.records()).toEqual([]);
});

test("write-api §3.9: what comes after a delete, within its millisecond, is not killed by it", async () => {
  const gateway = await startGateway({ now: () => 1_000 });
  await gateway.send("DELETE", "/api/public/scores/s", undefined);
  await gateway.send("POST", "/api/public/scores", { id: "s", name: "n", value: 1, traceId: "t" });
  const [deletion, score] = gateway.records().map(({ header }) => header.receivedAt);
  expect(Number(score)).toBeGreaterThan(Number(deletion));
});

test("another project's key deletes in its own project alone", async () => {
  const gateway = await startGateway();
  const headers = { authorization: basic("pk-lf-2:sk-lf-2") };
  await gateway.send("DELETE", "/api/public/traces/t", undefined, headers);
  expect(gateway.records()).toMatchObject([{ header: { project: "p2" } }]);
});
