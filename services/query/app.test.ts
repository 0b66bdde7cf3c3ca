import { describe, expect, test } from "vitest";

import { DbError, type Db } from "../../clickhouse/engine.ts";
import { recordingLogger } from "../runtime/http/testing.ts";
import { createQueryApp } from "./app.ts";
import { basic, dayMs, depsOf, hourMs, now, queryFixture } from "./testing.ts";

const query = queryFixture();

const paths = [
  "/api/public/projects",
  "/api/public/traces",
  "/api/public/traces/x",
  "/api/public/observations",
  "/api/public/observations/x",
  "/api/public/v2/observations",
  "/api/public/sessions",
  "/api/public/sessions/x",
  "/api/public/scores",
  "/api/public/scores/x",
  "/api/public/v2/scores",
  "/api/public/v2/scores/x",
  "/api/public/v3/scores",
];

const authorization = basic("pk-p1", "p1");

describe("read-api §10.1: health", () => {
  test("health and readiness need no key and say which contract is served", async () => {
    for (const path of ["/api/public/health", "/api/public/ready"]) {
      const { status, body } = await query.get(null, path);
      expect(status).toBe(200);
      expect(body).toEqual({ status: "OK", version: expect.stringMatching(/^\d+\.\d+\.\d+$/) });
    }
    const { status } = await query.get(null, "/api/public/health?failIfDatabaseUnavailable=true");
    expect(status).toBe(200);
    expect((await query.get(null, "/api/public/health", { method: "HEAD" })).status).toBe(200);
  });

  test("on demand, health fails while no event is younger than three minutes", async () => {
    const path = "/api/public/health?failIfNoRecentEvents=true";
    await query.traces({ project_id: "health", id: "t1", timestamp: now - 180_001 });
    expect((await query.get(null, path)).status).toBe(503);
    await query.observations({ project_id: "health", id: "o1", start_time: now - 180_000 });
    expect((await query.get(null, path)).status).toBe(200);
  });

  test("a database that does not answer fails readiness, and health only on demand", async () => {
    const { log } = recordingLogger();
    const closed: Db = { ...query.db, query: () => Promise.reject(new Error("closed")) };
    const app = createQueryApp(depsOf(closed, log));
    expect((await app.request("/api/public/health")).status).toBe(200);
    for (const path of [
      "ready",
      "health?failIfDatabaseUnavailable=true",
      "health?failIfNoRecentEvents=true",
    ]) {
      const response = await app.request(`/api/public/${path}`);
      expect([path, response.status]).toEqual([path, 503]);
      expect(await response.json()).toEqual({ status: "ERROR", version: expect.any(String) });
    }
  });
});

describe("read-api §10.2: projects", () => {
  test("a key's project comes with its organization", async () => {
    const { status, body } = await query.get("p1", "/api/public/projects");
    expect(status).toBe(200);
    expect(body).toEqual({
      data: [
        {
          id: "p1",
          name: "Name of p1",
          organization: { id: "org-1", name: "Organization" },
          metadata: {},
        },
      ],
    });
  });
});

describe.each(paths)("read-api §1.1 to §1.3 and §1.9: %s", (path) => {
  test("without a key, with a wrong one or another scheme it is 401 with a message alone", async () => {
    for (const header of [
      null,
      basic("pk", "nobody"),
      "Basic !!!",
      "Digest x",
      "Bearer pk-nobody",
    ]) {
      const headers: Record<string, string> = header === null ? {} : { authorization: header };
      const { status, body } = await query.get(null, `${path}?page=0`, { headers });
      expect([header, status]).toEqual([header, 401]);
      expect(body).toEqual({ message: expect.any(String) });
    }
  });

  test("a public key alone and an organization's key are 403 with a message alone", async () => {
    for (const header of ["Bearer pk-p1", basic("pk-org", "org")]) {
      const { status, body } = await query.get(null, path, { headers: { authorization: header } });
      expect([header, status]).toEqual([header, 403]);
      expect(body).toEqual({ message: expect.any(String) });
    }
  });

  test("another method is 405, before any key is asked for", async () => {
    for (const method of ["PUT", "PATCH", "DELETE", "POST"]) {
      const { status, body } = await query.get(null, path, { method });
      expect([method, status]).toEqual([method, 405]);
      expect(body).toEqual({ message: expect.any(String), error: "MethodNotAllowedError" });
    }
    expect((await query.get(null, path, { method: "HEAD" })).status).toBe(405);
  });

  test("any origin may ask, and is told so", async () => {
    const headers = { origin: "https://app.example", "access-control-request-method": "GET" };
    const preflight = await query.get(null, path, { method: "OPTIONS", headers });
    expect(preflight.status).toBe(204);
    const { headers: answered } = await query.get("p1", path, { headers });
    for (const held of [preflight.headers, answered]) {
      expect(held.get("access-control-allow-origin")).toBe("https://app.example");
      expect(held.get("access-control-allow-credentials")).toBeNull();
    }
  });
});

