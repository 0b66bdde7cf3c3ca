import { setTimeout as pause } from "node:timers/promises";

import { afterAll, beforeAll, expect, test } from "vitest";

import { eventually, startServer } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { expectSilentConsole, expectSilentServer, langfuse3, sentEvent } from "./clients.ts";
import {
  at,
  bareObservation,
  bareScore,
  bareTrace,
  iso,
  momentSince,
  zeroPrices,
} from "./expected.ts";

let server: StartedServer;

expectSilentConsole();
expectSilentServer(() => server);
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

test("write-api §5.1: an update of a trace changes what it names, adds its tags and metadata, and keeps the rest.", async () => {
  const since = Date.now();
  const { langfuse, flush } = langfuse3(server);
  const trace = langfuse.trace({
    id: "trace",
    timestamp: at(0),
    name: "first name",
    userId: "user",
    public: true,
    tags: ["b"],
    metadata: { kept: { a: 1 }, replaced: { a: 1, b: [1, 2, 3] } },
    input: "question",
  });
  await flush();
  await pause(clockTickMs);
  trace.update({
    name: "second name",
    sessionId: "session",
    tags: ["a"],
    metadata: { replaced: { c: 2 }, added: true },
    output: { answer: 42 },
  });
  await flush();

  await until("trace", ({ output }) => output !== null);
  const { data } = await langfuse.fetchTrace("trace");
  expect(data).toStrictEqual({
    ...bareTrace,
    id: "trace",
    timestamp: iso(0),
    createdAt: momentSince(since),
    updatedAt: momentSince(since),
    name: "second name",
    userId: "user",
    sessionId: "session",
    release: "r-42",
    environment: "staging",
    public: true,
    tags: ["a", "b"],
    metadata: { kept: { a: 1 }, replaced: { c: 2 }, added: true },
    input: "question",
    output: { answer: 42 },
    observations: [],
    scores: [],
    totalCost: 0,
    latency: 0,
    htmlPath: expect.any(String),
  });
});

test("write-api §5.1: updates and ends of spans and generations complete what was created, in later requests too.", async () => {
  const since = Date.now();
  const { langfuse, sent, flush } = langfuse3(server);
  const trace = langfuse.trace({ id: "long", timestamp: at(0) });
  const span = trace.span({ id: "span", name: "step", startTime: at(0), input: [1] });
  const generation = span.generation({
    id: "generation",
    name: "call",
    startTime: at(10),
    model: "draft-model",
    modelParameters: { temperature: 1 },
    usageDetails: { input: 5 },
  });
  await flush();
  await until("long", ({ observations }) => observations.length === 2);
  await pause(clockTickMs);
  span.update({ level: "ERROR", statusMessage: "broke", metadata: { tries: 2 } });
  generation.update({ model: "final-model", completionStartTime: at(15), version: "2" });
  await flush();
  await pause(clockTickMs);
  span.end({ output: "done" });
  generation.end({
    output: [{ role: "assistant", content: "hi" }],
    usageDetails: { input: 6, output: 4 },
    costDetails: { input: 0.5, output: 0.25 },
  });
  await flush();
  await until("long", ({ observations }) => observations.every(({ endTime }) => endTime !== null));

  const { data } = await langfuse.fetchTrace("long");
  const shared = {
    ...bareObservation,
    ...zeroPrices,
    traceId: "long",
    environment: "staging",
    createdAt: momentSince(since),
    updatedAt: momentSince(since),
  };
  const endOf = (type: string, id: string): string =>
    sent
      .filter((event) => event.type === type && event.body["id"] === id)
      .map((event) => event.body["endTime"] as string | undefined)
      .find((end) => end !== undefined) ?? "";
  const spanEnd = endOf("span-update", "span");
  const generationEnd = endOf("generation-update", "generation");
  expect(data.observations.find(({ id }) => id === "span")).toStrictEqual({
    ...shared,
    id: "span",
    name: "step",
    startTime: iso(0),
    endTime: spanEnd,
    latency: (Date.parse(spanEnd) - at(0).getTime()) / 1000,
    input: [1],
    output: "done",
    level: "ERROR",
    statusMessage: "broke",
    metadata: { tries: 2 },
  });
  expect(data.observations.find(({ id }) => id === "generation")).toStrictEqual({
    ...shared,
    id: "generation",
    parentObservationId: "span",
    type: "GENERATION",
    name: "call",
    startTime: iso(10),
    endTime: generationEnd,
    completionStartTime: iso(15),
    latency: (Date.parse(generationEnd) - at(10).getTime()) / 1000,
    timeToFirstToken: 0.005,
    version: "2",
    model: "final-model",
    modelParameters: { temperature: 1 },
    output: [{ role: "assistant", content: "hi" }],
    usageDetails: { input: 6, output: 4, total: 10 },
    usage: { unit: "TOKENS", input: 6, output: 4, total: 10 },
    promptTokens: 6,
    completionTokens: 4,
    totalTokens: 10,
    costDetails: { input: 0.5, output: 0.25, total: 0.75 },
    calculatedInputCost: 0.5,
    calculatedOutputCost: 0.25,
    calculatedTotalCost: 0.75,
  });
  expect(data.totalCost).toBe(0.75);
});

test("write-api §3.9, §5.1: a score sent again under its id replaces the one before.", async () => {
  const since = Date.now();
  const { langfuse, sent, flush } = langfuse3(server);
  const trace = langfuse.trace({ id: "scored", timestamp: at(0) });
  trace.score({ id: "score", name: "quality", value: 0.1, comment: "first" });
  await flush();
  const first = sentEvent(sent, "score-create", "score").timestamp;
  await pause(clockTickMs);
  trace.score({ id: "score", name: "quality", value: "great" });
  await flush();
  await until("scored", ({ scores }) => scores[0]?.dataType === "CATEGORICAL");

  const { data } = await langfuse.fetchTrace("scored");
  expect(data.scores).toStrictEqual([
    {
      ...bareScore,
      id: "score",
      traceId: "scored",
      environment: "staging",
      timestamp: first,
      createdAt: momentSince(since),
      updatedAt: momentSince(since),
      name: "quality",
      dataType: "CATEGORICAL",
      value: 0,
      stringValue: "great",
      comment: "first",
    },
  ]);
});

/** The SDK stamps its events with whole milliseconds; later ones must carry a later stamp. */
const clockTickMs = 5;

interface TraceParts {
  readonly output: unknown;
  readonly observations: readonly { readonly endTime: string | null }[];
  readonly scores: readonly { readonly dataType: string }[];
}

async function until(traceId: string, wanted: (trace: TraceParts) => boolean): Promise<void> {
  await eventually(
    () => server.get(`/api/public/traces/${traceId}`),
    ({ status, body }) => status === 200 && wanted(body as TraceParts),
  );
}
