import { stat } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Db } from "./engine.ts";
import { contractDefaults, describeEngine } from "./engine.contract.ts";
import { openTestDb } from "./testing.ts";

describeEngine("embedded", () => openTestDb({ readDefaults: contractDefaults }));

describe("the embedded engine", () => {
  let db: Db;

  beforeAll(async () => {
    db = await openTestDb();
    await db.exec("CREATE TABLE default.t (n UInt64, s String) ENGINE = MergeTree ORDER BY n");
  });

  afterAll(() => db.close());

  test("an insert does not queue behind reads, nor a read behind reads of other sessions", async () => {
    const slow = startEndlessReads(2);
    // What asks is counted too.
    const running = "SELECT count() AS n FROM system.processes WHERE query LIKE '%sleepEachRow(%'";
    await expect.poll(() => db.query(running)).toEqual([{ n: "3" }]);
    await db.insert("default.t", Buffer.from('{"n":9}\n'));
    expect(await db.query("SELECT 1 AS one")).toEqual([{ one: 1 }]);
    expect(slow.ended()).toBe(0);
    await slow.kill();
    await db.exec("TRUNCATE TABLE default.t");
  });

  test("reads that wait leave libuv's threads to others", async () => {
    const slow = startEndlessReads(12);
    await stat(import.meta.dirname);
    expect(slow.ended()).toBe(0);
    await slow.kill();
  });

  /** Reads that last until they are killed. */
  function startEndlessReads(count: number) {
    let ended = 0;
    for (let n = 0; n < count; n++) {
      const endless = db.query(
        "SELECT sleepEachRow(0.02) FROM numbers(1e6) SETTINGS max_block_size = 1",
        {},
        { timeMs: 600_000 },
      );
      void endless.catch(() => ended++);
    }
    return {
      ended: () => ended,
      /** Resolves when all have ended, also those that waited for a session. */
      async kill(): Promise<void> {
        const statement = "KILL QUERY WHERE query LIKE 'SELECT sleepEachRow(%'";
        await expect.poll(() => db.exec(statement).then(() => ended)).toBe(count);
      },
    };
  }
});
