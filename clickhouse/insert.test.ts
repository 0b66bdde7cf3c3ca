import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { ParkedRow } from "../schemas/parked.ts";
import type { Db } from "./engine.ts";
import { encodeRows, insertRows } from "./insert.ts";
import { migrate } from "./migrate.ts";
import { observationRow, openTestDb, someHour, traceRow } from "./testing.ts";

let db: Db;

beforeAll(async () => {
  db = await openTestDb();
  await migrate(db);
});

afterEach(async () => {
  for (const table of ["traces", "observations", "scores", "parked_records"]) {
    await db.exec(`TRUNCATE TABLE sluice.${table}`);
  }
});

afterAll(() => db.close());

/** Counts the inserts on their way to the engine. */
function counting(): { db: Db; inserts: Buffer[] } {
  const inserts: Buffer[] = [];
  const counted: Db = {
    ...db,
    insert(table, rows) {
      inserts.push(rows);
      return db.insert(table, rows);
    },
  };
  return { db: counted, inserts };
}

async function stored(table: string): Promise<number> {
  const rows = await db.query<{ n: string }>(`SELECT count() AS n FROM sluice.${table}`);
  return Number(rows[0]?.n);
}

test("rows are encoded one a line, in their order", async () => {
  const rows = Array.from({ length: 2500 }, (_, n) => ({ n, text: "line\nbreak" }));
  const lines = (await encodeRows(rows)).toString().split("\n");
  expect(lines.pop()).toBe("");
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(rows);
  expect(await encodeRows([])).toHaveLength(0);
});

test("encoding lets others run every few milliseconds, also when single rows are large", async () => {
  const small = Array.from({ length: 6000 }, (_, n) => observationRow({ id: `id-${n}` }));
  const large = Array.from({ length: 12 }, () => ({ text: "x\n".repeat(500_000) }));
  for (const rows of [small, large]) {
    let turns = 0;
    const watch = (): void => {
      turns++;
      timer = setImmediate(watch);
    };
    let timer = setImmediate(watch);
    await encodeRows(rows);
    clearImmediate(timer);
    expect(turns).toBeGreaterThanOrEqual(11);
  }
});

test("no rows make no insert", async () => {
  const { db: counted, inserts } = counting();
  await insertRows(counted, "traces", []);
  expect(inserts).toEqual([]);
});

test("rows of some months go in one insert, each in its partition", async () => {
  const { db: counted, inserts } = counting();
  const rows = [0, 40, 80, 0, 40].map((days, n) =>
    traceRow({ id: `id-${n}`, key_hour: someHour + days * 86_400 }),
  );
  await insertRows(counted, "traces", rows);
  expect(inserts).toHaveLength(1);
  const partitions = await db.query(
    "SELECT toYYYYMM(key_hour) AS month, count() AS n FROM sluice.traces GROUP BY month ORDER BY month",
  );
  expect(partitions).toEqual([
    { month: 202405, n: "2" },
    { month: 202406, n: "2" },
    { month: 202407, n: "1" },
  ]);
});

test("rows of more months than an insert may touch are split, and none is lost", async () => {
  const { db: counted, inserts } = counting();
  const months = Array.from({ length: 45 }, (_, n) => Date.UTC(1990, n) / 1000);
  const rows = [...months, ...months].map((hour, n) => traceRow({ id: `id-${n}`, key_hour: hour }));
  await insertRows(counted, "traces", rows);
  expect(await stored("traces")).toBe(90);
  expect(inserts).toHaveLength(3);
  for (const lines of inserts) {
    const touched = new Set(
      lines
        .toString()
        .trimEnd()
        .split("\n")
        .map((line) => (JSON.parse(line) as { key_hour: number }).key_hour),
    );
    expect(touched.size).toBeLessThanOrEqual(20);
  }
});

test("rows of more bytes than an insert may have are split, and none is lost", async () => {
  const { db: counted, inserts } = counting();
  const input = "x".repeat(3 * 1024 * 1024);
  const rows = Array.from({ length: 11 }, (_, n) => traceRow({ id: `id-${n}`, input }));
  await insertRows(counted, "traces", rows);
  expect(await stored("traces")).toBe(11);
  expect(inserts).toHaveLength(2);
  for (const lines of inserts) expect(lines.length).toBeLessThanOrEqual(32 * 1024 * 1024);
});

test("more rows than an insert may have are split, and none is lost", async () => {
  const { db: counted, inserts } = counting();
  const rows = Array.from({ length: 10_001 }, (_, n) => traceRow({ id: `id-${n}` }));
  await insertRows(counted, "traces", rows);
  expect(await stored("traces")).toBe(10_001);
  expect(inserts).toHaveLength(2);
});

test("a row that can never be stored refuses its insert whole, as a fault of the data", async () => {
  const bad = observationRow({ id: "bad", usage_details: { input: -1 } });
  const rows = [observationRow({ id: "a" }), bad, observationRow({ id: "b" })];
  await expect(insertRows(db, "observations", rows)).rejects.toMatchObject({
    name: "DbError",
    kind: "data",
    code: 72,
  });
  expect(await stored("observations")).toBe(0);
});

test("a parked record is stored whole, and once however often it is parked", async () => {
  const row: ParkedRow = {
    project_id: "project-1",
    partition: 3,
    ver: "281474976710657",
    received_at: someHour * 1000 + 5,
    parked_at: someHour * 1000 + 6,
    reason: "refused",
    detail: "it's \\ \0",
    record: Buffer.from([0, 1, 255]).toString("base64"),
    redriven_at: 0,
  };
  await insertRows(db, "parked_records", [row]);
  const again: ParkedRow = { ...row, parked_at: row.parked_at + 1 };
  await insertRows(db, "parked_records", [again]);
  const rows = await db.query(
    `SELECT project_id, partition, ver, toUnixTimestamp64Milli(p.received_at) AS received_at,
       toUnixTimestamp64Milli(p.parked_at) AS parked_at, reason, detail, record,
       toFloat64(toUnixTimestamp64Milli(p.redriven_at)) AS redriven_at
     FROM sluice.parked_records AS p FINAL`,
  );
  expect(rows).toEqual([
    { ...row, received_at: String(row.received_at), parked_at: String(again.parked_at) },
  ]);
});
