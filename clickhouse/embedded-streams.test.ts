import { afterAll, beforeAll, expect, test } from "vitest";
import type { Db } from "./engine.ts";
import { hostileTexts, openTestDb } from "./testing.ts";

let db: Db;

beforeAll(async () => {
  db = await openTestDb({ readDefaults: { timeMs: 100, memoryBytes: 200_000_000 } });
});

afterAll(() => db.close());

/** For reads beside the streams: what they may take by default here is as good as no time on a busy machine. */
const patient = { timeMs: 60_000 };

async function collect<Row>(rows: AsyncIterable<Row>): Promise<Row[]> {
  const all: Row[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

async function running(): Promise<number> {
  const rows = await db.query<{ n: string }>(
    "SELECT count() AS n FROM system.processes",
    {},
    patient,
  );
  return Number(rows[0]?.n);
}

test("a stream yields every row once and in order, over many blocks", async () => {
  let expected = 0;
  for await (const row of db.stream<{ n: string }>("SELECT number AS n FROM numbers(30000)")) {
    expect(Number(row.n)).toBe(expected++);
  }
  expect(expected).toBe(30_000);
});

test("a stream of no rows ends at once", async () => {
  expect(await collect(db.stream("SELECT 1 AS one WHERE 0"))).toEqual([]);
});

test("texts come through a stream, as parameters and as rows", async () => {
  for (const text of hostileTexts) {
    const rows = await collect(
      db.stream("SELECT {text:String} AS a, {texts:Array(String)} AS b FROM numbers(2)", {
        text,
        texts: [text],
      }),
    );
    const row = { a: text, b: [text] };
    expect(rows).toEqual([row, row]);
  }
});

test("a stream lacks no value that another one had", async () => {
  await collect(db.stream("SELECT {secret:String}", { secret: "x" }));
  await expect(collect(db.stream("SELECT {secret:String}"))).rejects.toThrow(/\{secret\}/);
});

test("a stream lasts longer than the time of a read", async () => {
  const rows = await collect(db.stream("SELECT sleepEachRow(0.05) AS z FROM numbers(10)"));
  expect(rows).toHaveLength(10);
});

test("a stream is bounded in memory", async () => {
  const rows = db.stream("SELECT groupArray(number) AS n FROM numbers(1e8)");
  await expect(collect(rows)).rejects.toMatchObject({ kind: "budget", code: 241 });
});

test("a failure after the first rows reaches the consumer", async () => {
  const seen: unknown[] = [];
  const reading = (async () => {
    for await (const row of db.stream(
      "SELECT throwIf(number = 20000) AS t FROM numbers(30000) SETTINGS max_threads = 1",
    )) {
      seen.push(row);
    }
  })();
  await expect(reading).rejects.toMatchObject({ name: "DbError", code: 395 });
  expect(seen.length).toBeGreaterThan(0);
});

test("a consumer that stops, or throws, stops the statement", async () => {
  const sql = "SELECT number AS n FROM numbers(1e15) WHERE sleepEachRow(0.00001) = 0";
  for await (const row of db.stream(sql)) {
    expect(row).toEqual({ n: "0" });
    expect(await running()).toBe(2);
    break;
  }
  const failing = (async () => {
    for await (const _ of db.stream(sql)) throw new Error("consumer");
  })();
  await expect(failing).rejects.toThrow("consumer");
  expect(await running()).toBe(1);
});

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
