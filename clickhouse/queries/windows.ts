import type { Page } from "../engine.ts";
import type { ProjectReader, TimeRange } from "./conditions.ts";
import type { Counted } from "./row-counts.ts";

/** Which rows of a list make a page. */
export interface Slice {
  readonly limit: number;
  readonly offset: number;
}

/**
 * A page of a list without a range of time, the newest first, by reading only as far back as it takes to fill it: recent
 * rows cost a tenth of a look at the whole table. `read` must order by the time of the range, newest first, and skip what
 * lies before the page itself, so that a full page is the same page whatever the window.
 */
export async function pageOfNewest<Row>(
  reader: ProjectReader,
  counted: Counted,
  slice: Slice,
  read: (range: TimeRange) => Promise<Page<Row>>,
): Promise<Page<Row>> {
  const { limit, offset } = slice;
  const since = async (from: number): Promise<Row[]> => (await read({ from })).rows;
  const hourOf = () => reader.counts.hourOfNewest(counted, offset + limit);
  const guess = hourOf() ?? reader.now - windowsMs[0];
  const [recent, total] = await Promise.all([since(guess), reader.counts.total(reader, counted)]);
  if (recent.length === limit) return { rows: recent, total };
  if (offset >= total) return { rows: [], total };
  // The last page takes every row there is, so no window can tell that it is complete.
  if (offset + limit < total) {
    const hour = hourOf();
    // A row keeps its hour while its time moves, a day at most.
    const begins =
      hour === undefined
        ? windowsMs.slice(1).map((windowMs) => reader.now - windowMs)
        : [hour, hour - 24 * hourMs];
    for (const from of begins.filter((begin) => begin < guess)) {
      const rows = await since(from);
      if (rows.length === limit) return { rows, total };
    }
  }
  const { rows } = await read({});
  return { rows, total };
}

const hourMs = 3_600_000;
const windowsMs = [2 * hourMs, 24 * hourMs, 7 * 24 * hourMs] as const;

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
