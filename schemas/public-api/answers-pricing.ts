import { z } from "zod";

import { attributeSources, modelUnits, tierOperators } from "../models.ts";
import {
  text,
  orNull,
  count,
  amount,
  amountOrNull,
  moment,
  momentOrNull,
  anything,
  counts,
  amounts,
  decimalOrNull,
  decimals,
} from "./answer-parts.ts";
import type { CostBucket, CostExplanation } from "./cost.ts";
import type { ShownModel } from "./model.ts";

/** What answers about models and costs look like; see {@link answers}. */

const tierCondition = z.union([
  z.strictObject({
    usageDetailPattern: text,
    operator: z.enum(tierOperators),
    value: amount,
    caseSensitive: z.boolean(),
  }),
  z.strictObject({
    source: z.enum(attributeSources),
    key: text,
    operator: z.literal("in"),
    values: z.array(text),
  }),
]);
export const model = z.strictObject({
  id: text,
  modelName: text,
  matchPattern: text,
  startDate: momentOrNull,
  unit: z.enum(modelUnits).nullable(),
  inputPrice: amountOrNull,
  outputPrice: amountOrNull,
  totalPrice: amountOrNull,
  tokenizerId: orNull,
  tokenizerConfig: anything,
  isLangfuseManaged: z.boolean(),
  createdAt: moment,
  prices: z.record(text, z.strictObject({ price: amount })),
  pricingTiers: z.array(
    z.strictObject({
      id: text,
      name: text,
      isDefault: z.boolean(),
      priority: count,
      conditions: z.array(tierCondition),
      prices: amounts,
    }),
  ),
}) satisfies z.ZodType<ShownModel>;

const costBucket = z.strictObject({
  key: text,
  units: count,
  price: decimalOrNull,
  cost: decimalOrNull,
  formula: text,
}) satisfies z.ZodType<CostBucket>;
export const costExplanation = z.strictObject({
  observationId: text,
  traceId: text,
  model: z.strictObject({
    name: orNull,
    id: orNull,
    modelName: orNull,
    isLangfuseManaged: z.boolean().nullable(),
  }),
  pricingTier: z.strictObject({ id: text, name: text }).nullable(),
  tierAttributes: z.record(text, text),
  usage: z.strictObject({
    source: z.enum(["provided", "counted", "none"]),
    encoding: orNull,
    provided: counts,
    details: counts,
  }),
  cost: z.strictObject({
    source: z.enum(["provided", "computed", "none"]),
    provided: decimals,
    details: decimals,
    total: decimalOrNull,
  }),
  buckets: z.array(costBucket),
  formula: text,
  registryPosition: count.nullable(),
}) satisfies z.ZodType<CostExplanation>;
