import type { Book } from "../faults/book.ts";
import { judge } from "../faults/oracle.ts";
import type { ExportedRow } from "../faults/oracle.ts";
import { wellFormed } from "./ledger.ts";
import type { Entry, Nameless } from "./ledger.ts";
import { contentProblems } from "./reference.ts";

/** Something that must not be. */
export interface Finding {
  readonly kind: string;
  /** The case that it came from; null when it is not known which. */
  readonly n: number | null;
  readonly text: string;
}

/** All that a project shows once everything accepted is stored. */
export interface Shown {
  readonly rows: readonly ExportedRow[];
  readonly deadLetters: readonly DeadLetter[];
}

export interface DeadLetter {
  readonly reason: string;
  readonly detail: string;
  /** The event as it was sent. */
  readonly body: string;
}

export interface Owed {
  readonly book: Book;
  readonly entries: readonly Entry[];
  readonly nameless: readonly Nameless[];
}

/** Compares what a project shows with what it owes: the neighbours to the letter, the rest as far as it is known. */
export function judgeProject(owed: Owed, shown: Shown): Finding[] {
  const neighbours = new Set(
    owed.book.pages.map(({ issued }) => keyOf(issued.table, issued.event.body.id)),
  );
  const isNeighbour = (row: ExportedRow): boolean => neighbours.has(keyOf(row.table, row.id));
  return [
    ...judgeNeighbours(owed.book, shown.rows.filter(isNeighbour)),
    ...judgeEntries(
      owed.entries.filter(({ table, id }) => !neighbours.has(keyOf(table, id))),
      shown.rows.filter((row) => !isNeighbour(row)),
      new Set(shown.deadLetters.map((letter) => idsIn(letter).entity)),
    ),
    ...judgeNameless(owed.nameless, shown.deadLetters),
  ];
}

function judgeNeighbours(book: Book, rows: readonly ExportedRow[]): Finding[] {
  const { lostAcked, ghosts, payloadDiff, dupVisible } = judge(book, rows);
  return [
    ...lostAcked.map((text) => ({ kind: "neighbour lost", n: caseIn(text), text })),
    ...ghosts.map((text) => ({ kind: "neighbour never sent", n: caseIn(text), text })),
    ...payloadDiff.map((text) => ({ kind: "neighbour changed", n: caseIn(text), text })),
    ...dupVisible.map((text) => ({ kind: "neighbour twice", n: caseIn(text), text })),
  ];
}

function judgeEntries(
  entries: readonly Entry[],
  rows: readonly ExportedRow[],
  parkedIds: ReadonlySet<unknown>,
): Finding[] {
  const findings: Finding[] = [];
  const byKey = new Map<string, ExportedRow>();
  for (const row of rows) {
    const key = keyOf(row.table, row.id);
    if (byKey.has(key)) findings.push({ kind: "row twice", n: caseIn(row.id), text: key });
    byKey.set(key, row);
  }
  for (const { table, id, state, cases, bodies } of entries) {
    const key = keyOf(table, id);
    const row = byKey.get(key);
    byKey.delete(key);
    const [n = null] = cases;
    if (state === "stored" && row === undefined && !parkedIds.has(id)) {
      findings.push({ kind: "lost", n, text: key });
    }
    if (state === "gone" && row !== undefined) {
      findings.push({ kind: "still there after its delete", n, text: key });
    }
    const [body] = bodies;
    if (state !== "stored" || row === undefined || body === undefined || bodies.length > 1)
      continue;
    for (const column of contentProblems(table, body, row)) {
      findings.push({ kind: `another ${column} than was sent`, n, text: key });
    }
  }
  for (const key of byKey.keys()) {
    findings.push({ kind: "row that nobody was told of", n: caseIn(key), text: key });
  }
  return findings;
}

function judgeNameless(owed: readonly Nameless[], letters: readonly DeadLetter[]): Finding[] {
  const kept = new Set(letters.map((letter) => idsIn(letter).event));
  return owed
    .filter(({ eventId }) => !kept.has(eventId))
    .map(({ eventId, n }) => ({ kind: "lost without an id", n, text: JSON.stringify(eventId) }));
}

function keyOf(table: string, id: string): string {
  return `${table} ${id}`;
}

/** Ids name their case: `h5.12-…` of seed 5 belongs to case 12. */
function caseIn(text: string): number | null {
  const found = /[hnx]\d+\.(\d+)[-/]/.exec(text)?.[1];
  return found === undefined ? null : Number(found);
}

/** Of an event as it was sent; the id of its entity is what `body` names. */
function idsIn(letter: DeadLetter): { readonly event: unknown; readonly entity: unknown } {
  const { id, body }: { id?: unknown; body?: { id?: unknown } } = JSON.parse(letter.body);
  return { event: asStored(id), entity: asStored(body?.id) };
}

function asStored(id: unknown): unknown {
  return typeof id === "string" ? wellFormed(id) : id;
}