describe("read-api §1.4: errors", () => {
  const reads = paths.filter((path) => path !== "/api/public/projects");

  async function answers(db: Db, limits = {}): Promise<{ status: number; text: string }[]> {
    const { log } = recordingLogger();
    const deps = depsOf(db, log);
    const app = createQueryApp({ ...deps, limits: { ...deps.limits, ...limits } });
    return await Promise.all(
      reads.map(async (path) => {
        const response = await app.request(path, { headers: { authorization } });
        return { status: response.status, text: await response.text() };
      }),
    );
  }

  test("a read over its memory is 422 on every path, with advice instead of the engine's words", async () => {
    const row = { project_id: "p1", id: "x" };
    await query.traces({ ...row, session_id: "x" });
    await query.observations(row);
    await query.scores({ ...row, trace_id: "x" });
    for (const { status, text } of await answers(query.db, { readMemoryBytes: 1 })) {
      expect(status).toBe(422);
      expect(JSON.parse(text)).toEqual({ message: expect.any(String), error: "Request timed out" });
      expect(text).not.toMatch(/clickhouse|sluice\.|memory limit/i);
    }
  });

  test("a read that would look at more rows than one may is 422 on every path, with the same advice", async () => {
    const rows = ["x", "y", "z"].map((id) => ({ project_id: "p1", id, trace_id: "x" }));
    await query.traces(...rows.map(({ project_id, id }) => ({ project_id, id, session_id: "x" })));
    await query.observations(...rows);
    await query.scores(...rows);
    for (const { status, text } of await answers(query.db, { readRowsMax: 1 })) {
      expect(status).toBe(422);
      expect(JSON.parse(text)).toEqual({ message: expect.any(String), error: "Request timed out" });
      expect(text).not.toMatch(/clickhouse|sluice\.|limit for rows/i);
    }
  });

  test("a read logs how many rows of the database it looked at", async () => {
    const { log, lines } = recordingLogger();
    const app = createQueryApp(depsOf(query.db, log));
    await query.traces({ project_id: "counted", id: "x" }, { project_id: "counted", id: "y" });
    const headers = { authorization: basic("pk-counted", "counted") };
    expect((await app.request("/api/public/traces?fields=core", { headers })).status).toBe(200);
    const line = lines.find(({ route }) => route === "/api/public/traces");
    expect(line?.["rowsRead"]).toBeGreaterThanOrEqual(2);
  });

  test("a database that may answer later is 503 with Retry-After", async () => {
    const away: Db = {
      ...query.db,
      query: () => Promise.reject(new DbError("transient", 210, "Code: 210. NETWORK")),
      page: () => Promise.reject(new DbError("transient", 210, "Code: 210. NETWORK")),
    };
    for (const { status, text } of await answers(away)) {
      expect(status).toBe(503);
      expect(JSON.parse(text)).toEqual({
        message: expect.any(String),
        error: "ServiceUnavailableError",
      });
    }
  });

  test("our own mistake is 500 with the request's id, which the log has too, and nothing of the engine", async () => {
    const { log, lines } = recordingLogger();
    const broken: Db = {
      ...query.db,
      query: (_sql, params) => query.db.query("SELECT secret FROM sluice.nothing", params),
    };
    const app = createQueryApp(depsOf(broken, log));
    const response = await app.request("/api/public/traces/x", { headers: { authorization } });
    const text = await response.text();
    expect(response.status).toBe(500);
    const requestId = response.headers.get("x-request-id") ?? "";
    expect(requestId).not.toBe("");
    expect(text).toContain(requestId);
    expect(text).not.toMatch(/clickhouse|secret|nothing/i);
    expect(lines).toContainEqual(
      expect.objectContaining({ level: "error", requestId, message: "request failed" }),
    );
    expect(JSON.stringify(lines)).not.toContain("secret");
  });

  test("a path that no service knows is 404 in JSON", async () => {
    for (const path of ["/api/public/nope", "/api/public/traces/a/b", "/api/public/traces/", "/"]) {
      const { status, body } = await query.get("p1", path);
      expect([path, status]).toEqual([path, 404]);
      expect(body).toEqual({ message: expect.any(String), error: "LangfuseNotFoundError" });
    }
  });

  test("unknown parameters are ignored (read-api §1.5), and a log line names the project but no id of a customer", async () => {
    const { status } = await query.get("p1", "/api/public/traces?offset=7&nope=1&userId=somebody");
    expect(status).toBe(200);
    const line = query.lines.findLast((entry) => entry.message === "request");
    expect(line).toMatchObject({ project: "p1", keyId: "pk-p1", route: "/api/public/traces" });
    expect(JSON.stringify(line)).not.toContain("somebody");
  });

  test("rows that lie in the hour next to a bound are not lost", async () => {
    const at = now - 2 * dayMs;
    await query.observations({
      project_id: "hours",
      id: "o1",
      start_time: at,
      key_hour: (at - 24 * hourMs) / 1000,
    });
    const search = `fromStartTime=${new Date(at).toISOString()}`;
    const { body } = await query.get("hours", `/api/public/observations?${search}`);
    expect(body.data).toHaveLength(1);
  });
});
