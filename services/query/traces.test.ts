import { describe, expect, test } from "vitest";

import { dayMs, hourMs, minuteMs, now, queryFixture } from "./testing.ts";

const query = queryFixture();

const listKeys = [
  "id",
  "projectId",
  "timestamp",
  "createdAt",
  "updatedAt",
  "name",
  "release",
  "version",
  "userId",
  "sessionId",
  "externalId",
  "environment",
  "public",
  "bookmarked",
  "tags",
  "input",
  "output",
  "metadata",
  "observations",
  "scores",
  "totalCost",
  "latency",
  "htmlPath",
].toSorted();

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

async function ids(project: string, search = ""): Promise<string[]> {
  const { status, body } = await query.get(project, `/api/public/traces${search}`);
  expect(status, JSON.stringify(body)).toBe(200);
  return body.data.map((trace: { id: string }) => trace.id);
}

describe("the list of traces", () => {
  test("a bare trace shows every key, with null, [] or {} for what it lacks", async () => {
    await query.traces({ project_id: "bare", id: "t1", timestamp: now - minuteMs });
    const { status, body } = await query.get("bare", "/api/public/traces");
    expect(status).toBe(200);
    expect(body).toEqual({
      data: [
        {
          id: "t1",
          projectId: "bare",
          timestamp: iso(now - minuteMs),
          createdAt: iso(now - minuteMs),
          updatedAt: iso(now - minuteMs),
          name: null,
          release: null,
          version: null,
          userId: null,
          sessionId: null,
          externalId: null,
          environment: "default",
          public: false,
          bookmarked: false,
          tags: [],
          input: null,
          output: null,
          metadata: {},
          observations: [],
          scores: [],
          totalCost: 0,
          latency: 0,
          htmlPath: "/project/bare/traces/t1",
        },
      ],
      meta: { page: 1, limit: 50, totalItems: 1, totalPages: 1 },
    });
  });

  test("what was stored is shown: texts parsed where they are JSON, and sums over the observations", async () => {
    await query.traces({
      project_id: "full",
      id: "t1",
      name: "chat",
      user_id: "u",
      session_id: "s",
      release: "r",
      version: "v",
      tags: ["a", "b"],
      public: true,
      bookmarked: true,
      environment: "prod",
      input: '{"q":[1,2]}',
      output: "plain",
      metadata: { n: "1983516295378495150", b: "true", o: '{"x":null}', t: "text", e: "" },
    });
    const start = now - hourMs;
    await query.observations(
      {
        project_id: "full",
        id: "o1",
        start_time: start,
        end_time: start + 1_500,
        total_cost: "0.1",
      },
      { project_id: "full", id: "o2", start_time: start + 2_000, total_cost: "0.2" },
      { project_id: "full", id: "other", trace_id: "t2", start_time: start, total_cost: "9" },
    );
    await query.scores(
      { project_id: "full", id: "s1", trace_id: "t1" },
      { project_id: "full", id: "s2", trace_id: "t1", observation_id: "o1" },
      { project_id: "full", id: "s3", trace_id: "t1", data_type: "CORRECTION" },
    );
    const { body } = await query.get("full", "/api/public/traces");
    const [trace] = body.data;
    expect(Object.keys(trace).toSorted()).toEqual(listKeys);
    expect(trace).toMatchObject({
      name: "chat",
      userId: "u",
      sessionId: "s",
      release: "r",
      version: "v",
      tags: ["a", "b"],
      public: true,
      bookmarked: true,
      environment: "prod",
      input: { q: [1, 2] },
      output: "plain",
      metadata: { n: "1983516295378495150", b: true, o: { x: null }, t: "text", e: "" },
      latency: 2,
      totalCost: 0.3,
    });
    expect(trace.observations.toSorted()).toEqual(["o1", "o2"]);
    expect(trace.scores.toSorted()).toEqual(["s1", "s2"]);
  });

  test("groups that are not asked for show [], -1, null and {}; unknown names alone mean all", async () => {
    await query.traces({ project_id: "groups", id: "t1", input: "in", metadata: { k: "v" } });
    await query.observations({ project_id: "groups", id: "o1", total_cost: "1" });
    await query.scores({ project_id: "groups", id: "s1", trace_id: "t1" });
    const shown = async (fields: string): Promise<unknown> => {
      const { body } = await query.get("groups", `/api/public/traces?fields=${fields}`);
      const { input, metadata, observations, scores, totalCost, latency } = body.data[0];
      return { input, metadata, observations, scores, totalCost, latency };
    };
    const none = {
      input: null,
      metadata: {},
      observations: [],
      scores: [],
      totalCost: -1,
      latency: -1,
    };
    const all = {
      input: "in",
      metadata: { k: "v" },
      observations: ["o1"],
      scores: ["s1"],
      totalCost: 1,
      latency: 0,
    };
    expect(await shown("core")).toEqual(none);
    expect(await shown("core,metrics,nope")).toEqual({ ...none, totalCost: 1, latency: 0 });
    expect(await shown("scores")).toEqual({ ...none, scores: ["s1"] });
    expect(await shown("observations")).toEqual({ ...none, observations: ["o1"] });
    expect(await shown("io")).toEqual({ ...none, input: "in", metadata: { k: "v" } });
    expect(await shown("nope")).toEqual(all);
    expect(await shown("")).toEqual(all);
  });

  test("only the newest version of a trace shows, and none of a deleted one", async () => {
    await query.traces(
      { project_id: "versions", id: "t1", name: "old", ver: "1" },
      { project_id: "versions", id: "gone", ver: "1" },
    );
    await query.traces(
      { project_id: "versions", id: "t1", name: "new", ver: "2" },
      { project_id: "versions", id: "gone", ver: "2", is_deleted: 1 },
    );
    const { body } = await query.get("versions", "/api/public/traces");
    expect(body.data).toHaveLength(1);
    expect(body.data[0]).toMatchObject({ id: "t1", name: "new" });
    expect(body.meta.totalItems).toBe(1);
    expect(await ids("versions", "?name=old")).toEqual([]);
  });

  test("each simple parameter narrows the list; tags must all be there, environments may be any", async () => {
    await query.traces(
      {
        project_id: "narrow",
        id: "a",
        name: "n",
        user_id: "u",
        session_id: "s",
        release: "r",
        version: "v",
        tags: ["x", "y"],
        environment: "prod",
        timestamp: now - 1_000,
      },
      {
        project_id: "narrow",
        id: "b",
        name: "N",
        user_id: "U",
        session_id: "S",
        release: "R",
        version: "V",
        tags: ["x"],
        environment: "dev",
        timestamp: now - 2_000,
      },
    );
    for (const search of [
      "name=n",
      "userId=u",
      "sessionId=s",
      "release=r",
      "version=v",
      "tags=y",
      "tags=x,y",
      "tags=x&tags=y",
      "environment=prod",
      "name=n&userId=u",
    ]) {
      expect(await ids("narrow", `?${search}`), search).toEqual(["a"]);
    }
    expect(await ids("narrow", "?tags=x")).toEqual(["a", "b"]);
    expect(await ids("narrow", "?environment=prod,dev")).toEqual(["a", "b"]);
    expect(await ids("narrow", "?environment=prod&environment=dev")).toEqual(["a", "b"]);
    expect(await ids("narrow", "?name=n&userId=U")).toEqual([]);
    expect(await ids("narrow", "?name=")).toEqual(["a", "b"]);
  });

  test("the environment also narrows what is counted of a trace", async () => {
    await query.traces({ project_id: "env", id: "t1", environment: "prod" });
    await query.observations(
      { project_id: "env", id: "o1", environment: "prod", total_cost: "1" },
      { project_id: "env", id: "o2", environment: "dev", total_cost: "10" },
    );
    await query.scores(
      { project_id: "env", id: "s1", trace_id: "t1", environment: "prod" },
      { project_id: "env", id: "s2", trace_id: "t1", environment: "dev" },
    );
    const { body } = await query.get("env", "/api/public/traces?environment=prod");
    expect(body.data[0]).toMatchObject({ observations: ["o1"], scores: ["s1"], totalCost: 1 });
  });

  test("the range holds its start and not its end, to the millisecond", async () => {
    const at = now - 3 * dayMs;
    await query.traces(
      { project_id: "range", id: "before", timestamp: at - 1 },
      { project_id: "range", id: "at", timestamp: at },
      { project_id: "range", id: "after", timestamp: at + 1 },
    );
    const from = encodeURIComponent(iso(at));
    expect(await ids("range", `?fromTimestamp=${from}`)).toEqual(["after", "at"]);
    expect(await ids("range", `?toTimestamp=${from}`)).toEqual(["before"]);
    expect(
      await ids("range", `?fromTimestamp=${from}&toTimestamp=${encodeURIComponent(iso(at + 1))}`),
    ).toEqual(["at"]);
    expect(await ids("range", `?fromTimestamp=${from}&toTimestamp=${from}`)).toEqual([]);
  });

  test("a trace whose time moved within a day of its key is found by its time", async () => {
    const at = now - 10 * dayMs;
    const keyHour = Math.floor((at - 24 * hourMs) / hourMs) * 3_600;
    await query.traces(
      { project_id: "moved", id: "late", timestamp: at, key_hour: keyHour },
      { project_id: "moved", id: "early", timestamp: at, key_hour: keyHour + 48 * 3_600 },
    );
    const search = `?fromTimestamp=${iso(at)}&toTimestamp=${iso(at + 1)}`;
    expect(await ids("moved", search)).toEqual(["late", "early"]);
  });

  test("a time in the future is found although it is kept under the hour of its receipt", async () => {
    await query.traces({
      project_id: "future",
      id: "t1",
      timestamp: now + 30 * dayMs,
      created_at: now - minuteMs,
    });
    expect(await ids("future")).toEqual(["t1"]);
    expect(await ids("future", `?fromTimestamp=${iso(now + 20 * dayMs)}`)).toEqual(["t1"]);
  });

  test("bounds that no row can have are answered, also before 1970 and beyond 2106", async () => {
    await query.traces(
      { project_id: "edges", id: "old", timestamp: Date.UTC(1960, 0, 1), created_at: now },
      { project_id: "edges", id: "new", timestamp: now - 1 },
    );
    expect(
      await ids("edges", "?fromTimestamp=0001-01-01T00:00:00Z&toTimestamp=9999-12-31T23:59:59Z"),
    ).toEqual(["new", "old"]);
    expect(await ids("edges", "?toTimestamp=1965-01-01T00:00:00Z")).toEqual(["old"]);
    expect(
      await ids("edges", "?fromTimestamp=1965-01-01T00:00:00Z&toTimestamp=2200-01-01T00:00:00Z"),
    ).toEqual(["new"]);
    expect(await ids("edges", "?toTimestamp=0001-01-01T00:00:00Z")).toEqual([]);
    expect(await ids("edges", "?fromTimestamp=9999-01-01T00:00:00Z")).toEqual([]);
  });
});

