import { describe, expect, test } from "vitest";

import { minuteMs, now, queryFixture } from "./testing.ts";

const query = queryFixture();

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function ids(project: string, search = ""): Promise<string[]> {
  return query.ids(project, `/api/public/traces${search}`);
}

describe("read-api §3.1: pages of traces", () => {
  test("walking the pages shows every trace once, newest first, however far apart they lie (read-api §1.6)", async () => {
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
      const names = expected.map((i) => `t${String(i).padStart(3, "0")}`);
      expect([search, seen]).toEqual([search, names]);
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
      const descending = await ids("order", `?orderBy=${column}.desc`);
      const ascending = await ids("order", `?orderBy=${column}.asc`);
      expect([column, descending[0], ascending[2]]).toEqual([column, id, id]);
    }
    for (const column of ["latency", "user_id", "constructor", "id;DROP TABLE sluice.traces"]) {
      const { status, body } = await query.get("order", `/api/public/traces?orderBy=${column}.asc`);
      expect([column, status]).toEqual([column, 400]);
      expect(body.error).toBe("InvalidRequestError");
    }
  });

  test("a page that has room for all that match shows their contents in the asked order, and none that matched once", async () => {
    const trace = { project_id: "few", metadata: { team: "blue" }, input: "question" };
    await query.traces(
      ...["b", "a", "d", "c"].map((name, n) => ({
        ...trace,
        id: `t-${n}`,
        name,
        timestamp: now - n * minuteMs,
        ver: "1",
      })),
    );
    await query.traces({ ...trace, id: "t-2", name: "d", metadata: { team: "red" }, ver: "2" });
    const condition = {
      type: "stringObject",
      column: "metadata",
      key: "team",
      operator: "=",
      value: "blue",
    };
    const search = `filter=${encodeURIComponent(JSON.stringify([condition]))}`;
    for (const { more, expected } of [
      { more: "", expected: ["t-0", "t-1", "t-3"] },
      { more: "&orderBy=name.desc", expected: ["t-3", "t-0", "t-1"] },
      { more: "&fields=core", expected: ["t-0", "t-1", "t-3"] },
      { more: "&limit=2", expected: ["t-0", "t-1"] },
      { more: "&limit=2&page=2", expected: ["t-3"] },
    ]) {
      const { body } = await query.get("few", `/api/public/traces?${search}${more}`);
      expect([more, body.data.map(({ id }: { id: string }) => id)]).toEqual([more, expected]);
      expect(body.meta.totalItems).toBe(3);
      for (const { input, metadata } of body.data) {
        const isShown = more !== "&fields=core";
        expect([input, metadata]).toEqual(isShown ? ["question", { team: "blue" }] : [null, {}]);
      }
    }
  });
});
