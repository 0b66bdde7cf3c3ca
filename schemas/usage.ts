import { addDecimals } from "./decimal.ts";

export type Usage = Readonly<Record<string, number>>;
/** USD by part, decimal text. */
export type Cost = Readonly<Record<string, string>>;

/** Units of usage by name, and what they cost in USD: the given maps completed by their totals. */
export interface UsageAndCost {
  readonly usage: Usage;
  readonly cost: Cost;
  /** Sum over the usage keys whose name contains "input", and so on: what dashboards add up. */
  readonly inputUnits: number;
  readonly outputUnits: number;
  readonly totalUnits: number;
  /** Null when unknown, which is not free of charge. */
  readonly totalCost: string | null;
}

/**
 * Completes usage and cost (write-api.md §4.3, §4.4): a missing usage total is the sum of all buckets; a missing cost
 * total is known only when the cost has no other parts than input and output.
 */
export function usageAndCost(given: Usage, cost: Cost): UsageAndCost {
  const usage = withUsageTotal(given);
  const totalCost = costTotal(cost);
  return {
    usage,
    cost: totalCost === null ? cost : { ...cost, total: totalCost },
    inputUnits: sumOfKeys(usage, "input"),
    outputUnits: sumOfKeys(usage, "output"),
    totalUnits: usage["total"] ?? 0,
    totalCost,
  };
}

export function withUsageTotal(given: Usage): Usage {
  const counts = Object.values(given);
  if (counts.length === 0 || given["total"] !== undefined) return given;
  return { ...given, total: capped(counts.reduce((sum, count) => sum + count, 0)) };
}

export function isEmpty(map: Usage | Cost): boolean {
  return Object.keys(map).length === 0;
}

function costTotal(cost: Cost): string | null {
  if (cost["total"] !== undefined) return cost["total"];
  const keys = Object.keys(cost);
  const onlyInputAndOutput = keys.every((key) => key === "input" || key === "output");
  return keys.length > 0 && onlyInputAndOutput ? addDecimals(Object.values(cost)) : null;
}

function sumOfKeys(usage: Usage, part: string): number {
  let sum = 0;
  for (const [key, count] of Object.entries(usage)) {
    if (key.toLowerCase().includes(part)) sum += count;
  }
  return capped(sum);
}

/** Counts stay whole numbers that JSON carries exactly. */
function capped(count: number): number {
  return Math.min(count, Number.MAX_SAFE_INTEGER);
}
