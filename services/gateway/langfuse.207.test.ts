import { gzipSync } from "node:zlib";

import { describe, expect, it } from "vitest";

import type { LogEntry } from "../runtime/event-log/port.ts";
import { gate } from "../runtime/event-log/testing.ts";
import { event, startGateway } from "./testing.ts";

describe("write-api §1.5: a batch of valid events", () => {
  it("is answered with 201 for each event id, and every event is in the log", async () => {
    const gateway = await startGateway();
    const batch = [event("trace-create"), event("span-create"), event("score-create", score)];
    const answer = await gateway.ingest(batch);
    expect(answer.status).toBe(207);
    expect(answer.headers.get("content-type")).toContain("application/json");
    expect(answer.body).toEqual({
      successes: batch.map(({ id }) => ({ id, status: 201 })),
      errors: [],
    });
    expect(gateway.events()).toEqual(expect.arrayContaining(batch));
    expect(gateway.events()).toHaveLength(3);
  });

  it("is answered after the log has it, not before", async () => {
    const durable = gate();
    const gateway = await startGateway({
      append: (log) => async (entries) => {
        await durable.opened;
        return await log.append(entries);
      },
    });
    let isAnswered = false;
    const answer = gateway.ingest([event("trace-create")]).finally(() => (isAnswered = true));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(isAnswered).toBe(false);
    durable.open();
    expect((await answer).status).toBe(207);
    expect(gateway.records()).toHaveLength(1);
  });

  it("keeps each event as the client wrote it, to the byte", async () => {
    const gateway = await startGateway();
    const first = `{ "id":"a","type":"trace-create","timestamp":"2026-05-01T10:00:00Z",
      "body": {"id":"t","input":{"big":9007199254740993,"e":1.50,"u":"\\u00e9 \u{1f600} é"}} }`;
    const second = `{"type":"trace-create","id":"b","timestamp":"2026-05-01T10:00:00Z","body":{"id":"u"}}`;
    const answer = await gateway.post(
      "/api/public/ingestion",
      `{"metadata":{"x":[1]},"batch":[ ${first} ,${second}], "more": 1}`,
    );
    expect(answer.body.successes).toHaveLength(2);
    expect(gateway.records().map(({ body }) => body)).toEqual(
      expect.arrayContaining([first, second]),
    );
  });

  it("keeps the events also when the text leaves in doubt which array was meant", async () => {
    const gateway = await startGateway();
    const batch = [event("trace-create", { name: "x" })];
    const answer = await gateway.post(
      "/api/public/ingestion",
      `{"batch":[], "batch":${JSON.stringify(batch)}}`,
    );
    expect(answer.body.successes).toHaveLength(1);
    expect(gateway.events()).toEqual(batch);
  });

  it("may come compressed", async () => {
    const gateway = await startGateway();
    const body = gzipSync(JSON.stringify({ batch: [event("trace-create")] }));
    const answer = await gateway.post("/api/public/ingestion", new Uint8Array(body), {
      "content-encoding": "gzip",
    });
    expect(answer.body.successes).toHaveLength(1);
  });

  it("may be empty (§1.4)", async () => {
    const gateway = await startGateway();
    const answer = await gateway.ingest([]);
    expect(answer).toMatchObject({ status: 207, body: { successes: [], errors: [] } });
    expect(gateway.records()).toEqual([]);
  });

  it("echoes an id as often as it was sent, and keeps every one", async () => {
    const gateway = await startGateway();
    const twice = event("trace-create");
    const answer = await gateway.ingest([twice, twice]);
    expect(answer.body.successes).toEqual([
      { id: twice.id, status: 201 },
      { id: twice.id, status: 201 },
    ]);
    expect(gateway.records()).toHaveLength(2);
  });

  it("lists what was created by time, then what was updated by time (§6 #2)", async () => {
    const gateway = await startGateway();
    const answer = await gateway.ingest([
      event("span-update", {}, { id: "update-2", ...at(2) }),
      event("generation-update", {}, { id: "update-1", ...at(1) }),
      event("trace-create", {}, { id: "create-9", ...at(9) }),
      event("span-create", {}, { id: "create-3", timestamp: "2026-05-01T12:00:03+02:00" }),
      event("score-create", score, { id: "create-3b", ...at(3) }),
    ]);
    expect(answer.body.successes?.map(({ id }) => id)).toEqual([
      "create-3",
      "create-3b",
      "create-9",
      "update-1",
      "update-2",
    ]);
  });
});

it("takes every type of event, always (write-api §2.2, §8.4)", async () => {
  const gateway = await startGateway();
  const observations =
    "event span generation agent tool chain retriever evaluator embedding guardrail observation";
  const types = [
    ...["trace", "score", ...observations.split(" ")].map((name) => `${name}-create`),
    ...["span", "generation", "observation"].map((name) => `${name}-update`),
  ];
  const body = { ...score, id: "x", type: "SPAN" };
  const answer = await gateway.ingest(types.map((type) => event(type, body, { id: type })));
  expect(answer.body.errors).toEqual([]);
  expect(new Set(answer.body.successes?.map(({ id }) => id))).toEqual(new Set(types));
  expect(new Set(gateway.events().map(({ type }) => type))).toEqual(new Set(types));
});

