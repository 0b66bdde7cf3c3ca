import { expect, it } from "vitest";

import { answerOf, basic, startGateway } from "./testing.ts";
import type { Answer, TestGateway } from "./testing.ts";

it("write-api §1.1, §3.9: a delete is answered 202 once it is in the log, whether or not the score is known", async () => {
  const gateway = await startGateway();
  const answer = await remove(gateway, "a%2Fb");
  expect(answer.status).toBe(202);
  expect(answer.body).toEqual({ message: "Score deletion queued successfully" });
  expect(gateway.events()).toEqual([{ kind: "score", id: "a/b" }]);
  expect(gateway.records()[0]?.header).toMatchObject({ dialect: "delete", project: "p1" });
});

it.each([
  [403, "Bearer pk-lf-1"],
  [403, basic("pk-lf-org:sk-lf-org")],
  [401, basic("pk-lf-1:nope")],
])(
  "write-api §1.8: %i for whoever may not delete, and nothing is in the log",
  async (status, authorization) => {
    const gateway = await startGateway();
    const answer = await remove(gateway, "s1", authorization);
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({ message: expect.any(String) });
    expect(gateway.records()).toEqual([]);
  },
);

it.each([
  ["POST", "/api/public/scores/s1"],
  ["PUT", "/api/public/scores"],
])("%s %s gets 405, also without a key", async (method, path) => {
  const { url } = await startGateway();
  expect((await answerOf(fetch(url + path, { method }))).status).toBe(405);
});

function remove(
  gateway: TestGateway,
  id: string,
  authorization = basic("pk-lf-1:sk-lf-1"),
): Promise<Answer> {
  const url = `${gateway.url}/api/public/scores/${id}`;
  return answerOf(fetch(url, { method: "DELETE", headers: { authorization } }));
}
