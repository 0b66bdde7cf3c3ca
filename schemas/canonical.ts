/** One text for equal values, so that rows can be compared byte by byte. */

/** By UTF-16 code units: the same everywhere, unlike a locale's order. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** In the order of {@link compareText}, which is that of a sort without a comparator. */
export function sortedKeys(record: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(record).toSorted();
}

/** The same entries in the order of their keys, on an object without prototype: keys may be any text. */
export function sortedRecord<Value>(
  record: Readonly<Record<string, Value>>,
): Record<string, Value> {
  const sorted: Record<string, Value> = Object.create(null);
  for (const key of sortedKeys(record)) sorted[key] = record[key] as Value;
  return sorted;
}
