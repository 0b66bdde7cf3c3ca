import { expect, test } from "vitest";

import { Book } from "./book.ts";
import { createIssuer } from "./events.ts";
import type { Issued } from "./events.ts";
import { verdictOf } from "./ledger.ts";
import { judge } from "./oracle.ts";
import type { ExportedRow } from "./oracle.ts";

/** Three creates and an update of the second, all acknowledged, and the rows of an honest server. */
function honest(): { book: Book; issued: Issued[]; rows: ExportedRow[] } {
  const book = new Book();
  const issuer = createIssuer("judged", 0);
  const issued = (["trace", "span", "score", "span-update"] as const).map((kind) =>
    issuer.next(kind),
  );
  for (const one of issued) book.issue(one);
  book.answer(issued, "acked");
  const rows = new Map<string, ExportedRow>();
  for (const { table, event, mark, text, columns } of issued) {
    const { id } = event.body;
    const row = rows.get(id) ?? { table, id, metadata: {} };
    rows.set(id, { ...row, ...columns, metadata: { ...row.metadata, [mark]: text } });
  }
  return { book, issued, rows: [...rows.values()] };
}

test("an honest server has nothing to answer for", () => {
  const { book, rows } = honest();
  expect(judge(book, rows)).toEqual({
    stored: 4,
    lostAcked: [],
    ghosts: [],
    payloadDiff: [],
    dupVisible: [],
  });
});

test("a row that is missing is a lost event", () => {
  const { book, rows } = honest();
  expect(judge(book, rows.slice(1)).lostAcked).toEqual(["judged-event-1"]);
});

test("an update that left no mark is a lost event, though its row is there", () => {
  const { book, rows } = honest();
  const forgetful = rows.map((row) =>
    row.id === "judged-2" ? { ...row, metadata: { e2: row.metadata["e2"] ?? "" } } : row,
  );
  expect(judge(book, forgetful).lostAcked).toEqual(["judged-event-4"]);
});

test("an event that was not acknowledged may be missing or there", () => {
  const { book, rows } = honest();
  const [open] = [createIssuer("open", 0).next("trace")];
  book.issue(open);
  book.answer([open], "unknown");
  expect(judge(book, rows)).toMatchObject({ lostAcked: [], ghosts: [] });
});

test("a row that nobody sent is a ghost, and so is a mark", () => {
  const { book, rows } = honest();
  const [first, ...rest] = rows;
  if (!first) throw new Error("There is no row.");
  const marked = { ...first, metadata: { ...first.metadata, e99: "?" } };
  const stranger = { table: "traces", id: "stranger", metadata: {} };
  expect(judge(book, [marked, ...rest, stranger]).ghosts).toEqual([
    "traces judged-1 e99",
    "traces stranger",
  ]);
});

test("an event that was rejected and is stored all the same is a ghost", () => {
  const { book, rows } = honest();
  const rejected = createIssuer("rejected", 0).next("trace");
  book.issue(rejected);
  book.answer([rejected], "rejected");
  const { table, event, mark, text, columns } = rejected;
  const row = { table, id: event.body.id, metadata: { [mark]: text }, ...columns };
  expect(judge(book, [...rows, row]).ghosts).toEqual(["rejected-event-1"]);
});

test("a column that differs from what was sent is a payload difference", () => {
  const { book, rows } = honest();
  const wrong = rows.map((row) => (row.table === "scores" ? { ...row, value: -1 } : row));
  expect(judge(book, wrong).payloadDiff).toEqual(["judged-event-3 value"]);
});

test("an id that is visible twice is a visible duplicate", () => {
  const { book, rows } = honest();
  expect(judge(book, [...rows, ...rows.slice(0, 1)]).dupVisible).toEqual(["traces judged-1"]);
});

test("a case in which nothing happened does not pass", () => {
  const { book, rows } = honest();
  const facts = { name: "nothing happened", book, rows, parked: 0, rssMax: 0 };
  expect(verdictOf({ ...facts, faults: 1, floor: { acked: 4, faults: 1 } }).problems).toEqual([]);
  expect(verdictOf({ ...facts, faults: 0, floor: { acked: 4, faults: 1 } }).problems).toEqual([
    "the fault struck 0 times, not 1",
  ]);
  expect(verdictOf({ ...facts, faults: 1, floor: { acked: 5, faults: 1 } }).problems).toEqual([
    "only 4 events were acked, not 5",
  ]);
  const repeated = { acked: 4, faults: 1, dupLog: 1 };
  expect(verdictOf({ ...facts, faults: 1, dupLog: 0, floor: repeated }).problems).toEqual([
    "the log holds 0 repeats, not 1",
  ]);
  expect(
    verdictOf({ ...facts, faults: 1, parked: 1, floor: { acked: 4, faults: 1 } }).problems,
  ).toEqual(["1 records were parked, not 0"]);
});
