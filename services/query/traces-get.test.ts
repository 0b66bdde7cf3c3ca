import { describe, expect, test } from "vitest";

import { dayMs, hourMs, now, queryFixture, traceKeys } from "./testing.ts";

const query = queryFixture();

describe("read-api §3.2: one trace", () => {
  test("it comes with its observations, last written first, and its scores, in full", async () => {
    const start = now - hourMs;
    await query.traces({ project_id: "one", id: "t1", input: "in" });
    await query.observations(
      {
        project_id: "one",
        id: "o1",
        start_time: start,
        end_time: start + 1_000,
        cost_details: { total: "0.1" },
        total_cost: "0.1",
        ver: "3",
      },
      {
        project_id: "one",
        id: "o2",
        start_time: start + 500,
        end_time: start + 3_000,
        cost_details: { total: "0.2" },
        total_cost: "0.2",
        ver: "7",
      },
      { project_id: "one", id: "o3", start_time: start + 9_000, ver: "5" },
    );
    await query.scores(
      { project_id: "one", id: "s1", trace_id: "t1", value: 0.5 },
      { project_id: "one", id: "fix", trace_id: "t1", data_type: "CORRECTION", string_value: "x" },
    );
    const { status, body } = await query.get("one", "/api/public/traces/t1");
    expect(status).toBe(200);
    expect(Object.keys(body).toSorted()).toEqual(traceKeys);
    expect(body.observations.map((o: { id: string }) => o.id)).toEqual(["o2", "o3", "o1"]);
    expect(body.observations[0]).toMatchObject({
      traceId: "t1",
      latency: 2.5,
      inputPrice: 0,
      outputPrice: 0,
      totalPrice: 0,
    });
    expect(body.scores).toHaveLength(1);
    expect(body.scores[0]).toMatchObject({ id: "s1", value: 0.5, traceId: "t1" });
    expect(body.scores[0]).not.toHaveProperty("sessionId");
    // From the first start to the last end: the start after it does not count here.
    expect(body).toMatchObject({
      latency: 3,
      totalCost: 0.3,
      input: "in",
      htmlPath: "/project/one/traces/t1",
    });
  });

  test("when nothing has ended (read-api §9), latency lasts to the last start; with one observation it is 0", async () => {
    await query.traces({ project_id: "starts", id: "two" }, { project_id: "starts", id: "single" });
    await query.observations(
      { project_id: "starts", trace_id: "two", id: "o1", start_time: now - 5_000 },
      { project_id: "starts", trace_id: "two", id: "o2", start_time: now - 1_000 },
      { project_id: "starts", trace_id: "single", id: "o3", start_time: now - 1_000 },
    );
    expect((await query.get("starts", "/api/public/traces/two")).body.latency).toBe(4);
    expect((await query.get("starts", "/api/public/traces/single")).body.latency).toBe(0);
  });

  test("children that lie far from their trace in time are still there", async () => {
    await query.traces({ project_id: "far", id: "t1", timestamp: now - 400 * dayMs });
    await query.observations({ project_id: "far", id: "o1", start_time: now - 5_000 });
    await query.scores({
      project_id: "far",
      id: "s1",
      trace_id: "t1",
      timestamp: now - 800 * dayMs,
    });
    const { body } = await query.get("far", "/api/public/traces/t1");
    expect(body.observations).toHaveLength(1);
    expect(body.scores).toHaveLength(1);
  });

  test("groups that are not asked for are left out here too", async () => {
    const { body } = await query.get("one", "/api/public/traces/t1?fields=core,metrics");
    expect(body).toMatchObject({
      input: null,
      metadata: {},
      observations: [],
      scores: [],
      latency: 3,
    });
    const { body: bare } = await query.get("one", "/api/public/traces/t1?fields=core");
    expect(bare).toMatchObject({ latency: -1, totalCost: -1 });
    const { body: noIo } = await query.get("one", "/api/public/traces/t1?fields=core,observations");
    expect(noIo.observations).toHaveLength(3);
  });

  test("a trace that is not there, or no longer, is 404", async () => {
    await query.traces({ project_id: "one", id: "gone", ver: "2", is_deleted: 1 });
    const { status, body } = await query.get("one", "/api/public/traces/nope");
    expect(status).toBe(404);
    expect(body).toEqual({ message: expect.any(String), error: "LangfuseNotFoundError" });
    expect((await query.get("one", "/api/public/traces/gone")).status).toBe(404);
  });

  test("a trace of more than 80 MB is refused with 422, and its neighbours are not", async () => {
    const megabyte = "x".repeat(1_000_000);
    await query.traces({ project_id: "heavy", id: "big" }, { project_id: "heavy", id: "fine" });
    for (let i = 0; i < 81; i += 9) {
      await query.observations(
        ...Array.from({ length: 9 }, (_, k) => ({
          project_id: "heavy",
          trace_id: i + k < 79 ? "fine" : "big",
          id: `o${i + k}`,
          input: megabyte,
        })),
      );
    }
    await query.observations(
      ...Array.from({ length: 79 }, (_, k) => ({
        project_id: "heavy",
        trace_id: "big",
        id: `p${k}`,
        output: megabyte,
      })),
    );
    const refused = await query.get("heavy", "/api/public/traces/big");
    expect(refused.status).toBe(422);
    expect(refused.body).toEqual({ message: expect.any(String), error: "PayloadTooLargeError" });
    const without = await query.get("heavy", "/api/public/traces/big?fields=core,observations");
    expect(without.body.observations).toHaveLength(81);
    const fine = await query.get("heavy", "/api/public/traces/fine");
    expect(fine.status).toBe(200);
    expect(fine.body.observations).toHaveLength(79);
    expect(
      (await query.get("heavy", "/api/public/observations?limit=100&traceId=big")).status,
    ).toBe(422);
    expect((await query.get("heavy", "/api/public/observations?limit=10&traceId=big")).status).toBe(
      200,
    );
  });
});

describe("a trace whose root is not there (otlp.md §3.3)", () => {
  test("it shows what its first top-most span says, in the list too, and only where nobody said more", async () => {
    const span = { project_id: "rootless", trace_id: "r1", otel: "{}" };
    await query.traces(
      { project_id: "rootless", id: "r1", name: "", output: "said" },
      { project_id: "rootless", id: "r2", name: "named" },
      { project_id: "rootless", id: "r3", name: "" },
    );
    await query.observations(
      {
        ...span,
        id: "child",
        parent_id: "top",
        name: "child",
        input: "no",
        start_time: now - hourMs,
      },
      { ...span, id: "top", parent_id: "gone", name: "top", input: "in", output: "out" },
      { ...span, id: "later", parent_id: "gone", name: "later", start_time: now + 1 },
      { ...span, id: "other", trace_id: "r2", name: "other", input: "in" },
      // Of a batch, not of OpenTelemetry: there a trace without a name has none.
      { project_id: "rootless", id: "batch", trace_id: "r3", name: "batch", input: "in" },
    );
    const shown = { name: "top", input: "in", output: "said" };
    const { body: one } = await query.get("rootless", "/api/public/traces/r1");
    expect(one).toMatchObject(shown);
    const { body: list } = await query.get("rootless", "/api/public/traces");
    const byId = new Map(list.data.map((row: { id: string }) => [row.id, row]));
    expect(byId.get("r1")).toMatchObject(shown);
    expect(byId.get("r2")).toMatchObject({ name: "named", input: null });
    expect(byId.get("r3")).toMatchObject({ name: null, input: null });
  });
});
