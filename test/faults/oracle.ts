import { isDeepStrictEqual } from "node:util";

import type { Book } from "./book.ts";
import type { Issued } from "./events.ts";

/** A line of `sluice export`. */
export interface ExportedRow {
  readonly table: string;
  readonly id: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly [column: string]: unknown;
}

export interface Judgement {
  /** Events, not rows: each of them left a mark of its own. */
  readonly stored: number;
  /** Acknowledged and not readable. */
  readonly lostAcked: readonly string[];
  /** Readable and never sent, or rejected for good. */
  readonly ghosts: readonly string[];
  /** Readable with another content than was sent. */
  readonly payloadDiff: readonly string[];
  /** Ids that are visible more than once. */
  readonly dupVisible: readonly string[];
}

/** Compares what the server exported with what it had acknowledged. Both must be at rest. */
export function judge(book: Book, rows: readonly ExportedRow[]): Judgement {
  const byId = new Map<string, ExportedRow>();
  const dupVisible: string[] = [];
  for (const row of rows) {
    const key = `${row.table} ${row.id}`;
    if (byId.has(key)) dupVisible.push(key);
    byId.set(key, row);
  }
  const lostAcked: string[] = [];
  const ghosts: string[] = [];
  const payloadDiff: string[] = [];
  const marks = new Map<string, Set<string>>();
  let stored = 0;
  for (const { issued, acked, onlyRejected } of book.pages) {
    const { event, table, mark } = issued;
    const key = `${table} ${event.body.id}`;
    marks.set(key, (marks.get(key) ?? new Set()).add(mark));
    const row = byId.get(key);
    if (row?.metadata[mark] === undefined) {
      if (acked) lostAcked.push(event.id);
      continue;
    }
    stored += 1;
    if (!acked && onlyRejected) ghosts.push(event.id);
    payloadDiff.push(...differences(issued, row));
  }
  for (const [key, row] of byId) {
    const known = marks.get(key);
    if (!known) ghosts.push(key);
    for (const mark of Object.keys(row.metadata)) {
      if (markPattern.test(mark) && known && !known.has(mark)) ghosts.push(`${key} ${mark}`);
    }
  }
  return { stored, lostAcked, ghosts, payloadDiff, dupVisible };
}

/** Other keys of the metadata belong to cases that are about metadata. */
const markPattern = /^e\d+$/;

function differences({ event, mark, text, columns }: Issued, row: ExportedRow): string[] {
  const wrong = Object.entries(columns).filter(([name, value]) => !same(value, row[name]));
  if (row.metadata[mark] !== text) wrong.push([`metadata.${mark}`, text]);
  return wrong.map(([name]) => `${event.id} ${name}`);
}

/** Whether a stored value says what was sent: 64-bit numbers come as text, and JSON values as JSON text. */
function same(sent: unknown, stored: unknown): boolean {
  if (typeof sent === "number") return Number(stored) === sent;
  if (typeof sent !== "object" || sent === null) return sent === stored;
  if (typeof stored === "string") return isDeepStrictEqual(parsed(stored), sent);
  if (typeof stored !== "object" || stored === null) return false;
  const names = Object.keys(sent);
  const held = stored as Record<string, unknown>;
  return (
    names.length === Object.keys(held).length &&
    names.every((name) => same((sent as Record<string, unknown>)[name], held[name]))
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
