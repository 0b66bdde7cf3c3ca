import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { addDecimals } from "./decimal.ts";
import { ModelBook } from "./model-book.ts";
import type { ModelDefinition, PricingTier, TierCondition, UsageCondition } from "./models.ts";
import { isCountable, modelOf, pricedColumns, tierFor } from "./pricing.ts";
import type { PricedRow, Pricing } from "./pricing.ts";

function tier(
  prices: Record<string, string>,
  priority = 0,
  conditions: readonly TierCondition[] = [],
): PricingTier {
  return { id: `tier-${priority}`, name: `Tier ${priority}`, priority, conditions, prices };
}

function model(
  tiers: ModelDefinition["tiers"],
  rest: Partial<ModelDefinition> = {},
): ModelDefinition {
  return {
    id: "m",
    modelName: "gpt-test",
    matchPattern: "(?i)^gpt-test$",
    startDate: null,
    unit: "TOKENS",
    tokenizerId: null,
    tokenizerConfig: null,
    tiers,
    rank: 0,
    ...rest,
  };
}

function priced(row: Partial<PricedRow>, definition: ModelDefinition) {
  const book = new ModelBook();
  book.set("p", definition, 0, 1);
  const full = { project_id: "p", model: "gpt-test", registry_position: 1, ...row };
  const version = modelOf(full, book);
  if (!version) throw new Error("no model matched");
  const columns = pricedColumns(full, version, null);
  const pricing: Pricing = JSON.parse(columns.pricing);
  return { ...columns, pricing };
}

const inputAndOutput = model([tier({ input: "0.000002", output: "0.00001" })]);

describe("write-api §4.4: cost", () => {
  test("is units times price for each usage key with a price of just its name, and their sum", () => {
    const { cost_details, total_cost, usage_details } = priced(
      { provided_usage: { input: 100, output: 20, cached: 7 } },
      inputAndOutput,
    );
    expect(usage_details).toEqual({ input: 100, output: 20, cached: 7, total: 127 });
    expect(cost_details).toEqual({ input: "0.0002", output: "0.0002", total: "0.0004" });
    expect(total_cost).toBe("0.0004");
  });

  test("keys without a price cost nothing, and a row of such keys alone has no cost", () => {
    const { cost_details, total_cost } = priced({ provided_usage: { images: 3 } }, inputAndOutput);
    expect(cost_details).toEqual({});
    expect(total_cost).toBeNull();
  });

  test("a price of the total counts alone, whatever the other keys cost", () => {
    const total = model([tier({ input: "5", total: "0.01" })]);
    const { cost_details, total_cost } = priced({ provided_usage: { input: 2, output: 3 } }, total);
    expect(cost_details).toEqual({ input: "10", total: "0.05" });
    expect(total_cost).toBe("0.05");
  });

  test.each([[{ input: "0" }], [{ other: "1" }], [{ input: "1", output: "2" }]])(
    "any cost that the client states, %j, keeps others from being computed (§6 #32)",
    (provided_cost) => {
      const { cost_details, pricing, total_cost } = priced(
        { provided_usage: { input: 100 }, provided_cost },
        inputAndOutput,
      );
      const isKnown = !("other" in provided_cost);
      const total = isKnown ? addDecimals(Object.values(provided_cost)) : null;
      expect(cost_details).toEqual({ ...provided_cost, ...(total !== null && { total }) });
      expect(total_cost).toBe(total);
      // The tier is kept even so (§4.6).
      expect(pricing).toMatchObject({ tier: { id: "tier-0" }, prices: {} });
    },
  );

  test("says which definition, tier and price gave each number, and as of which configuration", () => {
    expect(priced({ provided_usage: { input: 1, x: 1 } }, inputAndOutput).pricing).toEqual({
      registry: 1,
      model: { id: "m", name: "gpt-test", builtIn: false },
      tier: { id: "tier-0", name: "Tier 0" },
      prices: { input: "0.000002" },
    });
  });

  test("for any usage and prices, the total is the exact sum of the parts", () => {
    const units = fc.integer({ min: 0, max: 1e9 });
    const price = fc.integer({ min: 0, max: 1e9 }).map((n) => `0.${String(n).padStart(15, "0")}`);
    fc.assert(
      fc.property(units, units, price, price, (input, output, a, b) => {
        const { cost_details, total_cost } = priced(
          { provided_usage: { input, output } },
          model([tier({ input: a, output: b })]),
        );
        const { input: x = "0", output: y = "0" } = cost_details;
        expect(total_cost).toBe(addDecimals([x, y]));
        expect(Number(x)).toBeCloseTo(input * Number(a), 9);
      }),
    );
  });
});

