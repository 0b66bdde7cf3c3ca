import type { Page } from "../engine.ts";
import { whereOf, type Condition, type ProjectReader, type TimeRange } from "./conditions.ts";
import type { CountedTable } from "./row-counts.ts";

/** Which rows of a list make a page. */
export interface Slice {
  readonly limit: number;
  readonly offset: number;
}

/**
 * A page of the list of all rows of a project, the newest first, by reading only as far back as it takes to fill it: recent
 * rows cost a tenth of a look at the whole table. `read` must order by the time of the range, newest first, and skip what
 * lies before the page itself, so that a full page is the same page whatever the window. Undefined when `where`, which is
 * what follows WHERE in the list's statement, asks for anything else.
 */
export async function pageOfAll<Row>(
  reader: ProjectReader,
  table: CountedTable,
  where: Condition,
  slice: Slice,
  read: (range: TimeRange) => Promise<Page<Row>>,
): Promise<Page<Row> | undefined> {
  if (where.sql !== whereOf(reader, []).sql) return undefined;
  const counted = reader.counts.total(reader, table);
  const newestOf = async (windowMs: number): Promise<Row[]> => {
    const { rows } = await read({ from: reader.now - windowMs });
    return rows;
  };
  const [recent, total] = await Promise.all([newestOf(windowsMs[0]), counted]);
  if (recent.length === slice.limit) return { rows: recent, total };
  const { limit, offset } = slice;
  if (offset >= total) return { rows: [], total };
  for (const windowMs of windowsMs.slice(1)) {
    // The last page takes every row there is, so no window can tell that it is complete.
    if (offset + limit >= total) break;
    const rows = await newestOf(windowMs);
    if (rows.length === limit) return { rows, total };
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
