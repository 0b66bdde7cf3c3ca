import { afterAll, beforeAll, expect, test } from "vitest";

import type { Db } from "../engine.ts";
import { insertRows } from "../insert.ts";
import { migrate } from "../migrate.ts";
import { openTestDb, someHour, traceRow } from "../testing.ts";
import type { ProjectReader } from "./conditions.ts";
import { rowCounts } from "./row-counts.ts";

let db: Db;

beforeAll(async () => {
  db = await openTestDb();
  await migrate(db);
});
afterAll(() => db.close());

function readerOf(project: string, onRowsRead: (rows: number) => void = () => {}): ProjectReader {
  return { db, counts: rowCounts(), project, budget: { onRowsRead }, now: someHour * 1000 };
}

async function stored(project: string): Promise<number> {
  const rows = await db.query<{ total: string }>(
    "SELECT count() AS total FROM sluice.traces FINAL WHERE project_id = {project:String}",
    { project },
  );
  return Number(rows[0]?.total);
}

const monthS = 31 * 86_400;

test("a total stays exact over inserts, updates, deletes, moves to another month, other projects and merges", async () => {
  const project_id = "steps";
  const row = (id: string, ver: number, more = {}) =>
    traceRow({ project_id, id, ver: String(ver), ...more });
  const steps: readonly (readonly [string, number, () => Promise<void>])[] = [
    ["nothing", 0, async () => {}],
    ["two rows", 2, () => insertRows(db, "traces", [row("a", 1), row("b", 2)])],
    ["nothing new", 2, async () => {}],
    ["an update", 2, () => insertRows(db, "traces", [row("a", 3)])],
    ["an older version", 2, () => insertRows(db, "traces", [row("b", 1)])],
    [
      "another hour",
      3,
      () => insertRows(db, "traces", [row("c", 4, { key_hour: someHour + 3600 })]),
    ],
    [
      "a move to another month",
      3,
      () =>
        insertRows(db, "traces", [
          row("c", 5, { key_hour: someHour + monthS }),
          row("c", 5, { key_hour: someHour + 3600, is_deleted: 1 }),
        ]),
    ],
    [
      "another project",
      3,
      () => insertRows(db, "traces", [row("z", 6, { project_id: "steps of another" })]),
    ],
    ["a merge", 3, () => db.exec("OPTIMIZE TABLE sluice.traces FINAL")],
    ["a delete", 2, () => insertRows(db, "traces", [row("a", 7, { is_deleted: 1 })])],
    ["a new row after the merge", 3, () => insertRows(db, "traces", [row("d", 8)])],
    ["a merge of both", 3, () => db.exec("OPTIMIZE TABLE sluice.traces FINAL")],
    [
      "all gone",
      0,
      () =>
        insertRows(db, "traces", [
          row("b", 9, { is_deleted: 1 }),
          row("c", 9, { key_hour: someHour + monthS, is_deleted: 1 }),
          row("d", 9, { is_deleted: 1 }),
        ]),
    ],
  ];
  const reader = readerOf(project_id);
  for (const [step, total, work] of steps) {
    await work();
    expect({ step, total: await stored(project_id) }).toEqual({ step, total });
    expect({ step, total: await reader.counts.total(reader, "traces") }).toEqual({ step, total });
  }
});

test("only the hours that changed are counted again", async () => {
  let rowsRead = 0;
  const reader = readerOf("large", (rows) => {
    rowsRead += rows;
  });
  const row = { project_id: "large" };
  const many = Array.from({ length: 5_000 }, (_, n) => traceRow({ ...row, id: `old ${n}` }));
  await insertRows(db, "traces", many);
  expect(await reader.counts.total(reader, "traces")).toBe(5_000);

  await insertRows(db, "traces", [traceRow({ ...row, id: "new", key_hour: someHour + 7200 })]);
  rowsRead = 0;
  expect(await reader.counts.total(reader, "traces")).toBe(5_001);
  expect(rowsRead).toBeLessThan(1_000);
});

test("who asks after an insert is told of it, also while others ask", async () => {
  const reader = readerOf("busy");
  const asked: Promise<number>[] = [];
  for (let n = 1; n <= 5; n += 1) {
    await insertRows(db, "traces", [traceRow({ project_id: "busy", id: `t${n}` })]);
    asked.push(reader.counts.total(reader, "traces"));
  }
  const totals = await Promise.all(asked);
  for (const [index, total] of totals.entries()) expect(total).toBeGreaterThan(index);
});

test("a count that fails leaves the next one right", async () => {
  const reader = readerOf("refused");
  await insertRows(db, "traces", [
    traceRow({ project_id: "refused", id: "a" }),
    traceRow({ project_id: "refused", id: "b" }),
  ]);
  const poor = { ...reader, budget: { rowsToRead: 1 } };
  await expect(reader.counts.total(poor, "traces")).rejects.toMatchObject({ kind: "budget" });
  expect(await reader.counts.total(reader, "traces")).toBe(2);
});
