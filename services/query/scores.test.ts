import { describe, expect, test } from "vitest";

import { dayMs, now, queryFixture } from "./testing.ts";

const query = queryFixture();

const base = {
  name: "accuracy",
  source: "API",
  environment: "default",
  comment: null,
  authorUserId: null,
  configId: null,
  queueId: null,
  executionTraceId: null,
  metadata: {},
  observationId: null,
};

function ids(project: string, search = "", path = "/api/public/v2/scores"): Promise<string[]> {
  return query.ids(project, `${path}${search}`);
}

describe("read-api §7.4: one score", () => {
  test("each type shows its value as the contract has it", async () => {
    await query.scores(
      {
        project_id: "types",
        id: "n",
        name: "accuracy",
        trace_id: "t1",
        value: 0.25,
        timestamp: now,
      },
      {
        project_id: "types",
        id: "b",
        trace_id: "t1",
        data_type: "BOOLEAN",
        value: 1,
        string_value: "True",
      },
      {
        project_id: "types",
        id: "c",
        trace_id: "t1",
        data_type: "CATEGORICAL",
        string_value: "good",
      },
      {
        project_id: "types",
        id: "t",
        trace_id: "t1",
        data_type: "TEXT",
        string_value: "well said",
      },
      { project_id: "types", id: "x", trace_id: "t1", data_type: "CORRECTION", string_value: "" },
    );
    const numeric = await query.get("types", "/api/public/v2/scores/n");
    expect(numeric.body).toEqual({
      ...base,
      id: "n",
      projectId: "types",
      timestamp: "2026-07-01T12:30:00.000Z",
      createdAt: "2026-07-01T12:30:00.000Z",
      updatedAt: "2026-07-01T12:30:00.000Z",
      dataType: "NUMERIC",
      value: 0.25,
      stringValue: null,
      traceId: "t1",
      sessionId: null,
      datasetRunId: null,
    });
    const shown = async (id: string): Promise<unknown> => {
      const { body } = await query.get("types", `/api/public/v2/scores/${id}`);
      const { dataType, value, stringValue } = body;
      return { dataType, value, stringValue };
    };
    expect(await shown("b")).toEqual({ dataType: "BOOLEAN", value: 1, stringValue: "True" });
    expect(await shown("c")).toEqual({ dataType: "CATEGORICAL", value: 0, stringValue: "good" });
    expect(await shown("x")).toEqual({ dataType: "CORRECTION", value: 0, stringValue: "" });
    const text = await query.get("types", "/api/public/v2/scores/t");
    expect(text.body).not.toHaveProperty("value");
    expect(text.body.stringValue).toBe("well said");
  });

  test("what is stored beside the value is shown, and metadata is parsed", async () => {
    await query.scores({
      project_id: "rest",
      id: "s1",
      session_id: "session",
      comment: "why",
      config_id: "c",
      queue_id: "q",
      author_user_id: "a",
      execution_trace_id: "e",
      source: "ANNOTATION",
      metadata: { n: "1" },
    });
    const { body } = await query.get("rest", "/api/public/v2/scores/s1");
    expect(body).toMatchObject({
      traceId: null,
      sessionId: "session",
      datasetRunId: null,
      comment: "why",
      configId: "c",
      queueId: "q",
      authorUserId: "a",
      executionTraceId: "e",
      source: "ANNOTATION",
      metadata: { n: 1 },
    });
  });

  test("the first version knows neither corrections nor scores of sessions and runs (read-api §7.3)", async () => {
    await query.scores(
      { project_id: "v1", id: "trace", trace_id: "t1" },
      { project_id: "v1", id: "fix", trace_id: "t1", data_type: "CORRECTION" },
      { project_id: "v1", id: "session", session_id: "s" },
      { project_id: "v1", id: "run", dataset_run_id: "r" },
    );
    await query.traces({ project_id: "v1", id: "t1", user_id: "u", session_id: "s", tags: ["x"] });
    for (const id of ["fix", "session", "run", "nope"]) {
      const { status, body } = await query.get("v1", `/api/public/scores/${id}`);
      expect([id, status]).toEqual([id, 404]);
      expect(body).toEqual({ message: expect.any(String), error: "LangfuseNotFoundError" });
    }
    const { body } = await query.get("v1", "/api/public/scores/trace");
    expect(body).not.toHaveProperty("sessionId");
    expect(body).not.toHaveProperty("trace");
    expect(await ids("v1", "", "/api/public/scores")).toEqual(["trace"]);
    expect(await ids("v1", "?dataType=CORRECTION", "/api/public/scores")).toEqual([]);
    // Keys that the first version does not know are ignored.
    expect(
      await ids("v1", "?traceId=other&sessionId=other&fields=nope", "/api/public/scores"),
    ).toEqual(["trace"]);
    const list = await query.get("v1", "/api/public/scores");
    expect(list.body.data[0].trace).toEqual({ userId: "u", tags: ["x"], environment: "default" });
    expect((await ids("v1")).toSorted()).toEqual(["fix", "run", "session", "trace"]);
  });
});

