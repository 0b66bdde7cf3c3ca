import { describe, expect, test } from "vitest";

import { hourMs, now, queryFixture } from "./testing.ts";

const query = queryFixture();

function ids(project: string, search = ""): Promise<string[]> {
  return query.ids(project, `/api/public/sessions${search}`);
}

describe("read-api §6: the list of sessions", () => {
  test("a session has the receipt and the environment of its first trace, and these keys alone", async () => {
    await query.traces(
      {
        project_id: "first",
        id: "t1",
        session_id: "s",
        environment: "late",
        timestamp: now - 9 * hourMs,
        created_at: now - hourMs,
      },
      {
        project_id: "first",
        id: "t2",
        session_id: "s",
        environment: "early",
        timestamp: now - hourMs,
        created_at: now - 2 * hourMs,
      },
      { project_id: "first", id: "t3" },
    );
    const { body } = await query.get("first", "/api/public/sessions");
    expect(body).toEqual({
      data: [
        {
          id: "s",
          createdAt: new Date(now - 2 * hourMs).toISOString(),
          projectId: "first",
          environment: "early",
        },
      ],
      meta: { page: 1, limit: 50, totalItems: 1, totalPages: 1 },
    });
  });

  test("sessions come newest first, by page, within a range of their creation", async () => {
    await query.traces(
      ...Array.from({ length: 7 }, (_, i) => ({
        project_id: "walk",
        id: `t${i}`,
        session_id: `s${i % 5}`,
        created_at: now - (i + 1) * hourMs,
        timestamp: now - (i + 1) * hourMs,
      })),
    );
    // s0 and s1 have an earlier trace as well: their creation is the oldest of all.
    expect(await ids("walk")).toEqual(["s2", "s3", "s4", "s0", "s1"]);
    expect(await ids("walk", "?limit=2&page=2")).toEqual(["s4", "s0"]);
    expect(await ids("walk", "?limit=2&page=4")).toEqual([]);
    const { body } = await query.get("walk", "/api/public/sessions?limit=2&page=4");
    expect(body.meta).toEqual({ page: 4, limit: 2, totalItems: 5, totalPages: 3 });
    const at = new Date(now - 5 * hourMs).toISOString();
    expect(await ids("walk", `?fromTimestamp=${at}`)).toEqual(["s2", "s3", "s4"]);
    expect(await ids("walk", `?toTimestamp=${at}`)).toEqual(["s0", "s1"]);
  });

  test("an environment is matched whole: a comma does not part it", async () => {
    await query.traces(
      { project_id: "env", id: "t1", session_id: "a", environment: "prod", created_at: now - 1 },
      { project_id: "env", id: "t2", session_id: "b", environment: "dev", created_at: now - 2 },
      // Its first trace is what counts, not any of them.
      { project_id: "env", id: "t3", session_id: "b", environment: "prod", created_at: now - 1 },
    );
    expect(await ids("env", "?environment=prod")).toEqual(["a"]);
    expect(await ids("env", "?environment=prod,dev")).toEqual([]);
    expect(await ids("env", "?environment=prod&environment=dev")).toEqual(["a", "b"]);
  });
});

describe("read-api §6: one session", () => {
  test("it comes with its traces, the last written first, without what only other tables know", async () => {
    await query.traces(
      { project_id: "one", id: "t1", session_id: "a/b", updated_at: now - 1_000, input: '{"a":1}' },
      { project_id: "one", id: "t2", session_id: "a/b", updated_at: now },
      { project_id: "one", id: "t3", session_id: "other" },
    );
    const { status, body } = await query.get("one", "/api/public/sessions/a%2Fb");
    expect(status).toBe(200);
    expect(Object.keys(body).toSorted()).toEqual([
      "createdAt",
      "environment",
      "id",
      "projectId",
      "traces",
    ]);
    expect(body.id).toBe("a/b");
    expect(body.traces.map((trace: { id: string }) => trace.id)).toEqual(["t2", "t1"]);
    expect(body.traces[1]).toMatchObject({ input: { a: 1 }, externalId: null, sessionId: "a/b" });
    for (const key of ["htmlPath", "latency", "totalCost", "scores", "observations"]) {
      expect(body.traces[0]).not.toHaveProperty(key);
    }
  });

  test("a session that no trace names is 404; so is one whose traces are deleted", async () => {
    await query.traces({ project_id: "gone", id: "t1", session_id: "s", ver: "2", is_deleted: 1 });
    for (const id of ["s", "nope", "%20"]) {
      const { status, body } = await query.get("gone", `/api/public/sessions/${id}`);
      expect(status).toBe(404);
      expect(body).toEqual({ message: expect.any(String), error: "LangfuseNotFoundError" });
    }
  });

  test("a session of more than 80 MB is refused with 422", async () => {
    const half = "x".repeat(45_000_000);
    await query.traces({ project_id: "heavy", id: "t1", session_id: "s", input: half });
    expect((await query.get("heavy", "/api/public/sessions/s")).status).toBe(200);
    await query.traces({ project_id: "heavy", id: "t2", session_id: "s", output: half });
    const { status, body } = await query.get("heavy", "/api/public/sessions/s");
    expect(status).toBe(422);
    expect(body).toEqual({ message: expect.any(String), error: "PayloadTooLargeError" });
    expect((await query.get("heavy", "/api/public/traces?limit=1")).status).toBe(200);
    expect((await query.get("heavy", "/api/public/traces")).status).toBe(422);
    expect((await query.get("heavy", "/api/public/traces?fields=core")).status).toBe(200);
  });
});
