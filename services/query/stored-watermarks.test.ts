import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";

import type { Db } from "../../clickhouse/engine.ts";
import { migrate } from "../../clickhouse/migrate.ts";
import { openTestDb } from "../../clickhouse/testing.ts";
import { insertWatermarks } from "../../clickhouse/watermarks.ts";
import type { Position } from "../../schemas/position.ts";
import { createMemoryTopic, openMemoryLog } from "../runtime/event-log/memory-log.ts";
import type { EventLog } from "../runtime/event-log/port.ts";
import { numbered, until } from "../runtime/event-log/testing.ts";
import { storedWatermarks } from "./stored-watermarks.ts";

/** Longer than any test: a wait that ends earlier was ended by what was published. */
const longMs = 60_000;

let db: Db;
let log: EventLog;
/** Each test has a generation of its own in the one table. */
let generation = 0;
let reads = 0;
let isDown = false;

/** The database as the watermarks see it: its reads are counted, and fail when the test says so. */
const watched: Pick<Db, "query"> = {
  query(sql, params, budget) {
    reads++;
    return isDown ? Promise.reject(new Error("down")) : db.query(sql, params, budget);
  },
};

beforeAll(async () => {
  db = await openTestDb();
  await migrate(db);
});

beforeEach(async () => {
  generation++;
  log = await openMemoryLog({ partitions: 2, topic: createMemoryTopic(2, generation) });
  // The keys fall into both partitions: ten entries and more in each.
  await log.append(numbered(0, 40));
  reads = 0;
  isDown = false;
});

afterAll(() => db.close());

const marks = () => storedWatermarks({ ...db, ...watched }, log);

function at(...offsets: readonly (readonly [partition: number, offset: bigint])[]): Position {
  return { generation, offsets: new Map(offsets) };
}

function publish(...next: readonly (readonly [partition: number, next: bigint])[]): Promise<void> {
  return insertWatermarks(db, generation, new Map(next));
}

test("a position is reached once what was published passes it, in every partition that it names", async () => {
  const position = at([0, 4n], [1, 2n]);
  expect(await marks().reached(position, 0)).toEqual({ status: "behind", records: 8n });
  await publish([0, 5n]);
  expect(await marks().reached(position, 0)).toEqual({ status: "behind", records: 3n });
  await publish([1, 3n]);
  expect(await marks().reached(position, 0)).toEqual({ status: "reached" });
});

test("who waits is woken by what is published meanwhile", async () => {
  const position = at([0, 9n], [1, 4n]);
  const waiting = Promise.all([
    marks().reached(position, longMs),
    marks().reached(at([0, 3n]), longMs),
  ]);
  await publish([0, 10n]);
  await publish([1, 5n]);
  expect(await waiting).toEqual([{ status: "reached" }, { status: "reached" }]);
});

test("a wait ends when its time is over, and says how much is missing then", async () => {
  await publish([0, 4n]);
  expect(await marks().reached(at([0, 9n]), 50)).toEqual({ status: "behind", records: 6n });
});

test("a writer that lags behind another, or repeats itself, takes nothing back", async () => {
  await publish([0, 9n]);
  await publish([0, 4n]);
  await publish([0, 9n]);
  expect(await marks().reached(at([0, 8n]), 0)).toEqual({ status: "reached" });
});

test("what another generation of the log has stored says nothing of this one", async () => {
  await publish([0, 40n], [1, 40n]);
  const before = at([0, 0n]);
  generation++;
  log = await openMemoryLog({ partitions: 2, topic: createMemoryTopic(2, generation) });
  await log.append(numbered(0, 40));
  expect(await marks().reached(at([0, 0n]), 0)).toEqual({ status: "behind", records: 1n });
  expect(await marks().reached(before, longMs)).toMatchObject({ status: "unknown" });
});

test("pending names the ends of the partitions that are not stored, and is null when all are", async () => {
  const ends = await log.ends();
  const [first = 0n, second = 0n] = [ends.get(0), ends.get(1)];
  expect(await marks().pending()).toEqual(at([0, first - 1n], [1, second - 1n]));
  await publish([0, first]);
  expect(await marks().pending()).toEqual(at([1, second - 1n]));
  await publish([1, second]);
  expect(await marks().pending()).toBeNull();
});

test("the table is read again and again only while somebody waits, and once for all who do", async () => {
  const own = marks();
  const waiting = Array.from({ length: 20 }, () => own.reached(at([0, 9n]), longMs));
  await until(() => reads > 3);
  const polled = reads;
  await publish([0, 10n]);
  for (const progress of await Promise.all(waiting))
    expect(progress).toEqual({ status: "reached" });
  expect(polled).toBeLessThan(20);
  const after = reads;
  // A poll that went on would come to its next read before this has read three times.
  for (let n = 0; n < 3; n++) {
    await new Promise((resolve) => setTimeout(resolve, 75));
    await db.query("SELECT 1");
  }
  expect(reads).toBe(after);
});

test("while the database is away, a wait goes on until it is back; a look fails", async () => {
  const own = marks();
  const waiting = own.reached(at([0, 9n]), longMs);
  await until(() => reads > 1);
  isDown = true;
  const before = reads;
  await until(() => reads > before + 1);
  await expect(own.pending()).rejects.toThrow("down");
  isDown = false;
  onTestFinished(() => {
    isDown = false;
  });
  await publish([0, 10n]);
  expect(await waiting).toEqual({ status: "reached" });
});
