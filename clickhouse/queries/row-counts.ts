import { allOf, whereOf, type Condition, type ProjectReader } from "./conditions.ts";

export type CountedTable = "traces" | "observations";

/**
 * How many rows a project has, exactly, without looking at all of them for every page of a list.
 *
 * Counts are kept by the hours of the sort key. Inserts follow one another, and each makes parts with block numbers above
 * all before, so the parts above the last count's hold the hours that may have changed since: only these are counted again.
 * A merge keeps the greatest number of what it merges, and changes no count. Rows go by tombstones alone, which are inserts.
 */
export interface RowCounts {
  /** All rows that are there when it is called. */
  total(reader: ProjectReader, table: CountedTable): Promise<number>;
}

/** Hours that all counts hold together: some 20 MB. The counts asked for last stay. */
const hoursMax = 250_000;

interface Count {
  /** The greatest block number that the counted rows lay in, or one below. */
  block: number;
  /** Rows by `key_hour`, in seconds since the epoch. */
  readonly hours: Map<number, number>;
  /** Settles when those who asked before are answered: their answer may miss what was inserted since. */
  turn: Promise<unknown>;
}

/** Counts of one database. */
export function rowCounts(): RowCounts {
  const counts = new Map<string, Count>();
  return {
    async total(reader, table) {
      const name = `${table} ${reader.project}`;
      const count = counts.get(name) ?? { block: -1, hours: new Map(), turn: Promise.resolve() };
      // A map keeps the order of insertion: the least lately asked for comes first.
      counts.delete(name);
      counts.set(name, count);
      const answer = count.turn.then(() => brought(reader, table, count));
      count.turn = answer.catch(() => {});
      const total = await answer;
      forgetOldest(counts);
      return total;
    },
  };
}

/** The total, after the count was brought up to what is stored now. */
async function brought(reader: ProjectReader, table: CountedTable, count: Count): Promise<number> {
  if (count.block < 0) {
    const found = await countHours(reader, table);
    for (const { hour, total } of found) count.hours.set(hour, Number(total));
    count.block = greatestOf(found);
  } else {
    const changed = await hoursSince(reader, table, count.block);
    if (changed.length > 0) {
      const hours = changed.map(({ hour }) => hour);
      const found = await countHours(reader, table, hours);
      for (const hour of hours) count.hours.delete(hour);
      for (const { hour, total } of found) count.hours.set(hour, Number(total));
      // Of the parts seen first: what came in between is counted, and once more the next time.
      count.block = greatestOf(changed);
    }
  }
  let total = 0;
  for (const rows of count.hours.values()) total += rows;
  return total;
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
  table: CountedTable,
  hours?: readonly number[],
): Promise<(Hour & { readonly total: string })[]> {
  const isCounted: Condition | undefined = hours && {
    sql: "key_hour IN {hours:Array(UInt32)}",
    params: { hours },
  };
  const where = allOf([whereOf(reader, []), isCounted]);
  return await reader.db.query<Hour & { total: string }>(
    `SELECT toUnixTimestamp(key_hour) AS hour, max(${lastBlock}) AS block, count() AS total
     FROM sluice.${table} FINAL
     WHERE ${where.sql}
     GROUP BY key_hour`,
    where.params,
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
    if (hours <= hoursMax || counts.size === 1) return;
    counts.delete(name);
    hours -= count.hours.size;
  }
}
