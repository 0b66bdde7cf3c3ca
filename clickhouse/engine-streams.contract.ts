import { expect, test } from "vitest";
import type { Db } from "./engine.ts";
import { hostileTexts } from "./testing.ts";

/** What every implementation of the port guarantees of its streams. */
export function testStreams(current: () => Db): void {
  testRows(current);
  testEnds(current);
}

/** All rows of a stream. */
export async function collect<Row>(rows: AsyncIterable<Row>): Promise<Row[]> {
  const all: Row[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

function testRows(current: () => Db): void {
  test("a stream yields every row once and in order, over many blocks", async () => {
    const sql = "SELECT number AS n FROM numbers(30000)";
    const rows = await collect(current().stream<{ n: string }>(sql));
    expect(rows).toHaveLength(30_000);
    expect(rows.every(({ n }, index) => Number(n) === index)).toBe(true);
  });

  test("a stream of no rows ends at once", async () => {
    expect(await collect(current().stream("SELECT 1 AS one WHERE 0"))).toEqual([]);
  });

  test("texts come through a stream, as parameters and as rows", async () => {
    for (const text of hostileTexts) {
      const rows = await collect(
        current().stream("SELECT {text:String} AS a, {texts:Array(String)} AS b FROM numbers(2)", {
          text,
          texts: [text],
        }),
      );
      const row = { a: text, b: [text] };
      expect(rows).toEqual([row, row]);
    }
  });

  test("a stream lacks no value that another one had", async () => {
    await collect(current().stream("SELECT {secret:String}", { secret: "x" }));
    await expect(collect(current().stream("SELECT {secret:String}"))).rejects.toThrow(/\{secret\}/);
  });
}

function testEnds(current: () => Db): void {
  test("a stream is bounded in memory", async () => {
    const rows = current().stream("SELECT groupArray(number) AS n FROM numbers(1e8)");
    await expect(collect(rows)).rejects.toMatchObject({ kind: "budget", code: 241 });
  });

  test("a failure after the first rows reaches the consumer", async () => {
    const seen: unknown[] = [];
    const reading = (async () => {
      for await (const row of current().stream(
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
    // What asks is counted too.
    const asked = "SELECT count() AS n FROM system.processes WHERE query LIKE '%(0.00001)%'";
    const running = (): Promise<unknown[]> => current().query(asked);
    for await (const row of current().stream(sql)) {
      expect(row).toEqual({ n: "0" });
      expect(await running()).toEqual([{ n: "2" }]);
      break;
    }
    const failing = (async () => {
      for await (const _ of current().stream(sql)) throw new Error("consumer");
    })();
    await expect(failing).rejects.toThrow("consumer");
    await expect.poll(running).toEqual([{ n: "1" }]);
  });
}