describe("pages of traces", () => {
  test("walking the pages shows every trace once, newest first, however far apart they lie", async () => {
    const count = 230;
    // Quadratic distances: dense in the last hours, thin over the last year, so that every window is needed.
    const times = Array.from({ length: count }, (_, i) => now - minuteMs * i * i * 10);
    await query.traces(
      ...times.map((timestamp, i) => ({
        project_id: "walk",
        id: `t${String(i).padStart(3, "0")}`,
        timestamp,
        name: i % 3 === 0 ? "third" : "other",
      })),
    );
    for (const { search, expected } of [
      { search: "", expected: times.map((_, i) => i) },
      { search: "&name=third", expected: times.map((_, i) => i).filter((i) => i % 3 === 0) },
      {
        search: `&fromTimestamp=${iso(times[100] ?? 0)}`,
        expected: times.slice(0, 101).map((_, i) => i),
      },
      {
        search: `&toTimestamp=${iso(times[100] ?? 0)}`,
        expected: times.slice(101).map((_, i) => i + 101),
      },
    ]) {
      const seen: string[] = [];
      for (let page = 1; ; page++) {
        const { body } = await query.get(
          "walk",
          `/api/public/traces?fields=core&limit=40&page=${page}${search}`,
        );
        expect(body.meta).toEqual({
          page,
          limit: 40,
          totalItems: expected.length,
          totalPages: Math.ceil(expected.length / 40),
        });
        seen.push(...body.data.map((trace: { id: string }) => trace.id));
        if (page >= body.meta.totalPages) break;
      }
      expect(seen, search).toEqual(expected.map((i) => `t${String(i).padStart(3, "0")}`));
    }
    expect(await ids("walk", "?page=99")).toEqual([]);
  });

  test("any of the nine columns orders the list in both directions, and no other does", async () => {
    await query.traces(
      { project_id: "order", id: "a", name: "z", public: true, timestamp: now - 2_000 },
      {
        project_id: "order",
        id: "b",
        name: "y",
        bookmarked: true,
        user_id: "u",
        timestamp: now - 3_000,
      },
      {
        project_id: "order",
        id: "c",
        name: "x",
        version: "v",
        release: "r",
        session_id: "s",
        timestamp: now - 1_000,
      },
    );
    expect(await ids("order", "?orderBy=name.asc")).toEqual(["c", "b", "a"]);
    expect(await ids("order", "?orderBy=id.DESC")).toEqual(["c", "b", "a"]);
    expect(await ids("order", "?orderBy=timestamp.asc")).toEqual(["b", "a", "c"]);
    expect(await ids("order")).toEqual(["c", "a", "b"]);
    for (const [column, id] of [
      ["public", "a"],
      ["bookmarked", "b"],
      ["userId", "b"],
      ["version", "c"],
      ["release", "c"],
      ["sessionId", "c"],
    ]) {
      expect((await ids("order", `?orderBy=${column}.desc`))[0], column).toBe(id);
      expect((await ids("order", `?orderBy=${column}.asc`))[2], column).toBe(id);
    }
    for (const column of ["latency", "user_id", "constructor", "id;DROP TABLE sluice.traces"]) {
      const { status, body } = await query.get("order", `/api/public/traces?orderBy=${column}.asc`);
      expect(status, column).toBe(400);
      expect(body.error).toBe("InvalidRequestError");
    }
  });

  test("an advanced filter is refused, never ignored", async () => {
    const { status, body } = await query.get("bare", "/api/public/traces?filter=%5B%7B%7D%5D");
    expect(status).toBe(400);
    expect(body).toEqual({ message: expect.any(String), error: "InvalidRequestError" });
  });
});

