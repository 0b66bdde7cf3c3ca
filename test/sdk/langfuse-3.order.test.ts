import { afterAll, beforeAll, expect, test } from "vitest";

import { eventually, startServer } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { expectSilentConsole, expectSilentServer, langfuse3, sentEvent } from "./clients.ts";
import type { Recorded, SentEvent } from "./clients.ts";
import { at, iso } from "./expected.ts";

let server: StartedServer;

expectSilentConsole();
expectSilentServer(() => server);
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const pairs = 24;
const spansOfTick = 200;

test.for([1, 15, 1000])(
  "write-api §5.4: what a create states holds although its update overtakes it, in batches of %i.",
  async (flushAt) => {
    const { langfuse, queued, sent, flush } = langfuse3(server, { flushAt });
    const traceId = `trace-${flushAt}`;
    langfuse.trace({ id: traceId, timestamp: at(0), name: "trace", input: { a: { b: [1] } } });
    for (let n = 0; n < pairs; n += 1) {
      // Objects take the SDK longer to prepare than the bare update, so that the update is queued first.
      const input = { messages: [{ role: "user", content: `question ${n}` }] };
      const shared = { traceId, startTime: at(n), input, version: `v${n}` };
      const span = langfuse.span({ ...shared, id: `${traceId}-span-${n}`, name: `span ${n}` });
      span.end();
      const generation = langfuse.generation({
        ...shared,
        id: `${traceId}-generation-${n}`,
        name: `generation ${n}`,
        model: `model-${n}`,
        parentObservationId: span.id,
      });
      generation.end();
    }
    await flush();
    expect(overtaken(queued)).toBe(2 * pairs);

    const { body } = await eventually(
      () => server.get(`/api/public/traces/${traceId}`),
      (answer) =>
        answer.status === 200 &&
        (answer.body as Shown).observations.filter(({ name, endTime }) => name && endTime)
          .length ===
          2 * pairs,
    );
    const shown = new Map((body as Shown).observations.map((one) => [one.id, one]));
    for (let n = 0; n < pairs; n += 1) {
      const stated = {
        traceId,
        environment: "staging",
        startTime: iso(n),
        version: `v${n}`,
        input: { messages: [{ role: "user", content: `question ${n}` }] },
      };
      const spanId = `${traceId}-span-${n}`;
      expect(shown.get(spanId)).toMatchObject({
        ...stated,
        type: "SPAN",
        name: `span ${n}`,
        parentObservationId: null,
        endTime: endOf(sent, spanId),
      });
      const generationId = `${traceId}-generation-${n}`;
      expect(shown.get(generationId)).toMatchObject({
        ...stated,
        type: "GENERATION",
        name: `generation ${n}`,
        model: `model-${n}`,
        parentObservationId: spanId,
        endTime: endOf(sent, generationId),
      });
    }
  },
);

test("write-api §5.4: 200 spans begun and ended in one tick keep the start, environment, name and type they were created with.", async () => {
  const { langfuse, queued, sent, flush } = langfuse3(server, { flushAt: 15 });
  const trace = langfuse.trace({ id: "tick", name: "tick" });
  for (let n = 0; n < spansOfTick; n += 1) {
    const input = { messages: [{ role: "user", content: `question ${n}` }] };
    trace.span({ id: `tick-${n}`, name: `span ${n}`, input }).end();
  }
  await flush();
  // The hazard is there: the updates are queued first, and carry no environment and no start.
  expect(overtaken(queued)).toBe(spansOfTick);

  const { body } = await eventually(
    () => server.get("/api/public/traces/tick"),
    (answer) =>
      answer.status === 200 &&
      (answer.body as Shown).observations.filter(({ name, endTime }) => name && endTime).length ===
        spansOfTick,
  );
  const shown = new Map((body as Shown).observations.map((one) => [one.id, one]));
  for (let n = 0; n < spansOfTick; n += 1) {
    const id = `tick-${n}`;
    expect(shown.get(id)).toMatchObject({
      traceId: "tick",
      type: "SPAN",
      name: `span ${n}`,
      environment: "staging",
      startTime: sentEvent(sent, "span-create", id).body["startTime"],
      endTime: endOf(sent, id),
      input: { messages: [{ role: "user", content: `question ${n}` }] },
    });
  }
});

test("write-api §5.4: what a span ends with holds over an update of the same millisecond.", async () => {
  const { langfuse, flush } = langfuse3(server, { flushAt: 15 });
  const trace = langfuse.trace({ id: "ties", name: "ties" });
  for (let n = 0; n < spansOfTick; n += 1) {
    const span = trace.span({ id: `ties-${n}`, name: `span ${n}` });
    span.update({ output: "partial", statusMessage: "working" });
    span.end({ output: "final" });
  }
  await flush();

  const { body } = await eventually(
    () => server.get("/api/public/traces/ties"),
    (answer) =>
      answer.status === 200 &&
      (answer.body as Shown).observations.filter(
        ({ name, endTime, statusMessage }) => name && endTime && statusMessage,
      ).length === spansOfTick,
  );
  const outputs = (body as Shown).observations.map(({ output }) => output);
  expect(outputs).toEqual(outputs.map(() => "final"));
});

test("write-api §5.4: a trace keeps its name, time and environment when its update overtakes it.", async () => {
  const { langfuse, sent, flush } = langfuse3(server);
  for (let n = 0; n < pairs; n += 1) {
    const trace = langfuse.trace({
      id: `quick-${n}`,
      timestamp: at(n),
      name: `trace ${n}`,
      input: { question: { deep: [n] } },
      environment: `env-${n}`,
    });
    trace.update({ output: `answer ${n}`, environment: `env-${n}` });
  }
  await flush();
  expect(sent.findLastIndex(({ body }) => "output" in body)).toBeLessThan(
    sent.findIndex(({ body }) => "input" in body),
  );

  for (let n = 0; n < pairs; n += 1) {
    const { body } = await eventually(
      () => server.get(`/api/public/traces/quick-${n}`),
      ({ status, body: trace }) =>
        status === 200 &&
        (trace as ShownTrace).input !== null &&
        (trace as ShownTrace).output !== null,
    );
    expect(body).toMatchObject({
      timestamp: iso(n),
      name: `trace ${n}`,
      input: { question: { deep: [n] } },
      output: `answer ${n}`,
      environment: `env-${n}`,
      release: "r-42",
    });
  }
});

interface ShownTrace {
  readonly input: unknown;
  readonly output: unknown;
}

interface Shown {
  readonly observations: readonly {
    readonly id: string;
    readonly name: string | null;
    readonly endTime: string | null;
    readonly statusMessage: string | null;
    readonly output: unknown;
  }[];
}

/** How many updates were queued before the create of the same id: the hazard that this file is about. */
function overtaken(queued: Recorded["queued"]): number {
  const created = new Set<unknown>();
  let updates = 0;
  for (const { type, id } of queued) {
    if (type.endsWith("-create")) created.add(id);
    else if (!created.has(id)) updates += 1;
  }
  return updates;
}

function endOf(sent: readonly SentEvent[], id: string): unknown {
  return sent.find(({ type, body }) => type.endsWith("-update") && body["id"] === id)?.body[
    "endTime"
  ];
}
