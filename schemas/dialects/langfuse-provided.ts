import { decimalOf } from "../decimal.ts";

/** The two spellings of usage and cost in a body, validated and normalised each by itself. */
export interface Counted {
  readonly usage?: LegacyUsage | null | undefined;
  readonly usageDetails?: Readonly<Record<string, number>> | null | undefined;
  readonly costDetails?: Readonly<Record<string, number>> | null | undefined;
}

interface LegacyUsage {
  readonly input?: number | null | undefined;
  readonly output?: number | null | undefined;
  readonly total?: number | null | undefined;
  readonly inputCost?: number | null | undefined;
  readonly outputCost?: number | null | undefined;
  readonly totalCost?: number | null | undefined;
}

/** Usage as provided: `usage`, overlaid by `usageDetails` (write-api §4.2). Null when neither counts anything. */
export function providedUsage({ usage, usageDetails }: Counted): Record<string, number> | null {
  const counts = new Map<string, number>();
  for (const key of ["input", "output"] as const) put(counts, key, usage?.[key]);
  put(counts, "total", legacyTotal(usage, usageDetails));
  for (const [key, count] of Object.entries(usageDetails ?? {})) counts.set(key, count);
  return counts.size > 0 ? Object.fromEntries(counts) : null;
}

/** USD by part: the costs of `usage`, overlaid by `costDetails`. Null when neither has any; 0 is one. */
export function providedCost({ usage, costDetails }: Counted): Record<string, string> | null {
  const costs = new Map<string, number>();
  put(costs, "input", usage?.inputCost);
  put(costs, "output", usage?.outputCost);
  put(costs, "total", usage?.totalCost);
  for (const [key, cost] of Object.entries(costDetails ?? {})) costs.set(key, cost);
  if (costs.size === 0) return null;
  return Object.fromEntries([...costs].map(([key, cost]) => [key, decimalOf(cost)]));
}

/** Contract (write-api §4.2): a given total, else, without details, the sum of two counts or the only one. */
function legacyTotal(
  usage: LegacyUsage | null | undefined,
  details: Readonly<Record<string, number>> | null | undefined,
): number | null | undefined {
  if (!usage) return null;
  if (usage.total) return usage.total;
  if (details && Object.keys(details).length > 0) return null;
  if (usage.input && usage.output) return usage.input + usage.output;
  return usage.input ?? usage.output;
}

/** Counts below zero are accepted and dropped (write-api §4.3). */
function put(counts: Map<string, number>, key: string, count: number | null | undefined): void {
  if (count !== null && count !== undefined && count >= 0) counts.set(key, count);
}
