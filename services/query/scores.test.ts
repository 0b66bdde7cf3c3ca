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

describe("one score", () => {
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

  test("the first version knows neither corrections nor scores of sessions and runs", async () => {
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

describe("the list of scores", () => {
  test("each score of a trace shows that trace; a score of a session or a run shows null", async () => {
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

  test("each simple parameter narrows the list", async () => {
    await query.traces(
      { project_id: "narrow", id: "ta", user_id: "u", tags: ["x", "y"], environment: "prod" },
      { project_id: "narrow", id: "tb", user_id: "U", tags: ["x"], environment: "dev" },
    );
    await query.scores(
      {
        project_id: "narrow",
        id: "a",
        trace_id: "ta",
        observation_id: "oa",
        name: "n",
        source: "EVAL",
        data_type: "BOOLEAN",
        value: 1,
        config_id: "c",
        queue_id: "q",
        environment: "prod",
        timestamp: now - 1_000,
      },
      {
        project_id: "narrow",
        id: "b",
        trace_id: "tb",
        name: "N",
        value: 5,
        environment: "dev",
        timestamp: now - 2_000,
      },
      { project_id: "narrow", id: "s", session_id: "sess", value: 7, timestamp: now - 3_000 },
      { project_id: "narrow", id: "r", dataset_run_id: "run", value: 9, timestamp: now - 4_000 },
    );
    for (const search of [
      "name=n",
      "source=EVAL",
      "dataType=BOOLEAN",
      "configId=c",
      "queueId=q",
      "environment=prod",
      "scoreIds=a,nope",
      "observationId=oa,ob",
      "traceId=ta",
      "userId=u",
      "traceTags=y",
      "traceTags=x,y",
      "userId=u&environment=prod",
    ]) {
      expect([search, await ids("narrow", `?${search}`)]).toEqual([search, ["a"]]);
    }
    expect(await ids("narrow", "?sessionId=sess")).toEqual(["s"]);
    expect(await ids("narrow", "?datasetRunId=run")).toEqual(["r"]);
    expect(await ids("narrow", "?traceTags=x")).toEqual(["a", "b"]);
    expect(await ids("narrow", "?value=5&operator=%3E")).toEqual(["s", "r"]);
    expect(await ids("narrow", "?value=5&operator=%3D")).toEqual(["b"]);
    expect(await ids("narrow", "?value=5&operator=!%3D")).toEqual(["a", "s", "r"]);
    expect(await ids("narrow", "?value=5&operator=%3C%3D")).toEqual(["a", "b"]);
    expect(await ids("narrow", "?value=5")).toHaveLength(4);
    expect(await ids("narrow", "?operator=%3D")).toHaveLength(4);
  });

  test("with a question about the trace, the environment is the trace's as well", async () => {
    await query.traces({ project_id: "env", id: "t1", user_id: "u", environment: "prod" });
    await query.scores({ project_id: "env", id: "s1", trace_id: "t1", environment: "dev" });
    expect(await ids("env", "?environment=dev")).toEqual(["s1"]);
    expect(await ids("env", "?environment=dev&userId=u")).toEqual([]);
    expect(await ids("env", "?environment=dev,prod&userId=u")).toEqual(["s1"]);
  });

  test("the pages together show every score once, the newest first, within the range", async () => {
    const times = Array.from({ length: 23 }, (_, i) => now - i * i * 3_600_000);
    await query.scores(
      ...times.map((timestamp, i) => ({
        project_id: "walk",
        id: `s${i}`,
        session_id: "x",
        timestamp,
      })),
    );
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

  test.each([
    ["fields=trace", "InvalidRequestError"],
    ["fields=nope", "InvalidRequestError"],
    ["fields=score&userId=u", "InvalidRequestError"],
    ["fields=score&traceTags=x", "InvalidRequestError"],
    ["filter=%5B%7B%7D%5D", expect.any(Array)],
    ["value=x&operator=%3D", expect.any(Array)],
    ["value=1&operator=like", expect.any(Array)],
    ["dataType=numeric", expect.any(Array)],
    ["source=api", expect.any(Array)],
    ["limit=101", expect.any(Array)],
  ])("%s is refused", async (search, error) => {
    const { status, body } = await query.get("walk", `/api/public/v2/scores?${search}`);
    expect(status).toBe(400);
    expect(body).toEqual({ message: expect.any(String), error });
  });
});
