import type { Pricing } from "../pricing.ts";

/** What the cost of an observation rests on, as a read brings it: 64-bit numbers and decimals are quoted. */
export interface StoredCost {
  readonly id: string;
  readonly trace_id: string;
  readonly model: string;
  readonly provided_usage: Readonly<Record<string, string>>;
  readonly provided_cost: Readonly<Record<string, string>>;
  readonly usage_attributes: Readonly<Record<string, string>>;
  readonly usage_details: Readonly<Record<string, string>>;
  readonly cost_details: Readonly<Record<string, string>>;
  readonly total_cost: string | null;
  /** See `Pricing`; empty when no model matched. */
  readonly pricing: string;
}

/** Where an observation's usage and cost come from. Amounts are USD as decimal text, for no digit to get lost. */
export interface CostExplanation {
  readonly observationId: string;
  readonly traceId: string;
  readonly model: {
    /** As the client named it. */
    readonly name: string | null;
    /** The definition that it matched. */
    readonly id: string | null;
    readonly modelName: string | null;
    readonly isLangfuseManaged: boolean | null;
  };
  readonly pricingTier: { readonly id: string; readonly name: string } | null;
  /** What tiers of the project's models asked of the event that brought the usage. */
  readonly tierAttributes: Readonly<Record<string, string>>;
  readonly usage: {
    readonly source: "provided" | "counted" | "none";
    /** With which a tokenizer counted. */
    readonly encoding: string | null;
    readonly provided: Readonly<Record<string, number>>;
    readonly details: Readonly<Record<string, number>>;
  };
  readonly cost: {
    readonly source: "provided" | "computed" | "none";
    readonly provided: Readonly<Record<string, string>>;
    readonly details: Readonly<Record<string, string>>;
    readonly total: string | null;
  };
  /** One for each usage key: units, and what they were priced at. The total only where it has a price. */
  readonly buckets: readonly CostBucket[];
  /** How the total came about. */
  readonly formula: string;
  /** The state of the configuration that was applied; null when no model matched. */
  readonly registryPosition: number | null;
}

export interface CostBucket {
  readonly key: string;
  readonly units: number;
  readonly price: string | null;
  readonly cost: string | null;
  readonly formula: string;
}

export function explanationOf(row: StoredCost): CostExplanation {
  const pricing: Pricing | null = row.pricing === "" ? null : JSON.parse(row.pricing);
  const costSource = sourceOf(row.provided_cost, row.cost_details, "computed" as const);
  const details = numbersOf(row.usage_details);
  return {
    observationId: row.id,
    traceId: row.trace_id,
    model: {
      name: row.model === "" ? null : row.model,
      id: pricing?.model.id ?? null,
      modelName: pricing?.model.name ?? null,
      isLangfuseManaged: pricing?.model.builtIn ?? null,
    },
    pricingTier: pricing?.tier ?? null,
    tierAttributes: row.usage_attributes,
    usage: {
      source: sourceOf(row.provided_usage, row.usage_details, "counted" as const),
      encoding: pricing?.encoding ?? null,
      provided: numbersOf(row.provided_usage),
      details,
    },
    cost: {
      source: costSource,
      provided: row.provided_cost,
      details: row.cost_details,
      total: row.total_cost,
    },
    buckets: Object.entries(details)
      .filter(([key]) => key !== "total" || Object.hasOwn(pricing?.prices ?? {}, key))
      .map(([key, units]) => bucketOf(key, units, row, pricing)),
    formula: formulaOf(row, pricing, costSource),
    registryPosition: pricing?.registry ?? null,
  };
}

function sourceOf<Made extends string>(
  provided: Readonly<Record<string, string>>,
  details: Readonly<Record<string, string>>,
  made: Made,
): "provided" | Made | "none" {
  if (Object.keys(provided).length > 0) return "provided";
  return Object.keys(details).length > 0 ? made : "none";
}

function bucketOf(
  key: string,
  units: number,
  { cost_details, provided_cost }: StoredCost,
  pricing: Pricing | null,
): CostBucket {
  const price = pricing && Object.hasOwn(pricing.prices, key) ? pricing.prices[key] : undefined;
  const cost = Object.hasOwn(cost_details, key) ? cost_details[key] : undefined;
  if (price !== undefined && cost !== undefined) {
    return { key, units, price, cost, formula: `${units} × ${price} = ${cost}` };
  }
  if (Object.keys(provided_cost).length === 0) {
    return { key, units, price: null, cost: null, formula: "no price for this key" };
  }
  const formula =
    cost === undefined ? "the client gave no cost for this key" : "as the client gave it";
  return { key, units, price: null, cost: cost ?? null, formula };
}

function formulaOf(
  { model, total_cost, cost_details, provided_cost }: StoredCost,
  pricing: Pricing | null,
  source: CostExplanation["cost"]["source"],
): string {
  const parts = Object.entries(cost_details).filter(([key]) => key !== "total");
  const sum = parts.map(([, cost]) => cost).join(" + ");
  if (source === "provided") {
    if (total_cost === null) return "the client gave costs of parts, which need not be all";
    return Object.hasOwn(provided_cost, "total")
      ? `${total_cost}, as the client gave it`
      : `${sum} = ${total_cost}, as the client gave them`;
  }
  if (pricing === null) {
    return model === "" ? "no model and no cost was given" : "no definition matches this model";
  }
  if (pricing.tier === null) return "no usage is known";
  if (source === "none") return "the model has no price for any of the usage keys";
  return Object.hasOwn(pricing.prices, "total")
    ? `the price of the total counts alone: ${total_cost}`
    : `${sum} = ${total_cost}`;
}

function numbersOf(quoted: Readonly<Record<string, string>>): Record<string, number> {
  return Object.fromEntries(Object.entries(quoted).map(([key, text]) => [key, Number(text)]));
}
