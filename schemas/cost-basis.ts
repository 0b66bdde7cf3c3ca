import { sortedRecord } from "./canonical.ts";
import type { Fact } from "./facts.ts";
import type { ModelBook } from "./model-book.ts";
import { attributeName } from "./models.ts";
import type { AttributeCondition } from "./models.ts";

/** Longer attributes are not kept: no condition's value is longer. */
export const attributeCharsMax = 500;

/**
 * Adds to an observation's fact what its cost rests on beside what the client sent: the registry position of its
 * record, whose models will hold for it, and, with usage, the attributes that tiers of those models ask for.
 */
export function withCostBasis(fact: Fact, position: number, models: ModelBook): Fact {
  if (fact.kind !== "observation") return fact;
  const { model, provided_usage: usage, provided_cost: cost } = fact.columns;
  if (model === undefined && usage === undefined && cost === undefined) return fact;
  const basis = {
    registry_position: position,
    ...(usage !== undefined && {
      usage_attributes: attributesOf(fact, models.attributesAt(fact.project, position)),
    }),
  };
  return { ...fact, columns: { ...fact.columns, ...basis } };
}

function attributesOf(
  fact: Fact,
  conditions: readonly AttributeCondition[],
): Record<string, string> {
  const attributes: Record<string, string> = Object.create(null);
  if (conditions.length === 0) return attributes;
  const parameters = parametersOf(fact);
  for (const condition of conditions) {
    const { source, key } = condition;
    const value = source === "metadata" ? ownValue(fact.metadata, key) : ownValue(parameters, key);
    const text = textOf(value);
    if (text !== null && text.length <= attributeCharsMax) {
      attributes[attributeName(condition)] = text;
    }
  }
  return sortedRecord(attributes);
}

function parametersOf({ columns }: Fact): Readonly<Record<string, unknown>> {
  const text = columns["model_params"];
  return typeof text === "string" && text !== "" ? JSON.parse(text) : {};
}

function ownValue(map: Readonly<Record<string, unknown>> | null, key: string): unknown {
  return map && Object.hasOwn(map, key) ? map[key] : undefined;
}

/** Only texts, numbers and booleans compare (write-api §4.6). */
function textOf(value: unknown): string | null {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : null;
}
