import * as z from "zod";

import { attributeCharsMax } from "../cost-basis.ts";
import { exactDecimal } from "../decimal.ts";
import { invalidParameter, invalidRequest } from "../errors.ts";
import { issuesOf } from "../issues.ts";
import type { ModelBook } from "../model-book.ts";
import { attributeSources, modelUnits, tierOperators } from "../models.ts";
import type { ModelDefinition, ModelVersion, PricingTier, TierCondition } from "../models.ts";
import { patternProblem } from "../patterns.ts";
import { isContractDateTime, isoOf, millisOf } from "../time.ts";
import type { UnitPrices } from "./observation.ts";

/** A model as the API shows it (read-api §10.4). Flat prices are those of the default tier. */
export interface ShownModel {
  readonly id: string;
  readonly modelName: string;
  readonly matchPattern: string;
  readonly startDate: string | null;
  readonly unit: string | null;
  readonly inputPrice: number | null;
  readonly outputPrice: number | null;
  readonly totalPrice: number | null;
  readonly tokenizerId: string | null;
  readonly tokenizerConfig: unknown;
  readonly isLangfuseManaged: boolean;
  readonly createdAt: string;
  readonly prices: Readonly<Record<string, { readonly price: number }>>;
  readonly pricingTiers: readonly ShownTier[];
}

interface ShownTier {
  readonly id: string;
  readonly name: string;
  readonly isDefault: boolean;
  readonly priority: number;
  readonly conditions: readonly TierCondition[];
  readonly prices: Readonly<Record<string, number>>;
}

/** What reads of observations show for the model that was matched; undefined when it is no more, or none was. */
export function unitPricesOf(
  models: ModelBook,
  project: string,
  modelId: string,
): UnitPrices | undefined {
  const definition = models.get(project, modelId)?.definition;
  return definition && flatPricesOf(definition);
}

/** From the default tier, whichever was applied (read-api §9). */
function flatPricesOf({ tiers: [byDefault] }: ModelDefinition): UnitPrices {
  const priceOf = (key: string): number | null => {
    const price = Object.hasOwn(byDefault.prices, key) ? byDefault.prices[key] : undefined;
    return price === undefined ? null : Number(price);
  };
  return { input: priceOf("input"), output: priceOf("output"), total: priceOf("total") };
}

export function modelOf({ project, definition, createdAt }: ModelVersion): ShownModel {
  const { input, output, total } = flatPricesOf(definition);
  const pricingTiers = definition.tiers.map(tierOf);
  const prices = Object.entries(pricingTiers[0]?.prices ?? {}).map(([key, price]) => [
    key,
    { price },
  ]);
  return {
    id: definition.id,
    modelName: definition.modelName,
    matchPattern: definition.matchPattern,
    startDate: definition.startDate === null ? null : isoOf(definition.startDate),
    unit: definition.unit,
    inputPrice: input,
    outputPrice: output,
    totalPrice: total,
    tokenizerId: definition.tokenizerId,
    tokenizerConfig: definition.tokenizerConfig,
    isLangfuseManaged: project === null,
    createdAt: isoOf(createdAt),
    prices: Object.fromEntries(prices),
    pricingTiers,
  };
}