describe("what the SDKs send", () => {
  const moment = { startTime: "2026-05-01T10:00:00.000Z", environment: "prod" };
  const root = { ...moment, traceId: "t", parentObservationId: null };
  const events = [
    event("trace-create", {
      id: "t",
      release: "r",
      timestamp: moment.startTime,
      environment: "prod",
    }),
    event("span-create", { ...root, id: "s", input: { a: [1] } }),
    event("span-update", { id: "s", traceId: "t", endTime: moment.startTime }),
    event("event-create", { ...root, id: "e", parentObservationId: "s" }),
    event("generation-create", {
      ...root,
      id: "g",
      promptName: "p",
      promptVersion: 1,
      model: "gpt-4o",
      modelParameters: { temperature: 1, stop: ["a"], response_format: null },
    }),
    event("generation-update", {
      id: "g",
      traceId: "t",
      usage: { input: 10, output: 5, total: 15 },
      usageDetails: { input: 10, output: 5, total: 15, input_cached_tokens: 4 },
    }),
    event("generation-update", {
      id: "g",
      traceId: "t",
      level: "ERROR",
      usage: { inputCost: 0, outputCost: 0, totalCost: 0 },
      costDetails: { input: 0, output: 0, total: 0 },
    }),
    event("score-create", { ...score, id: "c", environment: "prod", observationId: null }),
  ];

  it("is taken from langfuse 3, with its headers and the metadata of its batch (write-api §5.1)", async () => {
    const gateway = await startGateway();
    const about = {
      batch_size: events.length,
      sdk_integration: "DEFAULT",
      sdk_version: "3.39.2",
      sdk_variant: "langfuse",
      public_key: "pk-lf-1",
      sdk_name: "langfuse-js",
    };
    const answer = await gateway.post(
      "/api/public/ingestion",
      { batch: events, metadata: about },
      {
        "x-langfuse-sdk-name": "langfuse-js",
        "x-langfuse-sdk-version": "3.39.2",
        "x-langfuse-sdk-variant": "langfuse",
        "x-langfuse-sdk-integration": "DEFAULT",
        "x-langfuse-public-key": "pk-lf-1",
      },
    );
    expect(answer).toMatchObject({ status: 207, body: { errors: [] } });
    expect(gateway.events()).toHaveLength(events.length);
    const sdk = { sdkName: "langfuse-js", sdkVersion: "3.39.2" };
    for (const { header } of gateway.records()) expect(header).toMatchObject(sdk);
  });

  it("is taken from @langfuse/client 5, which sends scores alone (write-api §5.5)", async () => {
    const gateway = await startGateway();
    const answer = await gateway.ingest(
      Array.from({ length: 100 }, (_, index) =>
        event("score-create", { ...score, id: `${index}` }),
      ),
      { "x-langfuse-sdk-name": "javascript", "x-langfuse-sdk-version": "5.11.1" },
    );
    expect(answer).toMatchObject({ status: 207, body: { errors: [] } });
    expect(answer.body.successes).toHaveLength(100);
    expect(gateway.records()[0]?.header).toMatchObject({ sdkName: "javascript" });
  });
});

describe("a record", () => {
  it("says who sent it, when, with which SDK, and what configuration was known (write-api §2.7)", async () => {
    const gateway = await startGateway({ now: () => 1_777_000_000_000 });
    await gateway.ingest([event("trace-create")], {
      "x-langfuse-sdk-name": "langfuse-js",
      x_langfuse_sdk_version: "3.39.2",
    });
    await gateway.ingest([event("trace-create")]);
    expect(gateway.records().map(({ header }) => header)).toEqual(
      expect.arrayContaining([
        {
          project: "p1",
          dialect: "langfuse",
          receivedAt: 1_777_000_000_000,
          keyId: "pk-lf-1",
          sdkName: "langfuse-js",
          sdkVersion: "3.39.2",
          registry: "3",
        },
        expect.objectContaining({ sdkName: "unknown", sdkVersion: "unknown" }),
      ]),
    );
  });

  it("never has an earlier time than one before it, also when the clock steps back", async () => {
    const times = [5_000, 4_000, 6_000];
    const gateway = await startGateway({ now: () => times.shift() ?? 0 });
    for (const id of ["first", "second", "third"])
      await gateway.ingest([event("trace-create", {}, { id })]);
    const received = gateway
      .records()
      .map(({ header, body }) => [JSON.parse(body).id, header.receivedAt]);
    expect(Object.fromEntries(received)).toEqual({ first: 5_000, second: 5_000, third: 6_000 });
  });

  it("goes where its owner's others go: the trace, else the session, else itself", async () => {
    const appends: (readonly LogEntry[])[] = [];
    const gateway = await startGateway({
      append: (log) => (entries) => {
        appends.push(entries);
        return log.append(entries);
      },
    });
    await gateway.ingest([
      event("trace-create", { id: "t", sessionId: "s" }),
      event("span-create", { id: "o", traceId: "t" }),
      event("score-create", { ...score, traceId: "t" }),
      event("score-create", { ...score, traceId: undefined, sessionId: "s" }),
      event("span-update", { id: "o" }),
      event("trace-create", { id: undefined, sessionId: "s" }),
    ]);
    expect(appends).toHaveLength(1);
    const keys = appends[0]?.map(({ key }) => key) ?? [];
    expect(new Set(keys.slice(0, 3)).size).toBe(1);
    expect(keys[3]).toBe(keys[5]);
    expect(new Set(keys).size).toBe(3);
  });
});

