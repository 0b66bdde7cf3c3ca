import type { TimeRange } from "./conditions.ts";

const hourMs = 3_600_000;
const windowsMs = [2 * hourMs, 24 * hourMs, 7 * 24 * hourMs];

/**
 * The newest rows of a range, by reading only as far back as it takes to find `wanted` of them: a page of recent
 * rows costs a tenth of a look at the whole table. `read` must order by the time of the range, newest first, and skip
 * what lies before the page itself, so that a full page is the same page whatever the window.
 */
export async function newestFirst<Row>(
  range: TimeRange,
  now: number,
  wanted: number,
  read: (range: TimeRange) => Promise<Row[]>,
): Promise<Row[]> {
  const newest = Math.min(range.to ?? now, now);
  for (const windowMs of windowsMs) {
    const from = newest - windowMs;
    if (range.from !== undefined && from <= range.from) break;
    const rows = await read({ ...range, from });
    if (rows.length === wanted) return rows;
  }
  return await read(range);
}
