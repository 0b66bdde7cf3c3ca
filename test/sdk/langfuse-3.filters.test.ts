import type { Langfuse } from "langfuse";
import { afterAll, beforeAll, expect, test } from "vitest";

import { eventually, project, startServer } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { expectSilentConsole, expectSilentServer, langfuse3 } from "./clients.ts";
import type { Recorded } from "./clients.ts";
import { at, momentSince } from "./expected.ts";

let server: StartedServer;
let recorded: Recorded;
let startedAt: number;

expectSilentConsole();
expectSilentServer(() => server);
beforeAll(async () => {
  server = await startServer();
  recorded = langfuse3(server);
  startedAt = Date.now();
  tellFourTraces(recorded);
  await recorded.flush();
  for (const path of ["observations", "traces"]) {
    await eventually(
      () => server.get(`/api/public/${path}?limit=1`),
      ({ body }) => (body as { meta?: { totalItems: number } }).meta?.totalItems === 4,
    );
  }
});
afterAll(() => server.stop());

/** Four traces a minute apart, from 0 to 3, each with one observation. */
function tellFourTraces({ langfuse }: Recorded): void {
  const minute = 60_000;
  const trace0 = langfuse.trace({
    id: "trace-0",
    timestamp: at(0),
    name: "search",
    userId: "ann",
    sessionId: "morning",
    tags: ["a", "b"],
    version: "1",
    release: "r1",
  });
  const trace1 = langfuse.trace({
    id: "trace-1",
    timestamp: at(minute),
    name: "search",
    userId: "bob",
    sessionId: "morning",
    tags: ["b", "c"],
    version: "2",
    release: "r1",
  });
  const trace2 = langfuse.trace({
    id: "trace-2",
    timestamp: at(2 * minute),
    name: "chat, with a comma",
    userId: "ann",
    sessionId: "evening",
    environment: "production",
    release: "r2",
  });
  const trace3 = langfuse.trace({ id: "trace-3", timestamp: at(3 * minute), name: "bare" });
  trace0.span({ id: "span-0", startTime: at(0), name: "step", version: "1" });
  trace1.generation({ id: "generation-1", startTime: at(minute), name: "step", level: "ERROR" });
  trace2.event({ id: "event-2", startTime: at(2 * minute), name: "note" });
  trace3.span({ id: "span-3", startTime: at(3 * minute), name: "other" });
}

/** What is asked for, in words and as a query, and the ids that must come. */
type Case<Method extends "fetchTraces" | "fetchObservations"> = readonly [
  string,
  NonNullable<Parameters<Langfuse[Method]>[0]>,
  readonly string[],
];

const newestFirst = ["trace-3", "trace-2", "trace-1", "trace-0"];

const traceCases: readonly Case<"fetchTraces">[] = [
  ["nothing, newest first", {}, newestFirst],
  ["a name", { name: "search" }, ["trace-1", "trace-0"]],
  ["a name with a comma", { name: "chat, with a comma" }, ["trace-2"]],
  ["a user", { userId: "ann" }, ["trace-2", "trace-0"]],
  ["a session", { sessionId: "morning" }, ["trace-1", "trace-0"]],
  ["a version", { version: "2" }, ["trace-1"]],
  ["a release", { release: "r1" }, ["trace-1", "trace-0"]],
  ["one tag", { tags: ["b"] }, ["trace-1", "trace-0"]],
  ["two tags, both of them", { tags: ["b", "a"] }, ["trace-0"]],
  ["an unknown tag", { tags: ["z"] }, []],
  ["one environment", { environment: ["production"] }, ["trace-2"]],
  ["any of two environments", { environment: ["production", "staging"] }, newestFirst],
  ["a first moment, included", { fromTimestamp: at(120_000) }, ["trace-3", "trace-2"]],
  ["a last moment, excluded", { toTimestamp: at(120_000) }, ["trace-1", "trace-0"]],
  ["a range", { fromTimestamp: at(60_000), toTimestamp: at(60_001) }, ["trace-1"]],
  ["several at once", { userId: "ann", tags: ["a"], name: "search" }, ["trace-0"]],
  ["the oldest first", { orderBy: "timestamp.asc" }, newestFirst.toReversed()],
  ["the name's order", { orderBy: "id.desc" }, newestFirst],
];

test.for(traceCases)("fetchTraces finds traces by %s.", async ([, query, ids]) => {
  const { data, meta } = await recorded.langfuse.fetchTraces(query);
  expect(data.map(({ id }) => id)).toStrictEqual(ids);
  expect(meta).toStrictEqual({
    page: 1,
    limit: 50,
    totalItems: ids.length,
    totalPages: Math.min(ids.length, 1),
  });
});

test("fetchTraces pages through all traces, each once, with totals that end the loop.", async () => {
  const pages: string[][] = [];
  for (let page = 1; ; page += 1) {
    const { data, meta } = await recorded.langfuse.fetchTraces({ page, limit: 3 });
    pages.push(data.map(({ id }) => id));
    expect(meta).toStrictEqual({ page, limit: 3, totalItems: 4, totalPages: 2 });
    if (page >= meta.totalPages) break;
  }
  expect(pages).toStrictEqual([["trace-3", "trace-2", "trace-1"], ["trace-0"]]);
  const beyond = await recorded.langfuse.fetchTraces({ page: 9, limit: 3 });
  expect(beyond).toStrictEqual({
    data: [],
    meta: { page: 9, limit: 3, totalItems: 4, totalPages: 2 },
  });
});

const observationCases: readonly Case<"fetchObservations">[] = [
  ["a type", { type: "GENERATION" }, ["generation-1"]],
  ["a name", { name: "step" }, ["generation-1", "span-0"]],
  ["a trace", { traceId: "trace-2" }, ["event-2"]],
  ["the trace's user", { userId: "ann" }, ["event-2", "span-0"]],
  ["a version", { version: "1" }, ["span-0"]],
  ["an environment", { environment: ["staging"] }, ["span-3", "event-2", "generation-1", "span-0"]],
  ["an unknown parent", { parentObservationId: "nobody" }, []],
  ["a first moment, included", { fromStartTime: at(120_000) }, ["span-3", "event-2"]],
  ["a last moment, excluded", { toStartTime: at(120_000) }, ["generation-1", "span-0"]],
];

test.for(observationCases)(
  "fetchObservations finds observations by %s.",
  async ([, query, ids]) => {
    const { data, meta } = await recorded.langfuse.fetchObservations(query);
    expect(data.map(({ id }) => id)).toStrictEqual(ids);
    expect(meta.totalItems).toBe(ids.length);
  },
);

test("fetchSessions gives each session of the traces once, and finds them by time and environment.", async () => {
  const { data, meta } = await recorded.langfuse.fetchSessions();
  expect(data.toSorted((one, other) => (one.id < other.id ? -1 : 1))).toStrictEqual([
    session("evening", "production"),
    session("morning", "staging"),
  ]);
  expect(meta).toStrictEqual({ page: 1, limit: 50, totalItems: 2, totalPages: 1 });

  const of = async (query: object): Promise<string[]> =>
    (await recorded.langfuse.fetchSessions(query)).data.map(({ id }) => id).toSorted();
  expect(await of({ environment: ["production"] })).toStrictEqual(["evening"]);
  expect(await of({ fromTimestamp: new Date(startedAt) })).toStrictEqual(["evening", "morning"]);
  expect(await of({ toTimestamp: new Date(startedAt) })).toStrictEqual([]);
});

function session(id: string, environment: string): object {
  return { id, environment, projectId: project.id, createdAt: momentSince(startedAt) };
}
