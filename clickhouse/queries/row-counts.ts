import { allOf, whereOf, type Condition, type ProjectReader } from "./conditions.ts";

export type CountedTable = "traces" | "observations";

/** The rows of a list: those of which the newest version matches. */
export interface Counted {
  readonly table: CountedTable;
  /** What follows WHERE in the list's statement. It asks of nothing but the row itself, or a count could change unseen. */
  readonly where: Condition;
}

/**
 * How many rows a list has, exactly, without looking at all of them for every page.
 *
 * Counts are kept by the hours of the sort key. Inserts follow one another, and each makes parts with block numbers above
 * all before, so the parts above the last count's hold the hours that may have changed since: only these are counted again.
 * A merge keeps the greatest number of what it merges, and changes no count. Rows go by tombstones alone, which are inserts.
 */
export interface RowCounts {
  /** All rows that are there when it is called. */
  total(reader: ProjectReader, counted: Counted): Promise<number>;
  /** Whether counts are kept at all. */
  readonly isKept: boolean;
  /** Whether the rows were counted lately: if so, the next `total` costs little. */
  has(counted: Counted): boolean;
  /**
   * The latest hour, in epoch milliseconds, such that so many rows have their key in it or later; of the last count, which
   * may be over. Undefined when there are fewer, or when nobody has counted them.
   */
  hourOfNewest(counted: Counted, rows: number): number | undefined;
}

/** Hours that all counts hold together: some 20 MB. The counts asked for last stay. */
const hoursMax = 250_000;
/** A count of no rows holds no hours. */
const countsMax = 1_000;

interface Count {
  /** The greatest block number that the counted rows lay in, or one below. */
  block: number;
  /** Rows by `key_hour`, in seconds since the epoch. */
  readonly hours: Map<number, number>;
  /** Settles when those who asked before are answered: their answer may miss what was inserted since. */
  turn: Promise<unknown>;
}

/** Counts of a database on one node. */
export function rowCounts(): RowCounts {
  const counts = new Map<string, Count>();

  function countOf(counted: Counted): Count {
    const name = nameOf(counted);
    const count = counts.get(name) ?? { block: -1, hours: new Map(), turn: Promise.resolve() };
    // A map keeps the order of insertion: the least lately asked for comes first.
    counts.delete(name);
    counts.set(name, count);
    return count;
  }

  async function total(reader: ProjectReader, counted: Counted): Promise<number> {
    const count = countOf(counted);
    const answer = count.turn.then(async () => {
      if (count.block < 0) await begin(reader, counted, count);
      else await bringUp(reader, counted, count);
      let rows = 0;
      for (const inHour of count.hours.values()) rows += inHour;
      return rows;
    });
    count.turn = answer.catch(() => {});
    const rows = await answer;
    forgetOldest(counts);
    return rows;
  }

  async function begin(reader: ProjectReader, counted: Counted, count: Count): Promise<void> {
    const all: Counted = { ...counted, where: whereOf(reader, []) };
    const isAll = counted.where.sql === all.where.sql;
    // Before the rows that match are counted, whose parts need not be the last ones.
    if (!isAll) await total(reader, all);
    const before = isAll ? undefined : countOf(all).block;
    const found = await countHours(reader, counted);
    count.hours.clear();
    for (const { hour, total: rows } of found) count.hours.set(hour, Number(rows));
    count.block = before ?? greatestOf(found);
  }

  return {
    total,
    isKept: true,
    has: (counted) => (counts.get(nameOf(counted))?.block ?? -1) >= 0,
    hourOfNewest(counted, rows) {
      const hours = counts.get(nameOf(counted))?.hours ?? new Map<number, number>();
      let found = 0;
      for (const hour of Uint32Array.from(hours.keys()).toSorted().toReversed()) {
        found += hours.get(hour) ?? 0;
        if (found >= rows) return hour * 1_000;
      }
      return undefined;
    },
  };
}

/**
 * Counts of a database that is spread over a cluster. Its shards number their parts each by themselves, and replicas show
 * them in another order than they were numbered: nothing tells what has changed, so all rows are counted every time.
 */
export function freshCounts(): RowCounts {
  return {
    async total(reader, { table, where }) {
      const rows = await reader.db.query<{ total: string }>(
        `SELECT count() AS total FROM sluice.${table} FINAL WHERE ${where.sql}`,
        where.params,
        reader.budget,
      );
      return Number(rows[0]?.total ?? 0);
    },
    isKept: false,
    has: () => false,
    hourOfNewest: () => undefined,
  };
}

/** The values name the project too. */
function nameOf({ table, where }: Counted): string {
  const values = JSON.stringify(where.params, (_, value: unknown) =>
    typeof value === "bigint" ? `${value}n` : value,
  );
  return `${table} ${where.sql} ${values}`;
}

/** Counts the hours again in which any row has changed: one that matched may match no more. */
async function bringUp(reader: ProjectReader, counted: Counted, count: Count): Promise<void> {
  const changed = await hoursSince(reader, counted.table, count.block);
  if (changed.length === 0) return;
  const hours = changed.map(({ hour }) => hour);
  const found = await countHours(reader, counted, hours);
  for (const hour of hours) count.hours.delete(hour);
  for (const { hour, total } of found) count.hours.set(hour, Number(total));
  // Of the parts seen first: what came in between is counted, and once more the next time.
  count.block = greatestOf(changed);
}

interface Hour {
  readonly hour: number;
  /** The greatest number of a block that holds a row of the hour; quoted. */
  readonly block: string;
}

/** A part is named `month_firstblock_lastblock_level`. */
const lastBlock = "toUInt64(splitByChar('_', _part)[3])";

async function hoursSince(
  reader: ProjectReader,
  table: CountedTable,
  block: number,
): Promise<Hour[]> {
  const where = whereOf(reader, [{ sql: `${lastBlock} > {block:UInt64}`, params: { block } }]);
  return await reader.db.query<Hour>(
    `SELECT toUnixTimestamp(key_hour) AS hour, max(${lastBlock}) AS block
     FROM sluice.${table}
     WHERE ${where.sql}
     GROUP BY key_hour`,
    where.params,
    reader.budget,
  );
}

async function countHours(
  reader: ProjectReader,
  { table, where }: Counted,
  hours?: readonly number[],
): Promise<(Hour & { readonly total: string })[]> {
  const isCounted: Condition | undefined = hours && {
    sql: "key_hour IN {hours:Array(UInt32)}",
    params: { hours },
  };
  const { sql, params } = allOf([where, isCounted]);
  return await reader.db.query<Hour & { total: string }>(
    `SELECT toUnixTimestamp(key_hour) AS hour, max(${lastBlock}) AS block, count() AS total
     FROM sluice.${table} FINAL
     WHERE ${sql}
     GROUP BY key_hour`,
    params,
    reader.budget,
  );
}

function greatestOf(hours: readonly Hour[]): number {
  return hours.reduce((greatest, { block }) => Math.max(greatest, Number(block)), -1);
}

function forgetOldest(counts: Map<string, Count>): void {
  let hours = 0;
  for (const count of counts.values()) hours += count.hours.size;
  for (const [name, count] of counts) {
    const isLittle = hours <= hoursMax && counts.size <= countsMax;
    if (isLittle || counts.size === 1) return;
    counts.delete(name);
    hours -= count.hours.size;
  }
}
