import { expect, it } from "vitest";

import { startGateway } from "./testing.ts";

const score = { name: "quality", value: 0.5, traceId: "t1" };

it("a list of scores gets 202 once all of them are in the log, each with its own time", async () => {
  const gateway = await startGateway({ now: () => Date.UTC(2026, 4, 1) });
  const timestamp = "2026-04-30T12:00:00.123456+00:00";
  const answer = await gateway.post("/api/public/scores", [
    { ...score, id: "s1", timestamp },
    { ...score, traceId: "t2" },
  ]);
  expect(answer).toMatchObject({ status: 202, body: { message: "Accepted" } });
  expect(answer.headers.get("x-sluice-position")).toEqual(expect.any(String));
  expect(gateway.events()).toHaveLength(2);
  expect(gateway.events()).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ timestamp, body: { ...score, id: "s1", environment: null } }),
      expect.objectContaining({
        timestamp: "2026-05-01T00:00:00.000Z",
        body: { ...score, traceId: "t2", id: expect.any(String), environment: null },
      }),
    ]),
  );
});

it("a bad score of a list costs no other: 207 says how many were taken, and why not the rest", async () => {
  const gateway = await startGateway();
  const answer = await gateway.post("/api/public/scores", [
    { ...score, name: "" },
    { ...score, id: "good" },
    null,
    { ...score, source: "EVAL" },
  ]);
  expect(answer).toMatchObject({ status: 207, body: { accepted: 1, rejected: 3 } });
  expect(answer.body.errors).toMatchObject([
    { index: 0, message: expect.stringContaining("Score 0: name: ") },
    { index: 2, message: expect.stringContaining("Score 2: ") },
    { index: 3, message: expect.stringContaining("Score 3: source: ") },
  ]);
  expect(gateway.events()).toMatchObject([{ body: { id: "good" } }]);
});

it("a list without one good score leaves nothing in the log", async () => {
  const gateway = await startGateway();
  const answer = await gateway.post("/api/public/scores", [{}]);
  expect(answer).toMatchObject({ status: 207, body: { accepted: 0, rejected: 1 } });
  expect(gateway.records()).toEqual([]);
});