describe("write-api §4.3, §6 #32: which usage may be counted", () => {
  test.each([
    [{}, true],
    [{ provided_usage: { input: 1 } }, false],
    [{ provided_cost: { input: "0" } }, false],
    [{ level: "ERROR" }, false],
    [{ level: "WARNING" }, true],
  ])("%j: %s", (row, expected) => {
    expect(isCountable({ project_id: "p", ...row })).toBe(expected);
  });
});

function over(value: number): UsageCondition {
  return {
    usageDetailPattern: "^input",
    operator: "gt",
    value,
    caseSensitive: false,
  };
}
function chosen(
  tiers: ModelDefinition["tiers"],
  usage: Record<string, number>,
  attributes: Record<string, string> = {},
): number {
  return tierFor(model(tiers), usage, attributes).priority;
}

describe("write-api §4.6, §6 #36: tiers", () => {
  test("the boundary of gt is strict: 200 000 stays with the default", () => {
    const tiers = [tier({ input: "1" }), tier({ input: "2" }, 1, [over(200_000)])] as const;
    expect(chosen([...tiers], { input: 200_000 })).toBe(0);
    expect(chosen([...tiers], { input: 150_000, INPUT_cached: 50_001 })).toBe(1);
  });

  test("an unanchored pattern counts the total in", () => {
    const any = { ...over(5), usageDetailPattern: "t" };
    expect(chosen([tier({}), tier({}, 1, [any])], { input: 2, output: 2, total: 4 })).toBe(1);
  });

  test("the first by priority wins, and only with all its conditions", () => {
    const tiers = [
      tier({}),
      tier({}, 1, [over(10), over(100)]),
      tier({}, 2, [over(10)]),
      tier({}, 3, [over(10)]),
    ] as const;
    expect(chosen([...tiers], { input: 50 })).toBe(2);
    expect(chosen([...tiers], { input: 500 })).toBe(1);
    expect(chosen([...tiers], { input: 5 })).toBe(0);
  });

  test.each([
    ["gt", 5, false],
    ["gte", 5, true],
    ["lt", 5, false],
    ["lte", 5, true],
    ["eq", 5, true],
    ["neq", 5, false],
    ["neq", 4, true],
  ] as const)("5 units %s %i: %s", (operator, value, expected) => {
    const condition = { ...over(value), operator };
    expect(chosen([tier({}), tier({}, 1, [condition])], { input: 5 })).toBe(Number(expected));
  });

  test("an attribute must be there and be one of the values", () => {
    const fast = {
      source: "model_parameters",
      key: "tier",
      operator: "in",
      values: ["fast", "1"],
    } as const;
    const tiers = [tier({}), tier({}, 1, [fast])] as const;
    expect(chosen([...tiers], { input: 1 }, { "model_parameters.tier": "1" })).toBe(1);
    expect(chosen([...tiers], { input: 1 }, { "model_parameters.tier": "slow" })).toBe(0);
    expect(chosen([...tiers], { input: 1 }, { "metadata.tier": "fast" })).toBe(0);
  });

  test("without usage there is no tier", () => {
    expect(priced({}, inputAndOutput).pricing.tier).toBeNull();
  });
});
