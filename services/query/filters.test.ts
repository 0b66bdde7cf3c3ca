import { beforeAll, describe, expect, test } from "vitest";

import { hourMs, minuteMs, now, queryFixture } from "./testing.ts";

const query = queryFixture();

type Path = "traces" | "observations" | "v2/observations" | "scores" | "v2/scores";

function target(path: Path, filter: unknown, search = ""): string {
  return `/api/public/${path}?filter=${encodeURIComponent(JSON.stringify(filter))}${search}`;
}

async function ids(path: Path, filter: object[], search = "", project = "p"): Promise<string[]> {
  return (await query.ids(project, target(path, filter, search))).toSorted();
}

function text(column: string, operator: string, value: string) {
  return { type: "string", column, operator, value };
}

function options(column: string, operator: string, value: string[]) {
  return { type: "stringOptions", column, operator, value };
}

function isNull(column: string, operator = "is null") {
  return { type: "null", column, operator, value: "" };
}

const start = now - 3 * hourMs;

beforeAll(async () => {
  const project_id = "p";
  await query.traces(
    {
      project_id,
      id: "full",
      timestamp: start,
      name: "Chat",
      user_id: "it's",
      environment: "prod",
      tags: ["b"],
    },
    { project_id, id: "one", timestamp: start + minuteMs, name: "chat" },
    { project_id, id: "bare", timestamp: start + 2 * minuteMs },
  );
  const part = { project_id, trace_id: "full", start_time: start };
  await query.observations(
    {
      ...part,
      id: "generation",
      environment: "prod",
      type: "GENERATION",
      level: "WARNING",
      end_time: start + 1_500,
      tok_total: 45,
    },
    { ...part, id: "child", start_time: start + 2_000 },
  );
  await query.scores(
    { project_id, trace_id: "full", id: "n1", name: "q", value: 1 },
    { project_id, trace_id: "full", id: "n2", name: "q", value: 2 },
  );
});

describe("read-api §2.3 and §3.1: a filter beside simple parameters", () => {
  const since = {
    type: "datetime",
    column: "timestamp",
    operator: ">=",
    value: new Date(start + minuteMs).toISOString(),
  };

  test("a condition takes the place of the parameters on its column, and others still count", async () => {
    const before = `&toTimestamp=${new Date(start).toISOString()}`;
    expect(await ids("traces", [], before)).toEqual([]);
    expect(await ids("traces", [since], before)).toEqual(["bare", "one"]);
    expect(await ids("traces", [since], `${before}&name=chat`)).toEqual(["one"]);
    expect(await ids("traces", [text("name", "contains", "hat")], "&name=nobody&tags=b")).toEqual([
      "full",
    ]);
    expect(
      await ids("observations", [text("userId", "=", "it's")], "&userId=nobody&type=SPAN"),
    ).toEqual(["child"]);
    expect(
      await ids("v2/observations", [text("userId", "=", "it's")], "&userId=nobody&type=SPAN"),
    ).toEqual(["child"]);
    expect(await ids("v2/scores", [text("id", "=", "n1")], "&scoreIds=n2&name=q")).toEqual(["n1"]);
  });

  test("environments of a parameter or a condition hold for what traces add up to, and show", async () => {
    const cost = { type: "number", column: "totalTokens", operator: "=", value: 45 };
    const inProd = options("environment", "any of", ["prod"]);
    expect(await ids("traces", [cost], "&environment=prod")).toEqual(["full"]);
    for (const environment of ["", "&environment=default"]) {
      const { body } = await query.get("p", target("traces", [inProd, cost], environment));
      expect(body.data).toMatchObject([
        { id: "full", observations: ["generation"], latency: 1.5, scores: [] },
      ]);
    }
    const apart = [
      options("environment", "none of", ["default"]),
      { type: "number", column: "defaultCount", operator: ">", value: 0 },
    ];
    expect(await ids("traces", apart)).toEqual([]);
  });

  test("from a moment on, observations from an hour before and scores from then on count", async () => {
    const part = { project_id: "since", trace_id: "t" };
    await query.traces({ project_id: "since", id: "t", timestamp: start });
    await query.observations(
      { ...part, id: "before", start_time: start - hourMs - 1, level: "ERROR" },
      { ...part, id: "just", start_time: start - hourMs, level: "ERROR" },
    );
    await query.scores(
      { ...part, id: "s before", timestamp: start - 1, name: "q", value: 5 },
      { ...part, id: "s", timestamp: start, name: "q", value: 1 },
    );
    const errors = { type: "number", column: "errorCount", operator: "=" };
    const average = { type: "numberObject", column: "scores_avg", key: "q", operator: "=" };
    const from = `&fromTimestamp=${new Date(start).toISOString()}`;
    expect(
      await ids(
        "traces",
        [
          { ...errors, value: 2 },
          { ...average, value: 3 },
        ],
        "",
        "since",
      ),
    ).toEqual(["t"]);
    expect(
      await ids(
        "traces",
        [
          { ...errors, value: 1 },
          { ...average, value: 1 },
        ],
        from,
        "since",
      ),
    ).toEqual(["t"]);
    const { body } = await query.get("since", `/api/public/traces?${from}`);
    expect(body.data).toMatchObject([{ observations: ["just"], scores: ["s"], latency: 0 }]);
  });

  test("pages, totals and orders are those of the filtered list", async () => {
    const level = { type: "number", column: "errorCount", operator: "=", value: 0 };
    const seen: string[] = [];
    for (const page of [1, 2, 3, 4]) {
      const { body } = await query.get(
        "p",
        target("traces", [level, isNull("userId")], `&limit=1&page=${page}&orderBy=id.asc`),
      );
      expect(body.meta).toEqual({ page, limit: 1, totalItems: 2, totalPages: 2 });
      seen.push(...body.data.map((trace: { id: string }) => trace.id));
    }
    expect(seen).toEqual(["bare", "one"]);
  });
});

