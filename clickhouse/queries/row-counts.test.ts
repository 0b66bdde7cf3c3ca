import { afterAll, beforeAll, expect, test } from "vitest";

import type { Db } from "../engine.ts";
import { insertRows } from "../insert.ts";
import { migrate } from "../migrate.ts";
import { openTestDb, someHour, traceRow } from "../testing.ts";
import { equals, whereOf, type ProjectReader } from "./conditions.ts";
import { freshCounts, rowCounts, type Counted } from "./row-counts.ts";

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

function allTraces(reader: ProjectReader): Counted {
  return { table: "traces", where: whereOf(reader, []) };
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
    const all = allTraces(reader);
    expect({ step, total: await reader.counts.total(reader, all) }).toEqual({ step, total });
    expect({ step, total: await freshCounts().total(reader, all) }).toEqual({ step, total });
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
  expect(await reader.counts.total(reader, allTraces(reader))).toBe(5_000);

  await insertRows(db, "traces", [traceRow({ ...row, id: "new", key_hour: someHour + 7200 })]);
  rowsRead = 0;
  expect(await reader.counts.total(reader, allTraces(reader))).toBe(5_001);
  expect(rowsRead).toBeLessThan(1_000);
});

test("who asks after an insert is told of it, also while others ask", async () => {
  const reader = readerOf("busy");
  const asked: Promise<number>[] = [];
  for (let n = 1; n <= 5; n += 1) {
    await insertRows(db, "traces", [traceRow({ project_id: "busy", id: `t${n}` })]);
    asked.push(reader.counts.total(reader, allTraces(reader)));
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
  await expect(reader.counts.total(poor, allTraces(poor))).rejects.toMatchObject({
    kind: "budget",
  });
  expect(await reader.counts.total(reader, allTraces(reader))).toBe(2);
});

test("a total of those that match stays exact when an update makes a row match, or match no more", async () => {
  const project_id = "matching";
  const reader = readerOf(project_id);
  const ofAnn: Counted = { table: "traces", where: whereOf(reader, [equals("user_id", "ann")]) };
  const row = (id: string, ver: number, user_id: string, more = {}) =>
    traceRow({ project_id, id, ver: String(ver), user_id, ...more });
  const steps: readonly (readonly [string, number, ReturnType<typeof row>[]])[] = [
    ["none at all", 0, []],
    ["none of hers", 0, [row("a", 1, "bob")]],
    ["one of hers", 1, [row("b", 2, "ann"), row("c", 2, "bob", { key_hour: someHour + 3600 })]],
    ["another becomes hers", 2, [row("a", 3, "ann")]],
    ["hers becomes another's", 1, [row("b", 4, "bob")]],
    ["an older version", 1, [row("b", 3, "ann")]],
    ["a delete", 0, [row("a", 5, "ann", { is_deleted: 1 })]],
    ["in another hour", 1, [row("c", 5, "ann", { key_hour: someHour + 3600 })]],
  ];
  for (const [step, total, rows] of steps) {
    if (rows.length > 0) await insertRows(db, "traces", rows);
    expect({ step, total: await reader.counts.total(reader, ofAnn) }).toEqual({ step, total });
  }
  const ofBob: Counted = { table: "traces", where: whereOf(reader, [equals("user_id", "bob")]) };
  expect([reader.counts.has(ofAnn), reader.counts.has(ofBob)]).toEqual([true, false]);
  expect(await reader.counts.total(reader, ofBob)).toBe(1);
});

test("the hour of the newest rows is the latest from which on there are as many", async () => {
  const project_id = "hours";
  const reader = readerOf(project_id);
  const all = allTraces(reader);
  expect(reader.counts.hourOfNewest(all, 1)).toBeUndefined();
  await insertRows(
    db,
    "traces",
    [0, 2, 2, 5].map((hours, n) =>
      traceRow({ project_id, id: `t-${n}`, key_hour: someHour + hours * 3600 }),
    ),
  );
  expect(await reader.counts.total(reader, all)).toBe(4);
  const hoursOf = [1, 2, 3, 4].map((rows) => reader.counts.hourOfNewest(all, rows));
  expect(hoursOf).toEqual([5, 2, 2, 0].map((hours) => (someHour + hours * 3600) * 1000));
  expect(reader.counts.hourOfNewest(all, 5)).toBeUndefined();
});
