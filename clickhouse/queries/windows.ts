import type { Page } from "../engine.ts";
import { whereOf, type Condition, type ProjectReader, type TimeRange } from "./conditions.ts";
import type { CountedTable } from "./row-counts.ts";

/** Which rows of a list make a page. */
export interface Slice {
  readonly limit: number;
  readonly offset: number;
}

/**
 * A page of the list of all rows of a project, the newest first: their number is kept, and few need to be looked at.
 * Undefined when `where`, which is what follows WHERE in the list's statement, asks for anything else.
 */
export async function pageOfAll<Row>(
  reader: ProjectReader,
  table: CountedTable,
  where: Condition,
  slice: Slice,
  read: (range: TimeRange) => Promise<Page<Row>>,
): Promise<Page<Row> | undefined> {
  if (where.sql !== whereOf(reader, []).sql) return undefined;
  const total = await reader.counts.total(reader, table);
  const rows = await newestFirst({}, reader.now, { ...slice, total }, async (range) => {
    const page = await read(range);
    return page.rows;
  });
  return { rows, total };
}

const hourMs = 3_600_000;
const windowsMs = [2 * hourMs, 24 * hourMs, 7 * 24 * hourMs];

/**
 * The newest rows of a range, by reading only as far back as it takes to fill the page: recent rows cost a tenth of a
 * look at the whole table. `read` must order by the time of the range, newest first, and skip what lies before the
 * page itself, so that a full page is the same page whatever the window.
 */
async function newestFirst<Row>(
  range: TimeRange,
  now: number,
  { limit, offset, total }: Slice & { readonly total: number },
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
