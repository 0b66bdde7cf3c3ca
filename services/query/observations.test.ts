import { describe, expect, test } from "vitest";

import { dayMs, now, queryFixture } from "./testing.ts";

const query = queryFixture();

function ids(project: string, search = ""): Promise<string[]> {
  return query.ids(project, `/api/public/observations${search}`);
}

describe("read-api §4.2 and §4.3: one observation", () => {
  test("a bare observation shows every key of the contract, and zeros where null is not allowed", async () => {
    await query.observations({ project_id: "bare", id: "o1", start_time: now });
    const { status, body } = await query.get("bare", "/api/public/observations/o1");
    expect(status).toBe(200);
    expect(body).toEqual({
      id: "o1",
      projectId: "bare",
      traceId: "t1",
      parentObservationId: null,
      type: "SPAN",
      name: null,
      environment: "default",
      startTime: "2026-07-01T12:30:00.000Z",
      endTime: null,
      completionStartTime: null,
      createdAt: "2026-07-01T12:30:00.000Z",
      updatedAt: "2026-07-01T12:30:00.000Z",
      version: null,
      level: "DEFAULT",
      statusMessage: null,
      input: null,
      output: null,
      metadata: {},
      model: null,
      modelParameters: null,
      modelId: null,
      promptId: null,
      promptName: null,
      promptVersion: null,
      usageDetails: {},
      costDetails: {},
      usage: { unit: "TOKENS", input: 0, output: 0, total: 0 },
      unit: "TOKENS",
      promptTokens: 0,
      completionTokens: 0,
      totalTokens: 0,
      usagePricingTierId: null,
      usagePricingTierName: null,
      inputPrice: null,
      outputPrice: null,
      totalPrice: null,
      calculatedInputCost: null,
      calculatedOutputCost: null,
      calculatedTotalCost: 0,
      latency: null,
      timeToFirstToken: null,
    });
  });

  test("usage and cost are numbers, summed over the keys that contain input and output (read-api §9)", async () => {
    await query.observations({
      project_id: "usage",
      id: "o1",
      type: "GENERATION",
      start_time: now,
      end_time: now + 1_234,
      completion_start_time: now + 200,
      model: "gpt-4o",
      model_params: '{"temperature":0.5,"stop":["a"]}',
      model_id: "m1",
      prompt_id: "p-1",
      prompt_name: "greeting",
      prompt_version: 3,
      usage_details: { input: 10, input_cached_tokens: 5, output: 7, Input: 100, total: 22 },
      cost_details: {
        input: "0.000000000001",
        input_cached_tokens: "0.1",
        output: "0.2",
        total: "0.3",
      },
    });
    const { body } = await query.get("usage", "/api/public/observations/o1");
    expect(body).toMatchObject({
      usageDetails: { input: 10, input_cached_tokens: 5, output: 7, Input: 100, total: 22 },
      costDetails: { input: 1e-12, input_cached_tokens: 0.1, output: 0.2, total: 0.3 },
      usage: { unit: "TOKENS", input: 15, output: 7, total: 22 },
      promptTokens: 15,
      completionTokens: 7,
      totalTokens: 22,
      calculatedInputCost: 0.100000000001,
      calculatedOutputCost: 0.2,
      calculatedTotalCost: 0.3,
      latency: 1.234,
      timeToFirstToken: 0.2,
      model: "gpt-4o",
      modelId: "m1",
      modelParameters: { temperature: 0.5, stop: ["a"] },
      promptId: "p-1",
      promptName: "greeting",
      promptVersion: 3,
    });
  });

  test("an end before the start is shown as the start", async () => {
    await query.observations({
      project_id: "ends",
      id: "o1",
      start_time: now,
      end_time: now - 500,
    });
    const { body } = await query.get("ends", "/api/public/observations/o1");
    expect(body.endTime).toBe(body.startTime);
    expect(body.latency).toBe(0);
    await query.traces({ project_id: "ends", id: "t1" });
    const { body: trace } = await query.get("ends", "/api/public/traces/t1");
    expect(trace.latency).toBe(0);
  });

  test("an observation that is not there, or is deleted, is 404", async () => {
    await query.observations({ project_id: "gone", id: "o1", ver: "2", is_deleted: 1 });
    for (const id of ["o1", "nope"]) {
      const { status, body } = await query.get("gone", `/api/public/observations/${id}`);
      expect(status).toBe(404);
      expect(body).toEqual({ message: expect.any(String), error: "LangfuseNotFoundError" });
    }
  });
});

describe("read-api §4.1: the list of observations", () => {
  test("the range holds its start and not its end (read-api §1.5)", async () => {
    const at = now - 2 * dayMs;
    await query.observations(
      { project_id: "range", id: "before", start_time: at - 1 },
      { project_id: "range", id: "at", start_time: at },
      { project_id: "range", id: "after", start_time: at + 1 },
    );
    const text = new Date(at).toISOString();
    expect(await ids("range", `?fromStartTime=${text}`)).toEqual(["after", "at"]);
    expect(await ids("range", `?toStartTime=${text}`)).toEqual(["before"]);
  });

  test("the pages together show and count every observation once, the newest first (read-api §13 #38)", async () => {
    const rows = Array.from({ length: 25 }, (_, i) => ({
      project_id: "walk",
      id: `o${String(i).padStart(2, "0")}`,
      trace_id: `t${i % 4}`,
      start_time: now - i * i * 3_600_000,
      input: `"${i}"`,
    }));
    await query.observations(...rows);
    // A second version of some, unmerged: it must not be counted twice.
    await query.observations(...rows.slice(0, 5).map((row) => ({ ...row, ver: "9" })));
    const pages = [];
    for (const page of [1, 2, 3]) {
      const { body } = await query.get("walk", `/api/public/observations?limit=10&page=${page}`);
      expect(body.meta).toEqual({ page, limit: 10, totalItems: 25, totalPages: 3 });
      pages.push(...body.data);
    }
    expect(pages.map((row: { id: string }) => row.id)).toEqual(rows.map((row) => row.id));
    expect(pages.map((row: { input: string }) => row.input)).toEqual(rows.map((_, i) => String(i)));
  });
});