describe("read-api §7.3: the list of scores", () => {
  test("each score of a trace shows that trace; a score of a session or a run shows null (read-api §7.4)", async () => {
    await query.traces({
      project_id: "join",
      id: "t1",
      user_id: "u",
      session_id: "s",
      tags: ["x", "y"],
      environment: "prod",
    });
    await query.scores(
      { project_id: "join", id: "a", trace_id: "t1", timestamp: now - 1 },
      { project_id: "join", id: "b", session_id: "s", timestamp: now - 2 },
    );
    const { body } = await query.get("join", "/api/public/v2/scores");
    expect(body.data.map((score: { trace: unknown }) => score.trace)).toEqual([
      { userId: "u", sessionId: "s", tags: ["x", "y"], environment: "prod" },
      null,
    ]);
    expect(body.meta).toEqual({ page: 1, limit: 50, totalItems: 2, totalPages: 1 });
    const without = await query.get("join", "/api/public/v2/scores?fields=score");
    expect(without.body.data.map((score: { trace: unknown }) => score.trace)).toEqual([null, null]);
  });

  test("scores of a trace that is not stored show only without the trace", async () => {
    await query.traces({ project_id: "orphan", id: "known" });
    await query.scores(
      { project_id: "orphan", id: "a", trace_id: "known", timestamp: now - 1 },
      { project_id: "orphan", id: "b", trace_id: "unknown", timestamp: now - 2 },
    );
    expect(await ids("orphan")).toEqual(["a"]);
    expect(await ids("orphan", "?fields=score,trace")).toEqual(["a"]);
    expect(await ids("orphan", "?fields=score")).toEqual(["a", "b"]);
  });

  test("with a question about the trace, the environment is the trace's as well", async () => {
    await query.traces({ project_id: "env", id: "t1", user_id: "u", environment: "prod" });
    await query.scores({ project_id: "env", id: "s1", trace_id: "t1", environment: "dev" });
    expect(await ids("env", "?environment=dev")).toEqual(["s1"]);
    expect(await ids("env", "?environment=dev&userId=u")).toEqual([]);
    expect(await ids("env", "?environment=dev,prod&userId=u")).toEqual(["s1"]);
  });

  test("the pages together show and count every score once (read-api §13 #38), the newest first, within the range", async () => {
    const times = Array.from({ length: 23 }, (_, i) => now - i * i * 3_600_000);
    const rows = times.map((timestamp, i) => ({
      project_id: "walk",
      id: `s${i}`,
      session_id: "x",
      timestamp,
    }));
    await query.scores(...rows);
    // A second version of some, unmerged: it must not be counted twice.
    await query.scores(...rows.slice(0, 5).map((row) => ({ ...row, ver: "9" })));
    const seen: string[] = [];
    for (const page of [1, 2, 3]) {
      const { body } = await query.get("walk", `/api/public/v2/scores?limit=10&page=${page}`);
      expect(body.meta).toEqual({ page, limit: 10, totalItems: 23, totalPages: 3 });
      seen.push(...body.data.map((score: { id: string }) => score.id));
    }
    expect(seen).toEqual(times.map((_, i) => `s${i}`));
    const at = new Date(times[2] ?? 0).toISOString();
    expect(await ids("walk", `?fromTimestamp=${at}`)).toEqual(["s0", "s1", "s2"]);
    expect(
      await ids("walk", `?toTimestamp=${at}&fromTimestamp=${new Date(now - dayMs).toISOString()}`),
    ).toEqual(["s3", "s4"]);
  });
});
