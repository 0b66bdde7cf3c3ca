/** A model's prices, and which observations they are for (write-api §4.5, §4.6). */
export interface ModelDefinition {
  readonly id: string;
  readonly modelName: string;
  /** A regular expression over the name that an observation gives its model. */
  readonly matchPattern: string;
  /** Epoch milliseconds. */
  readonly startDate: number | null;
  readonly unit: ModelUnit | null;
  readonly tokenizerId: string | null;
  /** JSON, as its owner gave it. */
  readonly tokenizerConfig: unknown;
  /** The default one first, then by priority. */
  readonly tiers: readonly [PricingTier, ...PricingTier[]];
  /** Which of several that match is taken, smallest first; 0 for those of projects. */
  readonly rank: number;
}

export const modelUnits = [
  "CHARACTERS",
  "TOKENS",
  "MILLISECONDS",
  "SECONDS",
  "IMAGES",
  "REQUESTS",
] as const;
export type ModelUnit = (typeof modelUnits)[number];

export interface PricingTier {
  readonly id: string;
  readonly name: string;
  /** 0 for the default, which has no conditions. */
  readonly priority: number;
  readonly conditions: readonly TierCondition[];
  /** USD for one unit, by usage key; decimal text in full (`exactDecimal`). */
  readonly prices: Readonly<Record<string, string>>;
}

export type TierCondition = UsageCondition | AttributeCondition;

/** Holds when the units of all usage keys that the pattern finds, `total` among them, compare so. */
export interface UsageCondition {
  readonly usageDetailPattern: string;
  readonly operator: (typeof tierOperators)[number];
  readonly value: number;
  readonly caseSensitive: boolean;
}

export const tierOperators = ["gt", "gte", "lt", "lte", "eq", "neq"] as const;

/** Holds when the event that brought the usage had one of these values under this first-level key. */
export interface AttributeCondition {
  readonly source: (typeof attributeSources)[number];
  readonly key: string;
  readonly operator: "in";
  readonly values: readonly string[];
}

export const attributeSources = ["model_parameters", "metadata"] as const;

/** A definition for as long as it was in force. */
export interface ModelVersion {
  /** Null when it is built in. */
  readonly project: string | null;
  readonly definition: ModelDefinition;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** The registry positions at which it came and went; Infinity while it is there. */
  readonly since: number;
  readonly until: number;
}

export function isAttributeCondition(condition: TierCondition): condition is AttributeCondition {
  return "source" in condition;
}

/** The name of a condition's attribute in the `usage_attributes` column. */
export function attributeName({ source, key }: Pick<AttributeCondition, "source" | "key">): string {
  return `${source}.${key}`;
}

/**
 * The order in which definitions that match are asked: a project's own before built-in ones, then the newest start
 * date, none last (write-api §4.5). Built-in ones have a rank before that, and the longer name is the more specific.
 */
export function compareVersions(a: ModelVersion, b: ModelVersion): number {
  return (
    Number(a.project === null) - Number(b.project === null) ||
    a.definition.rank - b.definition.rank ||
    compareStarts(b.definition.startDate, a.definition.startDate) ||
    b.definition.modelName.length - a.definition.modelName.length ||
    (a.definition.id < b.definition.id ? -1 : Number(a.definition.id > b.definition.id))
  );
}

function compareStarts(a: number | null, b: number | null): number {
  if (a === b) return 0;
  return (a ?? -Infinity) < (b ?? -Infinity) ? -1 : 1;
}
