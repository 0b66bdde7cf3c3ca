import { describe, expect, test } from "vitest";

import { dayMs, now, queryFixture, type Answer } from "./testing.ts";

const query = queryFixture();

function get(project: string, search = ""): Promise<Answer> {
  return query.get(project, `/api/public/v2/observations${search}`);
}

function ids(project: string, search = ""): Promise<string[]> {
  return query.ids(project, `/api/public/v2/observations${search}`);
}

/** Follows the cursors to the end; no list of these tests has more pages. */
async function walk(project: string, search: string): Promise<string[][]> {
  const pages: string[][] = [];
  let cursor = "";
  for (let page = 0; page < 50; page += 1) {
    const { status, body } = await get(project, `${search}${cursor}`);
    expect(status).toBe(200);
    pages.push(body.data.map((row: { id: string }) => row.id));
    if (body.meta.cursor === undefined) return pages;
    cursor = `&cursor=${encodeURIComponent(body.meta.cursor)}`;
  }
  throw new Error("the cursors do not end");
}

/** A `filter` of one condition. */
function where(column: string, value: string): string {
  return encodeURIComponent(JSON.stringify([{ type: "string", column, operator: "=", value }]));
}

describe("read-api §5: the pages of v2/observations", () => {
  test("the cursors lead through every observation once, the newest first, also within one moment", async () => {
    const rows = Array.from({ length: 23 }, (_, i) => ({
      project_id: "walk",
      id: `o${String(i).padStart(2, "0")}`,
      trace_id: `t${i % 4}`,
      start_time: i < 12 ? now - 1_000 : now - i * i * 3_600_000,
    }));
    await query.observations(...rows);
    // A second version of some, unmerged: it must not be shown twice.
    await query.observations(...rows.slice(0, 5).map((row) => ({ ...row, ver: "9" })));
    const whole = await ids("walk", "?limit=1000");
    expect(whole.toSorted()).toEqual(rows.map((row) => row.id));
    expect(whole.slice(12)).toEqual(rows.slice(12).map((row) => row.id));
    for (const limit of [5, 23]) {
      const pages = await walk("walk", `?limit=${limit}`);
      expect(pages.flat()).toEqual(whole);
      expect(pages).toHaveLength(Math.ceil(23 / limit));
    }
  });

  test("what is written between two pages moves nothing", async () => {
    const moving = { project_id: "moving" };
    await query.observations(
      { ...moving, id: "b", start_time: now - 2_000 },
      { ...moving, id: "c", start_time: now - 3_000 },
      { ...moving, id: "d", start_time: now - 4_000 },
    );
    const { body } = await get("moving", "?limit=1");
    await query.observations(
      { ...moving, id: "a", start_time: now - 1_000 },
      { ...moving, id: "bb", start_time: now - 2_500 },
    );
    const cursor = encodeURIComponent(body.meta.cursor);
    expect(await ids("moving", `?limit=2&cursor=${cursor}`)).toEqual(["bb", "c"]);
  });

  test("the cursor holds within the bounds of time that were asked for", async () => {
    const at = now - 3 * dayMs;
    await query.observations(
      ...[-2, -1, 0, 1, 2].map((step) => ({
        project_id: "bounds",
        id: `o${step}`,
        start_time: at + step,
      })),
    );
    const range = `&fromStartTime=${new Date(at - 1).toISOString()}&toStartTime=${new Date(at + 2).toISOString()}`;
    expect(await walk("bounds", `?limit=2${range}`)).toEqual([["o1", "o0"], ["o-1"]]);
  });

  test("`limit=0` and `limit=` are an empty page without a cursor", async () => {
    await query.observations({ project_id: "none", id: "o1" });
    for (const search of ["?limit=0", "?limit="]) {
      expect((await get("none", search)).body).toEqual({ data: [], meta: {} });
    }
  });
});

describe("read-api §5: the parameters of v2/observations", () => {
  // Within one window of time, which takes one statement instead of four.
  const recent = "fromStartTime=2026-07-01T12:00:00Z";

  test("a condition of `filter` narrows the list, and a parameter of its column does not count beside it (read-api §2.3)", async () => {
    await query.traces({ project_id: "filtered", id: "ta", user_id: "u" });
    await query.observations(
      { project_id: "filtered", id: "a", trace_id: "ta", name: "n", start_time: now - 1_000 },
      { project_id: "filtered", id: "b", trace_id: "tb", name: "m", start_time: now - 2_000 },
    );
    expect(await ids("filtered", `?filter=${where("name", "m")}`)).toEqual(["b"]);
    expect(await ids("filtered", `?name=n&filter=${where("name", "m")}`)).toEqual(["b"]);
    expect(await ids("filtered", `?name=n&filter=${where("userId", "u")}`)).toEqual(["a"]);
    const pages = await walk("filtered", `?limit=1&filter=${where("type", "SPAN")}`);
    expect(pages).toEqual([["a"], ["b"]]);
    const { status, body } = await get("filtered", `?filter=${where("nope", "x")}`);
    expect([status, body.error]).toEqual([400, "InvalidRequestError"]);
  });

  test("a cursor made by hand reaches no other project and breaks no statement", async () => {
    await query.observations({ project_id: "own", id: "mine" });
    const hostile = ["'); DROP TABLE sluice.observations --", "{project:String}", "\0"];
    for (const [i, lastId] of hostile.entries()) {
      const lastStartTimeTo = `${i === 0 ? 9999 : 2030}-01-01T00:00:00.000Z`;
      const position = { lastStartTimeTo, lastTraceId: lastId, lastId };
      const cursor = encodeURIComponent(Buffer.from(JSON.stringify(position)).toString("base64"));
      expect(await ids("own", `?cursor=${cursor}`)).toEqual(["mine"]);
    }
  });

  test("a text that breaks what pastes it finds its own row, and nothing of another project", async () => {
    const text = "it's \\' {project:String} ') UNION ALL SELECT * FROM sluice.traces --";
    for (const project_id of ["hostile", "others"]) {
      await query.traces({ project_id, id: text, user_id: text, session_id: text });
      const row = { trace_id: text, name: text, version: text, parent_id: text, environment: text };
      await query.observations({ project_id, id: project_id, ...row });
    }
    const names = ["traceId", "name", "version", "parentObservationId", "userId", "sessionId"];
    const search = new URLSearchParams(names.map((name): [string, string] => [name, text]));
    for (let i = 0; i < 2; i += 1) search.append("environment", text);
    expect(await ids("hostile", `?${recent}&${search.toString()}`)).toEqual(["hostile"]);
    expect(await ids("nobody-yet", `?${recent}&${search.toString()}`)).toEqual([]);
  });
});
