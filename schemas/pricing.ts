import { addDecimals, timesDecimal } from "./decimal.ts";
import type { ModelBook } from "./model-book.ts";
import { attributeName, isAttributeCondition } from "./models.ts";
import type { ModelDefinition, ModelVersion, PricingTier, UsageCondition } from "./models.ts";
import { patternTest } from "./patterns.ts";
import type { ObservationRow } from "./rows.ts";
import { isEmpty, usageAndCost, withUsageTotal } from "./usage.ts";
import type { Cost, Usage } from "./usage.ts";

/** What a row's `pricing` column says, as JSON, when a model matched: where each computed cost comes from. */
export interface Pricing {
  /** The registry position whose definitions were taken. */
  readonly registry: number;
  readonly model: { readonly id: string; readonly name: string; readonly builtIn: boolean };
  /** Null without usage. */
  readonly tier: { readonly id: string; readonly name: string } | null;
  /** USD for one unit, for each usage key that was priced; empty when the client stated the cost. */
  readonly prices: Cost;
  /** The encoding that the usage was counted with, where the client gave none. */
  readonly encoding?: string;
}

/** Usage that was counted because the client gave none. */
export interface CountedUsage {
  readonly usage: Usage;
  readonly encoding: string;
}

/** The columns that follow from others. */
export type PricedColumns = Pick<
  ObservationRow,
  | "model_id"
  | "pricing"
  | "usage_details"
  | "cost_details"
  | "tok_in"
  | "tok_out"
  | "tok_total"
  | "total_cost"
>;

/** What pricing reads of a row. */
export type PricedRow = Pick<
  ObservationRow,
  | "project_id"
  | "start_time"
  | "level"
  | "model"
  | "provided_usage"
  | "provided_cost"
  | "usage_attributes"
  | "registry_position"
>;

/** The model of a row, by the definitions that held when its usage, cost or model was last stated. */
export function modelOf(row: PricedRow, book: ModelBook): ModelVersion | null {
  return book.match(row.project_id, row.model, row.registry_position, row.start_time);
}

/** Whether usage may be counted from the texts (write-api §4.3): only where nobody stated anything and a model matched. */
export function isCountable(row: PricedRow): boolean {
  return isEmpty(row.provided_usage) && isEmpty(row.provided_cost) && row.level !== "ERROR";
}

/** Usage, cost and their provenance (write-api §4.3, §4.4): a stated cost stands, of whatever amount. */
export function pricedColumns(
  row: PricedRow,
  version: ModelVersion | null,
  counted: CountedUsage | null,
): PricedColumns {
  const usage = withUsageTotal(counted?.usage ?? row.provided_usage);
  const tier = version && !isEmpty(usage) ? tierFor(version.definition, usage, row) : null;
  const prices = tier && isEmpty(row.provided_cost) ? pricesFor(usage, tier) : {};
  const cost = isEmpty(row.provided_cost) ? costOf(usage, prices) : row.provided_cost;
  const known = usageAndCost(usage, cost);
  return {
    model_id: version?.definition.id ?? "",
    pricing: version ? JSON.stringify(pricingOf(row, version, tier, prices, counted)) : "",
    usage_details: { ...known.usage },
    cost_details: { ...known.cost },
    tok_in: known.inputUnits,
    tok_out: known.outputUnits,
    tok_total: known.totalUnits,
    total_cost: known.totalCost,
  };
}

/**
 * The tier for this usage (write-api §4.6): the first by priority of which all conditions hold, else the default.
 * Attributes are those of the event that brought the usage.
 */
export function tierFor(
  { tiers }: ModelDefinition,
  usage: Usage,
  { usage_attributes: attributes }: Pick<PricedRow, "usage_attributes">,
): PricingTier {
  const [byDefault, ...others] = tiers;
  const chosen = others.find(({ conditions }) =>
    conditions.every((condition) => {
      if (!isAttributeCondition(condition)) return usageHolds(condition, usage);
      const value = attributes[attributeName(condition)];
      return value !== undefined && condition.values.includes(value);
    }),
  );
  return chosen ?? byDefault;
}

function pricingOf(
  row: PricedRow,
  { project, definition }: ModelVersion,
  tier: PricingTier | null,
  prices: Cost,
  counted: CountedUsage | null,
): Pricing {
  return {
    registry: row.registry_position,
    model: { id: definition.id, name: definition.modelName, builtIn: project === null },
    tier: tier && { id: tier.id, name: tier.name },
    prices,
    ...(counted && { encoding: counted.encoding }),
  };
}

/** Usage keys without a price of just their name cost nothing. */
function pricesFor(usage: Usage, { prices }: PricingTier): Cost {
  const used: Record<string, string> = {};
  for (const key of Object.keys(usage)) {
    if (Object.hasOwn(prices, key)) used[key] = prices[key] ?? "0";
  }
  return used;
}

/** A price of the total is the whole cost, whatever the others; else the total is their sum. */
function costOf(usage: Usage, prices: Cost): Cost {
  if (isEmpty(prices)) return {};
  const parts = Object.entries(prices).map(
    ([key, price]) => [key, timesDecimal(price, usage[key] ?? 0)] as const,
  );
  return { total: addDecimals(parts.map(([, cost]) => cost)), ...Object.fromEntries(parts) };
}

function usageHolds(condition: UsageCondition, usage: Usage): boolean {
  const isCounted = testOf(condition);
  let sum = 0;
  for (const [key, units] of Object.entries(usage)) if (isCounted(key)) sum += units;
  const { operator, value } = condition;
  switch (operator) {
    case "gt":
      return sum > value;
    case "gte":
      return sum >= value;
    case "lt":
      return sum < value;
    case "lte":
      return sum <= value;
    case "eq":
      return sum === value;
    case "neq":
      return sum !== value;
  }
}

/** Compiled once for each condition, and forgotten with it. */
const tests = new WeakMap<UsageCondition, (key: string) => boolean>();

function testOf(condition: UsageCondition): (key: string) => boolean {
  let test = tests.get(condition);
  if (!test) {
    test = patternTest(condition.usageDetailPattern, condition.caseSensitive);
    tests.set(condition, test);
  }
  return test;
}
