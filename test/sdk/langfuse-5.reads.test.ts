import { LangfuseClient } from "@langfuse/client";
import { afterAll, beforeAll, expect, test } from "vitest";

import { project, startServer } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { expectSilentConsole, expectSilentServer, langfuse3, langfuse5 } from "./clients.ts";
import { byId, zeroPrices } from "./expected.ts";
import { storyTotals, tellStory } from "./story.ts";
import type { Story } from "./story.ts";

let server: StartedServer;
let client: LangfuseClient;
let story: Story;

expectSilentConsole();
expectSilentServer(() => server);
beforeAll(async () => {
  server = await startServer();
  client = langfuse5(server);
  story = await tellStory(server, langfuse3(server));
});
afterAll(() => server.stop());

const htmlPath = `/project/${project.id}/traces/story`;
const onePage = { page: 1, limit: 50, totalItems: 1, totalPages: 1 };

test("api.trace.get gives every field of a trace, its observations and its scores.", async () => {
  const { observations, scores, ...trace } = await client.api.trace.get("story");
  expect(trace).toStrictEqual({ ...story.trace, ...storyTotals, htmlPath });
  expect(byId(observations)).toStrictEqual(
    story.observations.map((observation) => ({ ...observation, ...zeroPrices })),
  );
  expect(byId(scores)).toStrictEqual(story.scores);
});

test("api.trace.get leaves out the groups of fields that are not asked for.", async () => {
  const notAsked = { observations: [], scores: [], totalCost: -1, latency: -1 };
  const noPayload = { input: null, output: null, metadata: {} };
  expect(await client.api.trace.get("story", { fields: "core" })).toStrictEqual({
    ...story.trace,
    ...noPayload,
    ...notAsked,
    htmlPath,
  });
  expect(await client.api.trace.get("story", { fields: "io,metrics" })).toStrictEqual({
    ...story.trace,
    ...notAsked,
    ...storyTotals,
    htmlPath,
  });
});

test("api.trace.list gives every field of a trace, and finds it by repeated keys.", async () => {
  const { data, meta } = await client.api.trace.list({
    name: "support chat",
    tags: ["paid", "beta"],
    environment: ["production", "staging"],
    fromTimestamp: "2025-03-01T10:00:00Z",
    orderBy: "timestamp.asc",
  });
  expect(meta).toStrictEqual(onePage);
  expect(
    data.map(({ observations, scores, ...trace }) => ({
      ...trace,
      observations: observations?.toSorted(),
      scores: scores?.toSorted(),
    })),
  ).toStrictEqual([
    {
      ...story.trace,
      ...storyTotals,
      htmlPath,
      observations: story.observations.map(({ id }) => id),
      scores: story.scores.map(({ id }) => id),
    },
  ]);
  const none = await client.api.trace.list({ tags: ["paid", "gamma"] });
  expect(none).toStrictEqual({ data: [], meta: { ...onePage, totalItems: 0, totalPages: 0 } });
});

test("api.legacy.observationsV1 gives every field of each observation, alone and in lists.", async () => {
  const { observationsV1 } = client.api.legacy;
  for (const expected of story.observations) {
    expect(await observationsV1.get(expected.id)).toStrictEqual(expected);
  }
  const { data, meta } = await observationsV1.getMany({ traceId: "story", limit: 3, page: 2 });
  expect(data).toStrictEqual(story.observations.toReversed().slice(3, 6));
  expect(meta).toStrictEqual({ page: 2, limit: 3, totalItems: 7, totalPages: 3 });
  const failed = await observationsV1.getMany({ level: "ERROR", type: "GENERATION" });
  expect(failed.data).toStrictEqual([story.observations[6]]);
});

test("api.sessions gives every field of a session, and its traces.", async () => {
  const session = {
    id: "session-1",
    projectId: project.id,
    createdAt: story.trace["createdAt"],
    environment: "staging",
  };
  expect(await client.api.sessions.list()).toStrictEqual({ data: [session], meta: onePage });
  expect(await client.api.sessions.get("session-1")).toStrictEqual({
    ...session,
    traces: [story.trace],
  });
});

test("api.scores gives every field of each score, alone and in lists with their trace.", async () => {
  const scores = story.scores.map((score) => ({ ...score, sessionId: null, datasetRunId: null }));
  for (const expected of scores) {
    expect(await client.api.scores.getById(expected.id)).toStrictEqual(expected);
  }
  const { data, meta } = await client.api.scores.getMany({ traceId: "story" });
  expect(byId(data)).toStrictEqual(
    scores.map((score) => ({
      ...score,
      trace: {
        userId: "user-1",
        sessionId: "session-1",
        tags: ["beta", "paid"],
        environment: "staging",
      },
    })),
  );
  expect(meta).toStrictEqual({ page: 1, limit: 50, totalItems: 4, totalPages: 1 });
});

test.for([
  ["a name", { name: "tone" }, ["story-3-class"]],
  ["a type", { dataType: "BOOLEAN" }, ["story-2-yes", "story-4-part"]],
  ["a value", { operator: ">=", value: 0.5, dataType: "NUMERIC" }, ["story-1-number"]],
  ["a user of the trace", { userId: "nobody" }, []],
  ["tags of the trace", { traceTags: ["beta"], name: "solved" }, ["story-2-yes"]],
  ["ids", { scoreIds: "story-1-number,story-3-class" }, ["story-1-number", "story-3-class"]],
  ["an observation", { observationId: "story-4-generation" }, ["story-4-part"]],
  ["a source", { source: "ANNOTATION" }, []],
] as const)("api.scores.getMany finds scores by %s.", async ([, query, ids]) => {
  const { data } = await client.api.scores.getMany(query as ScoresQuery);
  expect(data.map(({ id }) => id).toSorted()).toStrictEqual(ids);
});

test("api.projects gives the key's project, and getTraceUrl builds on it.", async () => {
  expect(await client.api.projects.get()).toStrictEqual({
    data: [
      {
        id: project.id,
        name: "Default Project",
        organization: { id: "default", name: "Default Organization" },
        metadata: {},
      },
    ],
  });
  expect(await client.getTraceUrl("story")).toBe(`${server.url}${htmlPath}`);
});

test("What is not there, and keys that are not known, come as the SDK's own errors.", async () => {
  const notFound = { statusCode: 404, body: { error: "LangfuseNotFoundError" } };
  await expect(client.api.trace.get("none")).rejects.toMatchObject(notFound);
  await expect(client.api.legacy.observationsV1.get("none")).rejects.toMatchObject(notFound);
  await expect(client.api.scores.getById("none")).rejects.toMatchObject(notFound);
  await expect(client.api.sessions.get("none")).rejects.toMatchObject(notFound);
  const stranger = new LangfuseClient({
    baseUrl: server.url,
    publicKey: project.publicKey,
    secretKey: "sk-lf-of-nobody",
  });
  await expect(stranger.api.trace.list()).rejects.toMatchObject({ statusCode: 401 });
});

type ScoresQuery = NonNullable<Parameters<LangfuseClient["api"]["scores"]["getMany"]>[0]>;
