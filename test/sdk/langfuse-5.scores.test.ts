import type { LangfuseClient } from "@langfuse/client";
import { afterAll, beforeAll, expect, test } from "vitest";

import { eventually, startServer } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { expectSilentConsole, expectSilentServer, langfuse3, langfuse5 } from "./clients.ts";
import { at, bareScore, byId, momentSince } from "./expected.ts";

let server: StartedServer;
let client: LangfuseClient;

expectSilentConsole();
expectSilentServer(() => server);
beforeAll(async () => {
  server = await startServer();
  client = langfuse5(server);
});
afterAll(() => server.stop());

test("Scores of every kind that the score manager sends come back field by field.", async () => {
  const since = Date.now();
  const { langfuse, flush } = langfuse3(server);
  langfuse.trace({ id: "trace", timestamp: at(0), userId: "user", sessionId: "session" });
  await flush();
  const of = { traceId: "trace" };
  client.score.create({
    ...of,
    id: "1-number",
    name: "precision",
    value: 0.123456789,
    comment: "why",
    metadata: { judge: { model: "m" }, round: 2 },
    environment: "production",
  });
  client.score.create({ ...of, id: "2-no", name: "safe", value: 0, dataType: "BOOLEAN" });
  client.score.create({ ...of, id: "3-class", name: "tone", value: "calm" });
  client.score.create({ ...of, id: "4-text", name: "note", value: "a word", dataType: "TEXT" });
  client.score.create({ ...of, id: "5-part", name: "ok", value: -1, observationId: "unseen" });
  client.score.create({ id: "6-session", sessionId: "session", name: "mood", value: 5 });
  await client.score.flush();
  const { data } = await eventually(
    () => client.api.scores.getMany(),
    ({ data: shown, meta }) =>
      // The trace was sent before, and is shown with its scores once it is stored too.
      meta.totalItems === 6 && shown.every((score) => score.traceId === null || score.trace),
  );

  const own = {
    ...bareScore,
    traceId: "trace",
    sessionId: null,
    datasetRunId: null,
    timestamp: momentSince(since),
    createdAt: momentSince(since),
    updatedAt: momentSince(since),
  };
  const expected = [
    {
      ...own,
      id: "1-number",
      name: "precision",
      value: 0.123456789,
      comment: "why",
      metadata: { judge: { model: "m" }, round: 2 },
      environment: "production",
    },
    { ...own, id: "2-no", name: "safe", dataType: "BOOLEAN", value: 0, stringValue: "False" },
    { ...own, id: "3-class", name: "tone", dataType: "CATEGORICAL", value: 0, stringValue: "calm" },
    { ...own, id: "4-text", name: "note", dataType: "TEXT", stringValue: "a word" },
    { ...own, id: "5-part", name: "ok", value: -1, observationId: "unseen" },
    { ...own, id: "6-session", name: "mood", value: 5, traceId: null, sessionId: "session" },
  ];
  const trace = { userId: "user", sessionId: "session", tags: [], environment: "staging" };
  expect(byId(data)).toStrictEqual(
    expected.map((score) => ({ ...score, trace: score.traceId === null ? null : trace })),
  );
  for (const score of expected) {
    expect(await client.api.scores.getById(score.id)).toStrictEqual(score);
  }
});

test("A score without an id gets one, and its default environment.", async () => {
  client.score.create({ traceId: "anonymous", name: "only-one", value: 3 });
  await client.score.flush();
  const { data } = await eventually(
    () => client.api.scores.getMany({ name: "only-one", fields: "score" }),
    ({ meta }) => meta.totalItems === 1,
  );
  expect(data[0]).toMatchObject({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    traceId: "anonymous",
    value: 3,
    environment: "default",
    trace: null,
  });
});

test("More scores than one request holds arrive, each once.", async () => {
  const count = 250;
  for (let n = 0; n < count; n += 1) {
    client.score.create({ id: `many-${n}`, traceId: "many", name: "many", value: n });
  }
  // The first flush ends with the request that the tenth score had begun; what came after goes with the second.
  await client.score.flush();
  await client.score.flush();
  const pages = await eventually(
    () => client.api.scores.getMany({ name: "many", fields: "score", limit: 100 }),
    ({ meta }) => meta.totalItems === count,
  );
  expect(pages.meta).toStrictEqual({ page: 1, limit: 100, totalItems: count, totalPages: 3 });
});

test("A score created through the API reads like the others, and is gone once deleted.", async () => {
  const { id } = await client.api.legacy.scoreV1.create({
    traceId: "direct",
    name: "direct",
    value: 1,
    dataType: "BOOLEAN",
  });
  const found = (): ReturnType<typeof client.api.scores.getMany> =>
    client.api.scores.getMany({ scoreIds: id, fields: "score" });
  const { data } = await eventually(found, ({ meta }) => meta.totalItems === 1);
  expect(data[0]).toMatchObject({ id, name: "direct", value: 1, stringValue: "True" });

  await client.api.legacy.scoreV1.delete(id);
  await eventually(found, ({ meta }) => meta.totalItems === 0);
  await expect(client.api.scores.getById(id)).rejects.toMatchObject({ statusCode: 404 });
});
