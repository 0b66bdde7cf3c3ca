import { afterAll, beforeAll, expect, test } from "vitest";
import type { Db } from "./engine.ts";
import { collect } from "./engine-streams.contract.ts";
import { openTestDb } from "./testing.ts";

let db: Db;

beforeAll(async () => {
  db = await openTestDb({ readDefaults: { timeMs: 100, memoryBytes: 200_000_000 } });
});

afterAll(() => db.close());

/** For reads beside the streams: what they may take by default here is as good as no time on a busy machine. */
const patient = { timeMs: 60_000 };

test("streams beyond the fourth are refused until one ends, and hold up no read", async () => {
  const sql = "SELECT number AS n FROM numbers(100000)";
  const open = Array.from({ length: 4 }, () => db.stream(sql)[Symbol.asyncIterator]());
  for (const stream of open) expect(await stream.next()).toMatchObject({ done: false });
  await expect(collect(db.stream(sql))).rejects.toMatchObject({ kind: "transient", code: 202 });
  expect(await db.query("SELECT 1 AS one", {}, patient)).toEqual([{ one: 1 }]);
  await open[0]?.return?.();
  expect(await collect(db.stream("SELECT 2 AS two"))).toEqual([{ two: 2 }]);
  for (const stream of open) await stream.return?.();
});

test("a stream lasts longer than the time of a read", async () => {
  const rows = await collect(db.stream("SELECT sleepEachRow(0.05) AS z FROM numbers(10)"));
  expect(rows).toHaveLength(10);
});
