import { beforeAll, expect, test } from "vitest";

import { hourMs, minuteMs, now, queryFixture } from "./testing.ts";

/**
 * An entity that moves to another key has two visible rows for a moment: the writer inserts the new one before the
 * tombstone of the old one.
 */
const query = queryFixture();
const project_id = "moving";

/** A row as it was before and as it is, in the order in which they might be read back. */
function movedRow(id: string, old: object, current: object): object[] {
  const row = { project_id, id, environment: "left" };
  const before = { ...row, ...old, key_hour: (now - 30 * 24 * hourMs) / 1000 - 1800, ver: "5" };
  return [{ ...row, environment: "default", ...current, ver: "7" }, before];
}

beforeAll(async () => {
  await query.traces(
    ...movedRow(
      "t1",
      { name: "stale", session_id: "s1", timestamp: now, updated_at: now },
      { name: "new", session_id: "s1", timestamp: now - hourMs, updated_at: now - hourMs },
    ),
    { project_id, id: "t2", session_id: "s1", updated_at: now - 2 * hourMs },
  );
  await query.observations(
    ...movedRow(
      "o1",
      { name: "stale", start_time: now - 5 * hourMs, total_cost: "10" },
      { name: "new", start_time: now - hourMs, total_cost: "1" },
    ),
    { project_id, id: "o2", start_time: now - hourMs + minuteMs, total_cost: "2", ver: "6" },
  );
  await query.scores(
    ...movedRow(
      "c1",
      { name: "stale", trace_id: "t1", timestamp: now },
      { name: "new", trace_id: "t1", timestamp: now - hourMs },
    ),
    { project_id, id: "c2", trace_id: "t1", timestamp: now - minuteMs },
  );
});

test.each([
  ["traces/t1", "new"],
  ["observations/o1", "new"],
  ["scores/c1", "new"],
  ["v2/scores/c1", "new"],
])("GET /%s shows the row of the greatest version", async (path, name) => {
  const { status, body } = await query.get(project_id, `/api/public/${path}`);
  expect([status, body.name, body.environment]).toEqual([200, name, "default"]);
});

test("GET /traces/{id} shows each observation and each score once, and adds each up once", async () => {
  const { body } = await query.get(project_id, "/api/public/traces/t1");
  expect(named(body.observations)).toEqual([
    ["o1", "new"],
    ["o2", null],
  ]);
  expect(named(body.scores)).toEqual([
    ["c2", ""],
    ["c1", "new"],
  ]);
  expect([body.totalCost, body.latency]).toEqual([3, 60]);
});

test("GET /sessions/{id} shows each trace once, the last updated first, and the environment of the newest row", async () => {
  const { body } = await query.get(project_id, "/api/public/sessions/s1");
  expect(named(body.traces)).toEqual([
    ["t1", "new"],
    ["t2", null],
  ]);
  expect(body.environment).toBe("default");
});

test("GET /x/observations/{id}/cost explains the cost of the newest row", async () => {
  const { body } = await query.get(project_id, "/api/public/x/observations/o1/cost");
  expect(body.cost.total).toBe("1");
});

test("GET /traces names each part of a trace once, and adds each up once", async () => {
  const { body } = await query.get(project_id, "/api/public/traces");
  const traces = body.data.filter(({ id }: { id: string }) => id === "t1");
  for (const trace of traces) {
    expect(trace.name).toBe("new");
    expect(trace.observations.toSorted()).toEqual(["o1", "o2"]);
    expect(trace.scores.toSorted()).toEqual(["c1", "c2"]);
    expect(trace.totalCost).toBe(3);
  }
  expect(traces).toHaveLength(1);
});

test.each([
  ["default", ["o1", "o2"], 3],
  // The trace is listed there for that moment, but what it adds up is as it is now.
  ["left", [], 0],
])(
  "GET /traces counts an observation in the environment of its newest row (environment=%s)",
  async (environment, ids, cost) => {
    const { body } = await query.get(project_id, `/api/public/traces?environment=${environment}`);
    const trace = body.data.find(({ id }: { id: string }) => id === "t1");
    expect([trace.observations.toSorted(), trace.totalCost ?? 0]).toEqual([ids, cost]);
  },
);

test.each([
  ["observations", "o1"],
  ["scores", "c1"],
  ["v2/scores", "c1"],
])("GET /%s shows a moving row once on a page, as it is", async (path, id) => {
  const { body } = await query.get(project_id, `/api/public/${path}?fields=score`);
  const rows = body.data.filter((row: { id: string }) => row.id === id);
  expect(rows.map(({ name }: { name: string }) => name)).toEqual(["new"]);
});

function named(rows: { id: string; name: string | null }[]): unknown[] {
  return rows.map(({ id, name }) => [id, name]);
}