/** The order of the list: by name, unit, and the newest start date first, none last. */
export function compareShown(a: ShownModel, b: ShownModel): number {
  return (
    compare(a.modelName, b.modelName) ||
    compare(a.unit ?? "", b.unit ?? "") ||
    compare(b.startDate ?? "", a.startDate ?? "") ||
    compare(a.id, b.id)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function tierOf({ id, name, priority, conditions, prices }: PricingTier): ShownTier {
  return {
    id,
    name,
    isDefault: priority === 0,
    priority,
    conditions,
    prices: Object.fromEntries(Object.entries(prices).map(([key, price]) => [key, Number(price)])),
  };
}

const price = z.number().min(0).max(1e9);
const pattern = z.string().superRefine((text, context) => {
  const problem = patternProblem(text);
  if (problem === null) return;
  const message = `This pattern cannot be used, because ${problem}. Patterns are RE2 expressions: no look-around, no back-references.`;
  context.addIssue({ code: "custom", message });
});

const usageCondition = z.object({
  usageDetailPattern: pattern,
  operator: z.enum(tierOperators),
  value: z.number(),
  caseSensitive: z.boolean().default(false),
});
const attributeCondition = z.object({
  source: z.enum(attributeSources),
  key: z.string().min(1).max(200),
  operator: z.literal("in"),
  values: z.array(z.string().max(attributeCharsMax)).min(1).max(100),
});
const tier = z.object({
  name: z.string().min(1).max(100),
  isDefault: z.boolean(),
  priority: z.int().min(0).max(999),
  conditions: z.array(z.union([attributeCondition, usageCondition])).max(20),
  prices: z
    .record(z.string().min(1).max(200), price)
    .refine((prices) => Object.keys(prices).length > 0, { message: "A tier needs a price" }),
});
type TierInput = z.output<typeof tier>;

export const createBody = z
  .object({
    modelName: z.string().min(1).max(200),
    matchPattern: pattern,
    startDate: z.string().refine(isContractDateTime, "Expected an ISO 8601 datetime").nullish(),
    unit: z.enum(modelUnits).nullish(),
    inputPrice: price.nullish(),
    outputPrice: price.nullish(),
    totalPrice: price.nullish(),
    pricingTiers: z.array(tier).min(1).max(100).nullish(),
    tokenizerId: z.enum(["openai", "claude"]).nullish(),
    tokenizerConfig: z.unknown().optional(),
  })
  .superRefine((body, context) => {
    for (const message of problemsOf(body)) context.addIssue({ code: "custom", message });
  });
type CreateBody = z.output<typeof createBody>;

/** The definition that the body of `POST /models` asks for. Throws a 400 ApiError with everything that is wrong. */
export function modelFrom(value: unknown, newId: () => string): ModelDefinition {
  const parsed = createBody.safeParse(value);
  if (!parsed.success) throw invalidRequest(issuesOf(parsed.error));
  const { data } = parsed;
  const [byDefault, ...others] = tiersOf(data).toSorted((a, b) => a.priority - b.priority);
  if (!byDefault) throw invalidParameter("A model needs a price");
  const withId = ({ name, priority, conditions, prices }: TierInput): PricingTier => ({
    id: newId(),
    name,
    priority,
    conditions,
    prices: Object.fromEntries(
      Object.entries(prices).map(([key, amount]) => [key, exactDecimal(amount)]),
    ),
  });
  return {
    id: newId(),
    modelName: data.modelName,
    matchPattern: data.matchPattern,
    startDate: data.startDate ? millisOf(data.startDate) : null,
    unit: data.unit ?? null,
    tokenizerId: data.tokenizerId ?? null,
    tokenizerConfig: data.tokenizerConfig ?? null,
    tiers: [withId(byDefault), ...others.map(withId)],
    rank: 0,
  };
}

function flatPrices({ inputPrice, outputPrice, totalPrice }: CreateBody): Record<string, number> {
  const given = { input: inputPrice, output: outputPrice, total: totalPrice };
  return Object.fromEntries(
    Object.entries(given).filter(
      (entry): entry is [string, number] => typeof entry[1] === "number",
    ),
  );
}

function tiersOf(body: CreateBody): TierInput[] {
  if (body.pricingTiers) return body.pricingTiers;
  const standard = { name: "Standard", isDefault: true, priority: 0, conditions: [] };
  return [{ ...standard, prices: flatPrices(body) }];
}

/** What no field can tell by itself (read-api §10.4, write-api §4.6), in sentences. */
function problemsOf(body: CreateBody): string[] {
  const flat = flatPrices(body);
  const isFlat = Object.keys(flat).length > 0;
  const problems: string[] = [];
  if (isFlat === Boolean(body.pricingTiers)) {
    problems.push(
      "Give either inputPrice, outputPrice or totalPrice, or pricingTiers, and not both",
    );
  }
  if ("total" in flat && Object.keys(flat).length > 1) {
    problems.push("totalPrice excludes inputPrice and outputPrice");
  }
  return [...problems, ...tierProblems(body.pricingTiers ?? [])];
}

function tierProblems(tiers: readonly TierInput[]): string[] {
  if (tiers.length === 0) return [];
  const problems: string[] = [];
  const [byDefault, ...more] = tiers.filter((one) => one.isDefault);
  if (!byDefault || more.length > 0) problems.push("Exactly one tier must be the default");
  if (byDefault && (byDefault.priority !== 0 || byDefault.conditions.length > 0)) {
    problems.push("The default tier has priority 0 and no conditions");
  }
  const others = tiers.filter((one) => !one.isDefault);
  if (others.some(({ priority, conditions }) => priority === 0 || conditions.length === 0)) {
    problems.push("Every other tier has a priority from 1 on and at least one condition");
  }
  if (hasRepeats(tiers.map(({ priority }) => priority))) {
    problems.push("The priorities of tiers must differ");
  }
  if (hasRepeats(tiers.map(({ name }) => name))) problems.push("The names of tiers must differ");
  const keys = new Set(tiers.map(({ prices }) => JSON.stringify(Object.keys(prices).toSorted())));
  if (keys.size > 1) problems.push("All tiers must price the same usage keys");
  return problems;
}

function hasRepeats(values: readonly unknown[]): boolean {
  return new Set(values).size < values.length;
}
