import { z } from "zod";

import { lenientMillisOf } from "./lenient-time.ts";

/** The conditions of an advanced filter as a client writes them (read-api §2.1). */

const textOperators = ["=", "contains", "does not contain", "starts with", "ends with"] as const;
const searchOperators = [...textOperators, "matches"] as const;
const orderOperators = ["=", ">", "<", ">=", "<="] as const;
const flagOperators = ["=", "<>"] as const;
const optionOperators = ["any of", "none of"] as const;

export type TextOperator = (typeof searchOperators)[number];
export type OrderOperator = (typeof orderOperators)[number];

const text = z.string();
const texts = z.array(text);

/** Epoch milliseconds once read. */
const moment = z.union([text, z.number()]).transform((value, context) => {
  const ms = lenientMillisOf(value);
  if (!Number.isNaN(ms)) return ms;
  context.addIssue({
    code: "custom",
    message: "Expected a date, such as 2026-01-31T12:00:00Z",
  });
  return z.NEVER;
});

/** A list of conditions of the twelve types; which operators texts have depends on the path. */
function conditionsWith<Operator extends TextOperator>(operators: readonly Operator[]) {
  const someOf = condition("arrayOptions", ["any of", "none of", "all of"], texts).refine(
    ({ operator, value }) => operator !== "any of" || value.length > 0,
    { path: ["value"], message: "Expected at least one value for `any of`" },
  );
  return z.array(
    z.discriminatedUnion("type", [
      condition("datetime", [">", "<", ">=", "<="], moment),
      condition("string", operators, text),
      condition("number", orderOperators, z.number()),
      condition("boolean", flagOperators, z.boolean()),
      condition("stringOptions", optionOperators, texts.min(1)),
      someOf,
      condition("categoryOptions", optionOperators, texts).extend({ key: text }),
      condition("stringObject", operators, text).extend({ key: text }),
      condition("numberObject", orderOperators, z.number()).extend({ key: text }),
      condition("booleanObject", flagOperators, z.boolean()).extend({ key: text }),
      condition("null", ["is null", "is not null"], z.literal("")),
      condition("positionInTrace", ["="], z.number().optional()).extend({
        key: z.enum(["root", "first", "last", "nthFromEnd", "nthFromStart"]),
      }),
    ]),
  );
}

function condition<Type extends string, Operator extends string, Value extends z.ZodType>(
  type: Type,
  operators: readonly Operator[],
  value: Value,
) {
  return z.object({ type: z.literal(type), column: text, operator: z.enum(operators), value });
}

export const conditions = conditionsWith(textOperators);

/** With `matches`, which only v2 observations have. */
export const conditionsWithSearch = conditionsWith(searchOperators);

export type WrittenCondition = z.output<typeof conditionsWithSearch>[number];
