import { describe, expect, test } from "vitest";

import { now, queryFixture, type Answer } from "./testing.ts";

const query = queryFixture();

function get(project: string, trace: string, search = ""): Promise<Answer> {
  return query.get(project, `/api/public/x/traces/${encodeURIComponent(trace)}/tree${search}`);
}

describe("the tree of a trace", () => {
  test("a node has what a tree is drawn from, and no payload", async () => {
    await query.observations(
      {
        project_id: "nodes",
        id: "root",
        name: "chat",
        start_time: now,
        end_time: now + 1_500,
        total_cost: "0.25",
        input: "much",
      },
      {
        project_id: "nodes",
        id: "leaf",
        parent_id: "root",
        type: "TOOL",
        level: "ERROR",
        start_time: now + 10,
      },
    );
    const { status, body } = await get("nodes", "t1");
    expect(status).toBe(200);
    expect(body).toEqual({
      data: [
        {
          id: "root",
          parentId: null,
          type: "SPAN",
          name: "chat",
          startTime: "2026-07-01T12:30:00.000Z",
          endTime: "2026-07-01T12:30:01.500Z",
          level: "DEFAULT",
          latency: 1.5,
          totalCost: 0.25,
        },
        {
          id: "leaf",
          parentId: "root",
          type: "TOOL",
          name: null,
          startTime: "2026-07-01T12:30:00.010Z",
          endTime: null,
          level: "ERROR",
          latency: null,
          totalCost: null,
        },
      ],
      meta: {
        limit: 1000,
        totalItems: 2,
        startTime: "2026-07-01T12:30:00.000Z",
        endTime: "2026-07-01T12:30:01.500Z",
        totalCost: 0.25,
      },
    });
  });

  test("the cursors lead through a chain of 3,000 nodes once, parents before their children", async () => {
    const rows = Array.from({ length: 3_000 }, (_, i) => ({
      project_id: "deep",
      trace_id: "chain",
      id: `o${String(i).padStart(4, "0")}`,
      parent_id: i === 0 ? "" : `o${String(i - 1).padStart(4, "0")}`,
      // Four of them at each moment.
      start_time: now + Math.floor(i / 4),
    }));
    await query.observations(...rows);
    await query.observations(...rows.slice(0, 9).map((row) => ({ ...row, ver: "9" })));
    const seen: string[] = [];
    let search = "?limit=1300";
    for (let page = 0; page < 3; page += 1) {
      const { body } = await get("deep", "chain", search);
      expect(body.meta.totalItems).toBe(3_000);
      expect("cursor" in body.meta).toBe(page < 2);
      seen.push(...body.data.map((node: { id: string }) => node.id));
      search = `?limit=1300&cursor=${body.meta.cursor}`;
    }
    expect(seen).toEqual(rows.map((row) => row.id));
  });

  test("a trace without observations, or of another project, is 404", async () => {
    await query.traces({ project_id: "mine", id: "empty" });
    await query.observations({ project_id: "theirs", id: "o1", trace_id: "theirs" });
    for (const trace of ["empty", "theirs", "a/b", "'"]) {
      const { status, body } = await get("mine", trace);
      expect([status, body.error]).toEqual([404, "LangfuseNotFoundError"]);
    }
    expect((await query.get(null, "/api/public/x/traces/theirs/tree")).status).toBe(401);
  });

  test.each(["limit=0", "limit=5001", "limit=x"])("%s is refused", async (search) => {
    const { status, body } = await get("nodes", "t1", `?${search}`);
    expect([status, body.error[0].path]).toEqual([400, ["limit"]]);
  });

  test("a cursor that no page has carried is refused", async () => {
    expect((await get("nodes", "t1", "?cursor=garbage")).status).toBe(400);
    expect((await get("nodes", "t1", "?cursor=e30")).status).toBe(400);
  });
});
