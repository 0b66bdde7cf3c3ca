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

/** What pricing reads of a row; a column that nobody stated may be left out. */
export type PricedRow = Pick<ObservationRow, "project_id"> &
  Partial<
    Pick<
      ObservationRow,
      | "start_time"
      | "level"
      | "model"
      | "provided_usage"
      | "provided_cost"
      | "usage_attributes"
      | "registry_position"
    >
  >;

/** The model of a row, by the definitions that held when its usage, cost or model was last stated. */
export function modelOf(row: PricedRow, book: ModelBook): ModelVersion | null {
  const { project_id, model = "", registry_position = 0, start_time = 0 } = row;
  return book.match(project_id, model, registry_position, start_time);
}

/** Whether usage may be counted from the texts (write-api §4.3): only where nobody stated anything and a model matched. */
export function isCountable({
  provided_usage: usage = {},
  provided_cost: cost = {},
  level,
}: PricedRow): boolean {
  return isEmpty(usage) && isEmpty(cost) && level !== "ERROR";
}

/**
 * Usage, cost and their provenance for a row whose model has a definition (write-api §4.3, §4.4): a stated cost stands,
 * whatever its amount.
 */
export function pricedColumns(
  row: PricedRow,
  version: ModelVersion,
  counted: CountedUsage | null,
): PricedColumns {
  const { provided_usage: stated = {}, provided_cost: statedCost = {}, usage_attributes } = row;
  const { definition } = version;
  const usage = withUsageTotal(counted?.usage ?? stated);
  const tier = isEmpty(usage) ? null : tierFor(definition, usage, usage_attributes ?? {});
  const prices = tier && isEmpty(statedCost) ? pricesFor(usage, tier) : {};
  const known = usageAndCost(usage, isEmpty(statedCost) ? costOf(usage, prices) : statedCost);
  const pricing: Pricing = {
    registry: row.registry_position ?? 0,
    model: { id: definition.id, name: definition.modelName, builtIn: version.project === null },
    tier: tier && { id: tier.id, name: tier.name },
    prices,
    ...(counted && { encoding: counted.encoding }),
  };
  return {
    model_id: definition.id,
    pricing: JSON.stringify(pricing),
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
  attributes: Readonly<Record<string, string>>,
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
