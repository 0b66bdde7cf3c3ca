import { describe, expect, test } from "vitest";

import { dayMs, hourMs, minuteMs, now, queryFixture, traceKeys } from "./testing.ts";

const query = queryFixture();

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function ids(project: string, search = ""): Promise<string[]> {
  return query.ids(project, `/api/public/traces${search}`);
}

describe("read-api §3.1: the list of traces", () => {
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

  test("what was stored is shown: texts parsed where they are JSON, and sums over the observations (read-api §1.6, §9)", async () => {
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
    expect(Object.keys(trace).toSorted()).toEqual(traceKeys);
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

  test("only the newest version of a trace shows and counts, and none of a deleted one (read-api §13 #38)", async () => {
    await query.traces(
      { project_id: "versions", id: "t1", name: "old", user_id: "old", ver: "1" },
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
    for (const search of ["name=old", "userId=old"]) {
      const { body: none } = await query.get("versions", `/api/public/traces?${search}`);
      expect([search, none.data, none.meta.totalItems]).toEqual([search, [], 0]);
    }
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

  test("the range holds its start and not its end, to the millisecond (read-api §1.5)", async () => {
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