describe("one trace", () => {
  test("it comes with its observations, last written first, and its scores, in full", async () => {
    const start = now - hourMs;
    await query.traces({ project_id: "one", id: "t1", input: "in" });
    await query.observations(
      {
        project_id: "one",
        id: "o1",
        start_time: start,
        end_time: start + 1_000,
        cost_details: { total: "0.1" },
        total_cost: "0.1",
        ver: "3",
      },
      {
        project_id: "one",
        id: "o2",
        start_time: start + 500,
        end_time: start + 3_000,
        cost_details: { total: "0.2" },
        total_cost: "0.2",
        ver: "7",
      },
      { project_id: "one", id: "o3", start_time: start + 9_000, ver: "5" },
    );
    await query.scores(
      { project_id: "one", id: "s1", trace_id: "t1", value: 0.5 },
      { project_id: "one", id: "fix", trace_id: "t1", data_type: "CORRECTION", string_value: "x" },
    );
    const { status, body } = await query.get("one", "/api/public/traces/t1");
    expect(status).toBe(200);
    expect(Object.keys(body).toSorted()).toEqual(listKeys);
    expect(body.observations.map((o: { id: string }) => o.id)).toEqual(["o2", "o3", "o1"]);
    expect(body.observations[0]).toMatchObject({
      traceId: "t1",
      latency: 2.5,
      inputPrice: 0,
      outputPrice: 0,
      totalPrice: 0,
    });
    expect(body.scores).toHaveLength(1);
    expect(body.scores[0]).toMatchObject({ id: "s1", value: 0.5, traceId: "t1" });
    expect(body.scores[0]).not.toHaveProperty("sessionId");
    // From the first start to the last end: the start after it does not count here.
    expect(body).toMatchObject({
      latency: 3,
      totalCost: 0.3,
      input: "in",
      htmlPath: "/project/one/traces/t1",
    });
  });

  test("when nothing has ended, latency lasts to the last start; with one observation it is 0", async () => {
    await query.traces({ project_id: "starts", id: "two" }, { project_id: "starts", id: "single" });
    await query.observations(
      { project_id: "starts", trace_id: "two", id: "o1", start_time: now - 5_000 },
      { project_id: "starts", trace_id: "two", id: "o2", start_time: now - 1_000 },
      { project_id: "starts", trace_id: "single", id: "o3", start_time: now - 1_000 },
    );
    expect((await query.get("starts", "/api/public/traces/two")).body.latency).toBe(4);
    expect((await query.get("starts", "/api/public/traces/single")).body.latency).toBe(0);
  });

  test("children that lie far from their trace in time are still there", async () => {
    await query.traces({ project_id: "far", id: "t1", timestamp: now - 400 * dayMs });
    await query.observations({ project_id: "far", id: "o1", start_time: now - 5_000 });
    await query.scores({
      project_id: "far",
      id: "s1",
      trace_id: "t1",
      timestamp: now - 800 * dayMs,
    });
    const { body } = await query.get("far", "/api/public/traces/t1");
    expect(body.observations).toHaveLength(1);
    expect(body.scores).toHaveLength(1);
  });

  test("groups that are not asked for are left out here too", async () => {
    const { body } = await query.get("one", "/api/public/traces/t1?fields=core,metrics");
    expect(body).toMatchObject({
      input: null,
      metadata: {},
      observations: [],
      scores: [],
      latency: 3,
    });
    const { body: bare } = await query.get("one", "/api/public/traces/t1?fields=core");
    expect(bare).toMatchObject({ latency: -1, totalCost: -1 });
    const { body: noIo } = await query.get("one", "/api/public/traces/t1?fields=core,observations");
    expect(noIo.observations).toHaveLength(3);
  });

  test("a trace that is not there, or no longer, is 404", async () => {
    const { status, body } = await query.get("one", "/api/public/traces/nope");
    expect(status).toBe(404);
    expect(body).toEqual({ message: expect.any(String), error: "LangfuseNotFoundError" });
    expect((await query.get("versions", "/api/public/traces/gone")).status).toBe(404);
  });

  test("a trace of more than 80 MB is refused with 422, and its neighbours are not", async () => {
    const megabyte = "x".repeat(1_000_000);
    await query.traces({ project_id: "heavy", id: "big" }, { project_id: "heavy", id: "fine" });
    for (let i = 0; i < 81; i += 9) {
      await query.observations(
        ...Array.from({ length: 9 }, (_, k) => ({
          project_id: "heavy",
          trace_id: i + k < 79 ? "fine" : "big",
          id: `o${i + k}`,
          input: megabyte,
        })),
      );
    }
    await query.observations(
      ...Array.from({ length: 79 }, (_, k) => ({
        project_id: "heavy",
        trace_id: "big",
        id: `p${k}`,
        output: megabyte,
      })),
    );
    const refused = await query.get("heavy", "/api/public/traces/big");
    expect(refused.status).toBe(422);
    expect(refused.body).toEqual({ message: expect.any(String), error: "PayloadTooLargeError" });
    const without = await query.get("heavy", "/api/public/traces/big?fields=core,observations");
    expect(without.body.observations).toHaveLength(81);
    const fine = await query.get("heavy", "/api/public/traces/fine");
    expect(fine.status).toBe(200);
    expect(fine.body.observations).toHaveLength(79);
    expect(
      (await query.get("heavy", "/api/public/observations?limit=100&traceId=big")).status,
    ).toBe(422);
    expect((await query.get("heavy", "/api/public/observations?limit=10&traceId=big")).status).toBe(
      200,
    );
  }, 60_000);
});
