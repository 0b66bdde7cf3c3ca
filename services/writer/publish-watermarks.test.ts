import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { DbError } from "../../clickhouse/engine.ts";
import type { Db } from "../../clickhouse/engine.ts";
import { migrate } from "../../clickhouse/migrate.ts";
import { openTestDb } from "../../clickhouse/testing.ts";
import { publishedWatermarks } from "../../clickhouse/watermarks.ts";
import { gate, until } from "../runtime/event-log/testing.ts";
import { recordingLogger } from "../runtime/http/testing.ts";
import { publishWatermarks } from "./publish-watermarks.ts";

let db: Db;
/** Each test has a generation of its own in the one table. */
let generation = 0;
let lag = 0n;
let inserts = 0;
/** What an insert awaits first, and fails with where it rejects. */
let obstacle: () => Promise<void>;

beforeAll(async () => {
  db = await openTestDb();
  await migrate(db);
});

beforeEach(() => {
  generation++;
  lag = 0n;
  inserts = 0;
  obstacle = async () => {};
});

afterAll(() => db.close());

const health = () => ({ writable: true, reason: null, bytes: 0, lag });

function publisher(log = recordingLogger().log) {
  const watched: Db = {
    ...db,
    async insert(table, rows) {
      inserts++;
      await obstacle();
      await db.insert(table, rows);
    },
  };
  return publishWatermarks(watched, { generation, health }, log);
}

async function published(): Promise<Record<string, bigint>> {
  return Object.fromEntries(await publishedWatermarks(db, generation));
}

test("what the writer has stored is published, partition by partition, without its waiting", async () => {
  const own = publisher();
  own.advance(0, 5n);
  own.advance(3, 7n);
  await expect.poll(published).toEqual({ 0: 5n, 3: 7n });
  own.advance(0, 6n);
  await expect.poll(published).toEqual({ 0: 6n, 3: 7n });
  await own.close();
});

test("what comes while an insert is under way goes together into the next", async () => {
  const { opened, open } = gate();
  obstacle = () => opened;
  const own = publisher();
  own.advance(0, 1n);
  await until(() => inserts === 1);
  for (let next = 2n; next <= 100n; next++) own.advance(0, next);
  own.advance(1, 9n);
  open();
  await expect.poll(published).toEqual({ 0: 100n, 1: 9n });
  expect(inserts).toBe(2);
  await own.close();
  expect(inserts).toBe(2);
});

test("closing publishes what is not published yet", async () => {
  lag = 1000n;
  const own = publisher();
  for (let next = 1n; next <= 50n; next++) own.advance(0, next);
  await own.close();
  expect(await published()).toEqual({ 0: 50n });
});

test("what the database refuses is tried again, with what is newer, and told once", async () => {
  obstacle = () => Promise.reject(new DbError("transient", 242, "read-only"));
  const { log, lines } = recordingLogger();
  const own = publisher(log);
  own.advance(0, 5n);
  own.advance(1, 2n);
  await until(() => inserts >= 2);
  own.advance(0, 6n);
  await until(() => inserts >= 3);
  obstacle = async () => {};
  await expect.poll(published).toEqual({ 0: 6n, 1: 2n });
  await own.close();
  expect(lines).toHaveLength(1);
});

test("closing does not wait for a database that refuses", async () => {
  obstacle = () => Promise.reject(new DbError("transient", 0, "down"));
  const own = publisher();
  own.advance(0, 5n);
  await own.close();
  expect(await published()).toEqual({});
});
