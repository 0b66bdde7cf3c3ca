import { setImmediate as breathe } from "node:timers/promises";
import type { Db } from "./engine.ts";

/** A row of a table that is cut into parts by the month of one of these columns. */
export type DatedRow =
  /** Seconds since the epoch. */
  | { readonly key_hour: number }
  /** Milliseconds since the epoch. */
  | { readonly received_at: number };

export type DatedTable = "traces" | "observations" | "scores" | "parked_records";

/** Each month of an insert is a part of its own, with files to sync; ClickHouse refuses more than 100. */
const monthsPerInsertMax = 20;
/** Larger inserts gain little, and the engine holds one in memory several times over. */
const rowsPerInsertMax = 10_000;
const bytesPerInsertMax = 32 * 1024 * 1024;

/** What is put into text before the event loop gets its turn: a few milliseconds of work. */
const sliceRows = 100;
const sliceCharacters = 1024 * 1024;

/**
 * Stores rows, in as many inserts as their months and bytes call for, one after the other. When it resolves all are
 * durable and readable; when it rejects with `DbError`, some may be, and inserting all again gives the same rows.
 */
export async function insertRows(
  db: Db,
  table: DatedTable,
  rows: readonly DatedRow[],
): Promise<void> {
  for (const group of byMonths(rows)) {
    for await (const lines of encoded(group)) await db.insert(`sluice.${table}`, lines);
  }
}

/** The inserts that `insertRows` would make of these rows, one after the other. */
export async function encodeInserts(rows: readonly DatedRow[]): Promise<Buffer[]> {
  const inserts: Buffer[] = [];
  for (const group of byMonths(rows)) {
    for await (const lines of encoded(group)) inserts.push(lines);
  }
  return inserts;
}

/** Rows as lines of JSON, in one piece. The event loop gets its turn between slices. */
export async function encodeRows(rows: readonly object[]): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const slice of slices(rows)) pieces.push(slice.lines);
  return Buffer.concat(pieces);
}

/** Rows as lines of JSON, in pieces of the size of an insert. */
async function* encoded(rows: readonly object[]): AsyncGenerator<Buffer, void, void> {
  let pieces: Buffer[] = [];
  let bytes = 0;
  let count = 0;
  for await (const slice of slices(rows)) {
    const isFull =
      bytes + slice.lines.length > bytesPerInsertMax || count + slice.rows > rowsPerInsertMax;
    if (isFull && count > 0) {
      yield Buffer.concat(pieces);
      pieces = [];
      bytes = 0;
      count = 0;
    }
    pieces.push(slice.lines);
    bytes += slice.lines.length;
    count += slice.rows;
  }
  if (count > 0) yield Buffer.concat(pieces);
}

async function* slices(
  rows: readonly object[],
): AsyncGenerator<{ lines: Buffer; rows: number }, void, void> {
  let text = "";
  let count = 0;
  for (const [index, row] of rows.entries()) {
    text += `${JSON.stringify(row)}\n`;
    count++;
    const isLast = index === rows.length - 1;
    if (!isLast && count < sliceRows && text.length < sliceCharacters) continue;
    yield { lines: Buffer.from(text), rows: count };
    text = "";
    count = 0;
    if (!isLast) await breathe();
  }
}

/** Rows whose months are few enough for one insert each; the order within a month stays. */
function byMonths(rows: readonly DatedRow[]): readonly (readonly DatedRow[])[] {
  const months = new Map<number, DatedRow[]>();
  for (const row of rows) {
    const month = monthOf(row);
    const held = months.get(month);
    if (held) held.push(row);
    else months.set(month, [row]);
  }
  if (months.size <= monthsPerInsertMax) return rows.length > 0 ? [rows] : [];
  const ordered = [...months.entries()].toSorted(([left], [right]) => left - right);
  const groups: DatedRow[][] = [];
  for (let start = 0; start < ordered.length; start += monthsPerInsertMax) {
    groups.push(ordered.slice(start, start + monthsPerInsertMax).flatMap(([, held]) => held));
  }
  return groups;
}

function monthOf(row: DatedRow): number {
  const date = new Date("key_hour" in row ? row.key_hour * 1000 : row.received_at);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}
