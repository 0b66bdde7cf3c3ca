import { addDecimals } from "./decimal.ts";

/** Units of usage by name, and what they cost in USD: the provided maps completed by their totals. */
export interface UsageAndCost {
  readonly usage: Readonly<Record<string, number>>;
  readonly cost: Readonly<Record<string, string>>;
  /** Sum over the usage keys whose name contains "input", and so on: what dashboards add up. */
  readonly inputUnits: number;
  readonly outputUnits: number;
  readonly totalUnits: number;
  /** Null when unknown, which is not free of charge. */
  readonly totalCost: string | null;
}

/**
 * Completes what a client provided (write-api.md §4.3, §4.4): a missing usage total is the sum of all buckets; a
 * missing cost total is known only when the cost has no other parts than input and output.
 */
export function usageAndCost(
  providedUsage: Readonly<Record<string, number>>,
  providedCost: Readonly<Record<string, string>>,
): UsageAndCost {
  const usage = withUsageTotal(providedUsage);
  const totalCost = costTotal(providedCost);
  return {
    usage,
    cost: totalCost === null ? providedCost : { ...providedCost, total: totalCost },
    inputUnits: sumOfKeys(usage, "input"),
    outputUnits: sumOfKeys(usage, "output"),
    totalUnits: usage["total"] ?? 0,
    totalCost,
  };
}

function withUsageTotal(
  provided: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const counts = Object.values(provided);
  if (counts.length === 0 || provided["total"] !== undefined) return provided;
  return { ...provided, total: capped(counts.reduce((sum, count) => sum + count, 0)) };
}

function costTotal(provided: Readonly<Record<string, string>>): string | null {
  if (provided["total"] !== undefined) return provided["total"];
  const keys = Object.keys(provided);
  const onlyInputAndOutput = keys.every((key) => key === "input" || key === "output");
  return keys.length > 0 && onlyInputAndOutput ? addDecimals(Object.values(provided)) : null;
}

function sumOfKeys(usage: Readonly<Record<string, number>>, part: string): number {
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