describe("write-api §1.5: one bad event", () => {
  it("gets its own 400 with the findings as text, and the others are kept (§6 #11)", async () => {
    const gateway = await startGateway();
    const answer = await gateway.ingest([
      event("span-create", { id: undefined }, { id: "bad" }),
      event("trace-create", { id: "good" }),
    ]);
    expect(answer.status).toBe(207);
    expect(answer.body.successes).toHaveLength(1);
    expect(answer.body.errors).toMatchObject([
      { id: "bad", status: 400, message: "Invalid request data" },
    ]);
    const issues: unknown = JSON.parse(answer.body.errors?.[0]?.error ?? "");
    expect(issues).toMatchObject([{ path: ["body", "id"] }]);
    expect(gateway.events()).toMatchObject([{ body: { id: "good" } }]);
  });

  it.each([[null], ["text"], [5], [[]], [{ id: 5 }], [{}]])(
    "is called unknown when it has no id: %j",
    async (bad) => {
      const gateway = await startGateway();
      const answer = await gateway.ingest([bad, event("trace-create")]);
      expect(answer.body.errors).toMatchObject([{ id: "unknown", status: 400 }]);
      expect(answer.body.successes).toHaveLength(1);
    },
  );

  it("makes the answer no less a 207 when all are bad", async () => {
    const gateway = await startGateway();
    const answer = await gateway.ingest([{}, {}]);
    expect(answer.status).toBe(207);
    expect(answer.body.successes).toEqual([]);
    expect(gateway.records()).toEqual([]);
  });
});

describe("write-api §6 #1, §8.7: an event without body.id", () => {
  it("is answered 201 as Langfuse does, and kept for inspection rather than dropped", async () => {
    const gateway = await startGateway();
    const nameless = event("trace-create", { id: undefined, name: "lost?" });
    const answer = await gateway.ingest([nameless]);
    expect(answer.body.successes).toEqual([{ id: nameless.id, status: 201 }]);
    expect(gateway.events()).toMatchObject([{ body: { name: "lost?" } }]);
  });
});

describe("write-api §6 #3: an sdk-log event", () => {
  it("is in neither list and not stored; its text does not reach our log", async () => {
    const gateway = await startGateway();
    const answer = await gateway.ingest([
      event("sdk-log", { log: "private words" }),
      event("trace-create"),
    ]);
    expect(answer.body).toMatchObject({ successes: [{ status: 201 }], errors: [] });
    expect(answer.body.successes).toHaveLength(1);
    expect(gateway.records()).toHaveLength(1);
    expect(gateway.lines).toContainEqual(
      expect.objectContaining({ level: "debug", bytes: expect.any(Number) }),
    );
    expect(JSON.stringify(gateway.lines)).not.toContain("private");
  });
});

describe("write-api §1.8, §6 #9, #10: a caller with the public key alone", () => {
  const bearer = { authorization: "Bearer pk-lf-1" };

  it("may write scores; every other event gets 401 by itself, after the schema errors", async () => {
    const gateway = await startGateway();
    const answer = await gateway.ingest(
      [
        event("trace-create", {}, { id: "trace" }),
        event("score-create", score, { id: "score" }),
        event("span-create", { id: undefined }, { id: "invalid" }),
        event("sdk-log", { log: 1 }),
      ],
      bearer,
    );
    expect(answer.status).toBe(207);
    expect(answer.body.successes).toEqual([{ id: "score", status: 201 }]);
    expect(answer.body.errors).toEqual([
      expect.objectContaining({ id: "invalid", status: 400 }),
      { id: "trace", status: 401, message: "Authentication error", error: "Access Scope Denied" },
    ]);
    expect(gateway.events()).toMatchObject([{ id: "score" }]);
    expect(gateway.records()[0]?.header).toMatchObject({ project: "p1", keyId: "pk-lf-1" });
  });
});

describe("the log line of a batch", () => {
  it("has its counts, its project and its key, and nothing that the client wrote", async () => {
    const gateway = await startGateway();
    await gateway.ingest([event("trace-create", { name: "private" }), {}]);
    expect(gateway.lines).toEqual([
      expect.objectContaining({
        message: "request",
        method: "POST",
        route: "/api/public/ingestion",
        status: 207,
        project: "p1",
        keyId: "pk-lf-1",
        events: 2,
        rejected: 1,
        bytes: expect.any(Number),
      }),
    ]);
    expect(JSON.stringify(gateway.lines)).not.toContain("private");
  });
});

const score = { name: "quality", value: 1, traceId: "t1" };

function at(second: number): object {
  return { timestamp: `2026-05-01T10:00:0${second}.000Z` };
}
