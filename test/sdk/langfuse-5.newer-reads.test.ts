import type { LangfuseClient } from "@langfuse/client";
import { afterAll, beforeAll, expect, test } from "vitest";

import { startServer } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { expectSilentConsole, expectSilentServer, langfuse3, langfuse5 } from "./clients.ts";
import { byId } from "./expected.ts";
import { tellStory } from "./story.ts";
import type { Story } from "./story.ts";

/** The routes of the newer generation, and what the client has besides reads of traces. */

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

const everyGroup = "core,basic,time,io,metadata,model,usage,prompt,metrics,trace_context";

test("api.observations gives every field of each observation in the groups that are asked for.", async () => {
  const { data, meta } = await client.api.observations.getMany({
    traceId: "story",
    fields: everyGroup,
  });
  expect(data).toStrictEqual(
    story.observations.toReversed().map((observation) => newerOf(observation)),
  );
  expect(meta).toStrictEqual({});
  const { data: bare } = await client.api.observations.getMany({ fields: "core", name: "draft" });
  expect(bare).toStrictEqual([
    { ...coreOf(story.observations[3]), latency: 1.5, timeToFirstToken: null },
  ]);
});

test("api.observations comes page by page to its end, each observation once.", async () => {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.api.observations.getMany({
      traceId: "story",
      limit: 3,
      ...(cursor !== undefined && { cursor }),
    });
    ids.push(...page.data.map(({ id }) => id));
    cursor = page.meta.cursor;
  } while (cursor !== undefined);
  expect(ids).toStrictEqual(story.observations.map(({ id }) => id).toReversed());
});

test.for([
  ["a type", { type: "EVENT" }, ["story-3-event"]],
  ["a level", { level: "ERROR" }, ["story-7-aliases"]],
  [
    "a user and an environment",
    { userId: "user-1", environment: ["staging"], type: "EVENT" },
    ["story-3-event"],
  ],
  ["a session and a version", { sessionId: "session-1", version: "s1" }, ["story-1-answer"]],
  ["being a root", { isRootObservation: true }, ["story-1-answer"]],
  [
    "a parent and a start",
    { parentObservationId: "story-1-answer", toStartTime: "2025-03-01T10:00:00.200Z" },
    ["story-2-empty"],
  ],
  [
    "conditions",
    {
      filter: JSON.stringify([
        { type: "string", column: "name", operator: "starts with", value: "buck" },
      ]),
    },
    ["story-5-buckets"],
  ],
] as const)("api.observations.getMany finds observations by %s.", async ([, query, ids]) => {
  const { data } = await client.api.observations.getMany(query as ObservationsQuery);
  expect(data.map(({ id }) => id)).toStrictEqual(ids);
});

test("api.scoresV3 gives every field of each score in the groups that are asked for.", async () => {
  const { data, meta } = await client.api.scoresV3.getManyV3({
    traceId: "story",
    fields: "core,details,subject,annotation",
  });
  expect(byId(data)).toStrictEqual(story.scores.map((score) => newerScoreOf(score)));
  expect(meta).toStrictEqual({ limit: 50 });
  const first = await client.api.scoresV3.getManyV3({ limit: 3 });
  const rest = await client.api.scoresV3.getManyV3({ limit: 3, cursor: first.meta.cursor ?? "" });
  expect(byId([...first.data, ...rest.data]).map(({ id }) => id)).toStrictEqual(
    story.scores.map(({ id }) => id),
  );
  const yes = await client.api.scoresV3.getManyV3({ dataType: "BOOLEAN", value: "true" });
  expect(yes.data.map(({ id }) => id)).toStrictEqual(["story-2-yes"]);
});

test("What cannot be asked comes as the SDK's own error.", async () => {
  const refused = { statusCode: 400 };
  const { observations, scoresV3 } = client.api;
  await expect(observations.getMany({ cursor: "garbage" })).rejects.toMatchObject(refused);
  await expect(observations.getMany({ filter: "[{" })).rejects.toMatchObject(refused);
  await expect(scoresV3.getManyV3({ fields: "everything" })).rejects.toMatchObject(refused);
});