describe("read-api §2: hostile filters", () => {
  const paths: Path[] = ["traces", "observations", "v2/observations", "scores", "v2/scores"];

  test.each(paths)(
    "%s answers ten thousand conditions, huge lists and odd columns with 400, or with a list",
    async (path) => {
      const many = Array.from({ length: 10_000 }, () => text("id", "=", "x"));
      for (const filter of [
        many,
        [
          options(
            "id",
            "any of",
            Array.from({ length: 20_000 }, (_, i) => `id-${i}`),
          ),
        ],
        [text("__proto__", "=", "x")],
        [text("constructor", "=", "x")],
        [text("id) OR (1", "=", "1")],
        { __proto__: [] },
        "x",
      ]) {
        const { status, body } = await query.get("p", target(path, filter));
        expect(status).toBe(400);
        expect(Object.keys(body).toSorted()).toEqual(["error", "message"]);
        expect(JSON.stringify(body)).not.toMatch(/ClickHouse|SELECT|sluice\./);
      }
      const long = Array.from({ length: 5_000 }, (_, i) => `id-${i}`);
      expect(
        await ids(path, [
          options("id", "any of", long),
          ...Array.from({ length: 99 }, () => isNull("id", "is not null")),
        ]),
      ).toEqual([]);
    },
  );

  test("another project's rows are neither found nor counted", async () => {
    await query.traces({ project_id: "theirs", id: "full", name: "secret" });
    await query.observations({
      project_id: "theirs",
      id: "theirs",
      trace_id: "bare",
      level: "ERROR",
      total_cost: "9",
    });
    await query.scores({
      project_id: "theirs",
      id: "theirs",
      trace_id: "bare",
      name: "secret",
      value: 1,
    });
    expect(
      await ids("traces", [{ type: "number", column: "errorCount", operator: ">", value: 0 }]),
    ).toEqual([]);
    expect(
      await ids("traces", [
        { type: "numberObject", column: "scores_avg", key: "secret", operator: ">", value: 0 },
      ]),
    ).toEqual([]);
    expect(await ids("observations", [text("traceName", "=", "secret")])).toEqual([]);
    expect(await ids("v2/observations", [text("traceName", "=", "secret")])).toEqual([]);
  });
});
