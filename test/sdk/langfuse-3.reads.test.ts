import { afterAll, beforeAll, expect, test } from "vitest";

import { project, startServer } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { expectSilentConsole, expectSilentServer, langfuse3 } from "./clients.ts";
import type { Recorded } from "./clients.ts";
import { byId, zeroPrices } from "./expected.ts";
import { storyTotals, tellStory } from "./story.ts";
import type { Story } from "./story.ts";

let server: StartedServer;
let recorded: Recorded;
let story: Story;

expectSilentConsole();
expectSilentServer(() => server);
beforeAll(async () => {
  server = await startServer();
  recorded = langfuse3(server);
  story = await tellStory(server, recorded);
});
afterAll(() => server.stop());

test("fetchTrace gives every field of a trace, its observations and its scores.", async () => {
  const { data } = await recorded.langfuse.fetchTrace("story");
  const { observations, scores, ...trace } = data;
  expect(trace).toStrictEqual({ ...story.trace, ...storyTotals, htmlPath });
  expect(byId(observations)).toStrictEqual(
    story.observations.map((observation) => ({ ...observation, ...zeroPrices })),
  );
  expect(byId(scores)).toStrictEqual(story.scores);
});

test("fetchTraces gives every field of a trace, with the ids of its parts.", async () => {
  const { data, meta } = await recorded.langfuse.fetchTraces();
  const [trace] = data;
  expect(meta).toStrictEqual({ page: 1, limit: 50, totalItems: 1, totalPages: 1 });
  expect({
    ...trace,
    observations: trace?.observations.toSorted(),
    scores: trace?.scores.toSorted(),
  }).toStrictEqual({
    ...story.trace,
    ...storyTotals,
    htmlPath,
    observations: story.observations.map(({ id }) => id),
    scores: story.scores.map(({ id }) => id),
  });
});

test("fetchObservation gives every field of each observation.", async () => {
  for (const expected of story.observations) {
    expect(await recorded.langfuse.fetchObservation(expected.id)).toStrictEqual({ data: expected });
  }
});

test("fetchObservations gives the same, the latest start first.", async () => {
  const { data, meta } = await recorded.langfuse.fetchObservations();
  expect(data).toStrictEqual(story.observations.toReversed());
  expect(meta).toStrictEqual({ page: 1, limit: 50, totalItems: 7, totalPages: 1 });
});

test("fetchSessions gives every field of a session.", async () => {
  const { data, meta } = await recorded.langfuse.fetchSessions();
  expect(data).toStrictEqual([
    {
      id: "session-1",
      projectId: project.id,
      createdAt: story.trace["createdAt"],
      environment: "staging",
    },
  ]);
  expect(meta).toStrictEqual({ page: 1, limit: 50, totalItems: 1, totalPages: 1 });
});

test("getTraceUrl names the trace at the server's address.", () => {
  const url = recorded.langfuse.trace({ id: "story" }).getTraceUrl();
  expect(url).toBe(`${server.url}/trace/story`);
});

const htmlPath = `/project/${project.id}/traces/story`;
