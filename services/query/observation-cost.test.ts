import { expect, test } from "vitest";

import type { Pricing } from "../../schemas/pricing.ts";
import { queryFixture } from "./testing.ts";

const query = queryFixture();

const pricing: Pricing = {
  registry: 7,
  model: { id: "m1", name: "gpt-4o", builtIn: true },
  tier: { id: "t1", name: "Standard" },
  prices: { input: "0.0000025", output: "0.00001" },
};

async function explained(id: string): Promise<Record<string, unknown>> {
  const { status, body } = await query.get("cost", `/api/public/x/observations/${id}/cost`);
  expect(status).toBe(200);
  return body;
}

test("a computed cost is shown with its units, prices and sum, and with what it was computed from", async () => {
  await query.observations({
    project_id: "cost",
    id: "computed",
    model: "gpt-4o-2024-08-06",
    model_id: "m1",
    provided_usage: { input: 100, output: 20, cached: 5 },
    usage_details: { input: 100, output: 20, cached: 5, total: 125 },
    cost_details: { input: "0.00025", output: "0.0002", total: "0.00045" },
    total_cost: "0.00045",
    pricing: JSON.stringify(pricing),
  });
  expect(await explained("computed")).toEqual({
    observationId: "computed",
    traceId: "t1",
    model: { name: "gpt-4o-2024-08-06", id: "m1", modelName: "gpt-4o", isLangfuseManaged: true },
    pricingTier: { id: "t1", name: "Standard" },
    tierAttributes: {},
    usage: {
      source: "provided",
      encoding: null,
      provided: { input: 100, output: 20, cached: 5 },
      details: { input: 100, output: 20, cached: 5, total: 125 },
    },
    cost: {
      source: "computed",
      provided: {},
      details: { input: "0.00025", output: "0.0002", total: "0.00045" },
      total: "0.00045",
    },
    buckets: [
      {
        key: "input",
        units: 100,
        price: "0.0000025",
        cost: "0.00025",
        formula: "100 × 0.0000025 = 0.00025",
      },
      {
        key: "output",
        units: 20,
        price: "0.00001",
        cost: "0.0002",
        formula: "20 × 0.00001 = 0.0002",
      },
      { key: "cached", units: 5, price: null, cost: null, formula: "no price for this key" },
    ],
    formula: "0.00025 + 0.0002 = 0.00045",
    registryPosition: 7,
  });
});

test.each([
  [
    "given",
    {
      provided_cost: { input: "1", output: "2" },
      cost_details: { input: "1", output: "2", total: "3" },
      total_cost: "3",
    },
    "provided",
    "1 + 2 = 3, as the client gave them",
  ],
  [
    "given-in-part",
    { provided_cost: { cached: "1" }, cost_details: { cached: "1" } },
    "provided",
    "the client gave costs of parts, which need not be all",
  ],
  ["unmatched", { model: "house" }, "none", "no definition matches this model"],
  ["nothing", {}, "none", "no model and no cost was given"],
  [
    "no-usage",
    { model: "gpt-4o", pricing: JSON.stringify({ ...pricing, tier: null, prices: {} }) },
    "none",
    "no usage is known",
  ],
])("%s: the formula says why the cost is what it is", async (id, row, source, formula) => {
  await query.observations({ project_id: "cost", id, ...row });
  expect(await explained(id)).toMatchObject({ cost: { source }, formula });
});

test("counted usage says so, and with which encoding", async () => {
  await query.observations({
    project_id: "cost",
    id: "counted",
    model: "gpt-4o",
    usage_details: { input: 2, total: 2 },
    pricing: JSON.stringify({ ...pricing, encoding: "o200k_base" }),
  });
  expect(await explained("counted")).toMatchObject({
    usage: { source: "counted", encoding: "o200k_base", provided: {} },
  });
});

test("another project's observation is not found", async () => {
  await query.observations({ project_id: "cost", id: "secret" });
  const { status } = await query.get("other", "/api/public/x/observations/secret/cost");
  expect(status).toBe(404);
});

test("reads of observations show the definition's prices, and the tier where one is read (read-api §9)", async () => {
  const definition = {
    id: "m1",
    modelName: "gpt-4o",
    matchPattern: "x",
    startDate: null,
    unit: "TOKENS" as const,
    tokenizerId: null,
    tokenizerConfig: null,
    rank: 1,
  };
  const tier = {
    id: "t",
    name: "Standard",
    priority: 0,
    conditions: [],
    prices: { input: "0.0000025" },
  };
  await query.registry.submit(
    {
      type: "prices-publish",
      version: [1],
      models: [{ ...definition, tiers: [tier] }],
      removed: [],
    },
    "test",
  );
  await query.traces({ project_id: "prices", id: "t1" });
  await query.observations(
    { project_id: "prices", id: "o", model_id: "m1", pricing: JSON.stringify(pricing) },
    { project_id: "prices", id: "gone", model_id: "deleted" },
  );
  const known = { modelId: "m1", inputPrice: 0.0000025, outputPrice: null, totalPrice: null };
  const unknown = { inputPrice: null, outputPrice: null, totalPrice: null };
  const one = await query.get("prices", "/api/public/observations/o");
  expect(one.body).toMatchObject({
    ...known,
    usagePricingTierId: "t1",
    usagePricingTierName: "Standard",
  });
  const gone = await query.get("prices", "/api/public/observations/gone");
  expect(gone.body).toMatchObject({ modelId: "deleted", ...unknown });
  const list = await query.get("prices", "/api/public/observations");
  const byId = new Map(list.body.data.map((row: { id: string }) => [row.id, row]));
  expect(byId.get("o")).toMatchObject({
    ...known,
    usagePricingTierId: null,
    usagePricingTierName: null,
  });
  const trace = await query.get("prices", "/api/public/traces/t1");
  const inTrace = new Map(trace.body.observations.map((row: { id: string }) => [row.id, row]));
  expect(inTrace.get("o")).toMatchObject({ ...known, usagePricingTierId: "t1" });
  expect(inTrace.get("gone")).toMatchObject({ inputPrice: 0, outputPrice: 0, totalPrice: 0 });
});
