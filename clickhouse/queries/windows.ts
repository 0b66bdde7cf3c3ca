import type { TimeRange } from "./conditions.ts";

/** A page of a list whose length is known. */
export interface Slice {
  readonly limit: number;
  readonly offset: number;
  /** How many rows the whole list has. */
  readonly total: number;
}

const hourMs = 3_600_000;
const windowsMs = [2 * hourMs, 24 * hourMs, 7 * 24 * hourMs];

/**
 * The newest rows of a range, by reading only as far back as it takes to fill the page: recent rows cost a tenth of a
 * look at the whole table. `read` must order by the time of the range, newest first, and skip what lies before the
 * page itself, so that a full page is the same page whatever the window.
 */
export async function newestFirst<Row>(
  range: TimeRange,
  now: number,
  { limit, offset, total }: Slice,
  read: (range: TimeRange) => Promise<Row[]>,
): Promise<Row[]> {
  if (offset >= total) return [];
  const newest = Math.min(range.to ?? now, now);
  for (const windowMs of windowsMs) {
    const from = newest - windowMs;
    // The last page takes every row there is, so no window can tell that it is complete.
    if (offset + limit >= total || (range.from !== undefined && from <= range.from)) break;
    const rows = await read({ ...range, from });
    if (rows.length === limit) return rows;
  }
  return await read(range);
}

/**
 * The newest `limit` rows of a range of which nobody knows how many it holds: window by window, each row looked at
 * once, until there are enough. `read` must order by the time of the range, newest first.
 */
export async function newestUpTo<Row>(
  range: TimeRange,
  now: number,
  limit: number,
  read: (range: TimeRange, limit: number) => Promise<Row[]>,
): Promise<Row[]> {
  const newest = Math.min(range.to ?? now, now);
  const rows: Row[] = [];
  let { to } = range;
  for (const windowMs of windowsMs) {
    const from = newest - windowMs;
    if (range.from !== undefined && from <= range.from) break;
    rows.push(...(await read({ from, to }, limit - rows.length)));
    if (rows.length >= limit) return rows;
    to = from;
  }
  rows.push(...(await read({ from: range.from, to }, limit - rows.length)));
  return rows;
}