test("The client's own names for reads give what its API gives.", async () => {
  const { legacy, observations, sessions, trace } = client.api;
  const one = "story-3-event";
  expect(await client.fetchTrace("story")).toStrictEqual(await trace.get("story"));
  expect(await client.fetchTraces()).toStrictEqual(await trace.list());
  expect(await client.fetchObservation(one)).toStrictEqual(await legacy.observationsV1.get(one));
  expect(await client.fetchObservations()).toStrictEqual(await observations.getMany());
  expect(await client.fetchSessions("session-1")).toStrictEqual(await sessions.get("session-1"));
});

test("api.models and api.scoreConfigs read back what they created, alone and in lists.", async () => {
  const { models, scoreConfigs } = client.api;
  const model = await models.create({
    // First among all models by its name.
    modelName: "!house",
    matchPattern: "^house$",
    unit: "TOKENS",
    inputPrice: 0.5,
  });
  expect(await models.get(model.id)).toStrictEqual(model);
  const listed = await models.list({ limit: 1 });
  expect(listed.data).toStrictEqual([model]);
  const config = await scoreConfigs.create({
    name: "tone",
    dataType: "NUMERIC",
    minValue: 0,
    maxValue: 1,
  });
  expect(await scoreConfigs.getById(config.id)).toStrictEqual(config);
  expect((await scoreConfigs.get()).data).toStrictEqual([config]);
});

test("api.health says that the server is well.", async () => {
  expect(await client.api.health.health()).toStrictEqual({
    status: "OK",
    version: expect.stringMatching(/^\d/),
  });
});

type ObservationsQuery = NonNullable<
  Parameters<LangfuseClient["api"]["observations"]["getMany"]>[0]
>;

type Shown = Readonly<Record<string, unknown>>;

/** What an observation shows whatever groups are asked for: no model of the story is known, and so no price. */
function coreOf(observation: Shown = {}): Shown {
  const { id, traceId, projectId, parentObservationId, type, startTime, endTime } = observation;
  const unknown = { modelId: null, inputPrice: null, outputPrice: null, totalPrice: null };
  return { id, traceId, projectId, parentObservationId, type, startTime, endTime, ...unknown };
}

/** An observation of the older generation, as the newer shows it. */
function newerOf(observation: Shown): Shown {
  const kept =
    "name level statusMessage version environment completionStartTime createdAt updatedAt metadata model modelParameters usageDetails costDetails usagePricingTierId usagePricingTierName promptId promptName promptVersion latency timeToFirstToken";
  const costs = observation["costDetails"] as Readonly<Record<string, number>>;
  return {
    ...coreOf(observation),
    ...Object.fromEntries(kept.split(" ").map((field) => [field, observation[field]])),
    bookmarked: false,
    public: true,
    userId: "user-1",
    sessionId: "session-1",
    isRootObservation: observation["parentObservationId"] === null,
    input: textOf(observation["input"]),
    output: textOf(observation["output"]),
    providedModelName: observation["model"],
    internalModelId: null,
    inputUsage: observation["promptTokens"],
    outputUsage: observation["completionTokens"],
    totalUsage: observation["totalTokens"],
    inputCost: observation["calculatedInputCost"],
    outputCost: observation["calculatedOutputCost"],
    // Where the older has zero for what is not known, this has null.
    totalCost: costs["total"] ?? null,
    traceName: "support chat",
    tags: ["beta", "paid"],
    release: "r-42",
  };
}

/** Payloads stay the text that they are stored as. */
function textOf(payload: unknown): string | null {
  if (payload === null || typeof payload === "string") return payload;
  return JSON.stringify(payload);
}

/** A score of the older generation, as the newer shows it. */
function newerScoreOf(score: Shown): Shown {
  const { traceId, observationId, stringValue, value, queueId, authorUserId, ...kept } = score;
  const { executionTraceId: _executionTraceId, ...shown } = kept;
  return {
    ...shown,
    queueId,
    authorUserId,
    value: score["dataType"] === "BOOLEAN" ? value === 1 : (stringValue ?? value),
    subject:
      observationId === null
        ? { kind: "trace", id: traceId }
        : { kind: "observation", id: observationId, traceId },
  };
}
