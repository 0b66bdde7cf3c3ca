import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DbError } from "./engine.ts";
import type { Db, Param, Params } from "./engine.ts";
import { testStreams } from "./engine-streams.contract.ts";
import { hostileTexts } from "./testing.ts";

/** How the engine under test is to be opened. */
export const contractDefaults = { timeMs: 60_000, memoryBytes: 512 * 1024 ** 2 } as const;

/** The engine under test, and that which `db` stands for in the tests. */
let db: Db;

/** What every implementation of the port guarantees. `open` gives an empty engine with {@link contractDefaults}. */
export function describeEngine(name: string, open: () => Promise<Db>): void {
  describe(`engine: ${name}`, () => {
    beforeAll(async () => {
      db = await open();
      await db.exec("CREATE TABLE default.t (n UInt64, s String) ENGINE = MergeTree ORDER BY n");
    });
    afterAll(() => db.close());
    testParameters();
    testBinding();
    testAnswers();
    testBudgets();
    testRefusals();
    testInserts();
    testBadInserts();
    testStreams(() => db);
  });
}

async function read<Value>(expression: string, params: Params): Promise<Value | undefined> {
  const rows = await db.query<{ value: Value }>(`SELECT ${expression} AS value`, params);
  expect(rows).toHaveLength(1);
  return rows[0]?.value;
}

function testParameters(): void {
  test("every text comes through a parameter as it went in", async () => {
    for (const text of hostileTexts) {
      const both = { text, also: text };
      expect(await read("[{text:String}, {also:Nullable(String)}]", both)).toEqual([text, text]);
    }
  });

  test("every text comes through an array parameter as it went in", async () => {
    const texts = [...hostileTexts];
    expect(await read("{texts:Array(String)}", { texts })).toEqual(texts);
    for (const text of hostileTexts) {
      expect(await read("{texts:Array(String)}", { texts: [text, text] })).toEqual([text, text]);
    }
  });

  test("any text, alone or in an array, comes through a parameter as it went in", async () => {
    const anyText = fc.string({ unit: "binary", maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(anyText, fc.array(anyText, { maxLength: 40 }), async (text, texts) => {
        const [row] = await db.query(
          "SELECT {text:String} AS text, {texts:Array(String)} AS texts",
          {
            text,
            texts,
          },
        );
        expect(row).toEqual({ text, texts });
      }),
      { numRuns: 25 },
    );
  });

  test("numbers, truths, nulls and empty arrays come through parameters", async () => {
    const cases: readonly [type: string, value: Param, back: unknown][] = [
      ["UInt8", 7, 7],
      ["Int64", -9007199254740991, "-9007199254740991"],
      ["UInt64", 18446744073709551615n, "18446744073709551615"],
      ["Int64", "-9223372036854775808", "-9223372036854775808"],
      ["Decimal(38, 12)", "12345678901234567890.123456789012", "12345678901234567890.123456789012"],
      ["Float64", 0.1, 0.1],
      ["Float64", -1e300, -1e300],
      ["Bool", true, true],
      ["Bool", false, false],
      ["Nullable(String)", null, null],
      ["Nullable(UInt32)", null, null],
      ["DateTime64(3)", "2024-05-06 07:08:09.123", "2024-05-06 07:08:09.123"],
      ["Array(String)", [], []],
      ["Array(UInt32)", [1, 2, 4294967295], [1, 2, 4294967295]],
      ["Array(Float64)", [0.5, -2], [0.5, -2]],
    ];
    for (const [type, value, back] of cases) {
      const result = { type, value: await read(`{value:${type}}`, { value }) };
      expect(result).toEqual({ type, value: back });
    }
  });

  test("a value cannot start a statement of its own", async () => {
    await db.insert("default.t", Buffer.from('{"n":1,"s":"kept"}\n'));
    for (const text of hostileTexts) {
      await db.query(
        "SELECT n FROM default.t WHERE s = {text:String} OR s IN {texts:Array(String)}",
        { text, texts: [text] },
      );
    }
    expect(await db.query("SELECT n, s FROM default.t")).toEqual([{ n: "1", s: "kept" }]);
    await db.exec("TRUNCATE TABLE default.t");
  });
}

function testBinding(): void {
  test("a number that is none is refused before the engine sees it", async () => {
    await expect(read("{value:Float64}", { value: Number.NaN })).rejects.toThrow(/finite/);
    await expect(read("{value:Array(Float64)}", { value: [Infinity] })).rejects.toThrow(/finite/);
  });

  test("a placeholder without a value is refused, also when an earlier read gave one of that name", async () => {
    for (let repeat = 0; repeat < 6; repeat++) await read("{secret:String}", { secret: "other's" });
    for (let repeat = 0; repeat < 6; repeat++) {
      await expect(db.query("SELECT {secret:String} AS value")).rejects.toThrow(/\{secret\}/);
      await expect(db.query("SELECT { secret : String } AS value", { other: "" })).rejects.toThrow(
        /\{secret\}/,
      );
    }
  });

  test("a parameter inherited from a prototype is none", async () => {
    await expect(read("{constructor:String}", {})).rejects.toThrow(/\{constructor\}/);
    await expect(read("{secret:String}", Object.create({ secret: "x" }))).rejects.toThrow(/secret/);
  });

  test("reads at the same time never mix their parameters", async () => {
    const reads = Array.from({ length: 200 }, async (_, number) => {
      const text = `${number} ${hostileTexts[number % hostileTexts.length]?.slice(0, 300)}`;
      const [row] = await db.query<{ text: string; number: string; other: string }>(
        `SELECT {text:String} AS text, {number:UInt64} AS number, {texts:Array(String)}[1] AS other
         ${number % 3 === 0 ? "FROM numbers(1) WHERE sleepEachRow(0.002) = 0" : ""}`,
        { text, number, texts: [text] },
      );
      expect(row).toEqual({ text, number: String(number), other: text });
    });
    await Promise.all(reads);
  });
}

function testAnswers(): void {
  test("64-bit integers and decimals are texts, times are printed, also within maps and arrays", async () => {
    const [row] = await db.query(`SELECT
      toUInt64('18446744073709551615') AS u, toInt64(-1) AS i, toDecimal128('0.100000000000', 12) AS d,
      map('a', toDecimal128('1.5', 12)) AS ds, [toUInt64(1)] AS us, toUInt32(1) AS small, 0.5 AS f, true AS b,
      toDateTime64('2024-05-06 07:08:09.123', 3, 'UTC') AS t, 'a/b' AS s, CAST(NULL, 'Nullable(UInt64)') AS nothing`);
    expect(row).toEqual({
      u: "18446744073709551615",
      i: "-1",
      d: "0.1",
      ds: { a: "1.5" },
      us: ["1"],
      small: 1,
      f: 0.5,
      b: true,
      t: "2024-05-06 07:08:09.123",
      s: "a/b",
      nothing: null,
    });
  });

  test("no rows are an empty list", async () => {
    expect(await db.query("SELECT 1 AS one WHERE 0")).toEqual([]);
  });

  test("a key named __proto__ stays a key of its own", async () => {
    const [row] = await db.query<{ m: Record<string, string> }>(
      "SELECT map('__proto__', 'x') AS m",
    );
    expect(Object.entries(row?.m ?? {})).toEqual([["__proto__", "x"]]);
  });

  test("a page knows how many rows there are without its limit, also past the end and with none", async () => {
    const asked =
      "SELECT number AS n FROM numbers(1000) WHERE number % 2 = {odd:UInt8} ORDER BY n DESC";
    const page = async (limit: string, odd = 1) => {
      const { rows, total } = await db.page<{ n: string }>(`${asked} LIMIT ${limit}`, { odd });
      return { first: rows[0]?.n, length: rows.length, total };
    };
    expect(await page("3")).toEqual({ first: "999", length: 3, total: 500 });
    expect(await page("3 OFFSET 499")).toEqual({ first: "1", length: 1, total: 500 });
    expect(await page("3 OFFSET 600")).toEqual({ first: undefined, length: 0, total: 500 });
    expect(await page("3", 2)).toEqual({ first: undefined, length: 0, total: 0 });
  });

  test("a read tells how many rows it looked at", async () => {
    const counts: number[] = [];
    const onRowsRead = (rows: number) => void counts.push(rows);
    await db.query("SELECT max(number) AS n FROM numbers(1234)", {}, { onRowsRead });
    await db.page("SELECT number FROM numbers(10) ORDER BY number LIMIT 2", {}, { onRowsRead });
    expect(counts).toEqual([1234, 10]);
  });
}

function testBudgets(): void {
  test("a read over its time, memory or rows fails as over budget", async () => {
    const cases = [
      ["SELECT count() FROM numbers(1e12) WHERE number % 7 = 9", { timeMs: 100 }, 159],
      ["SELECT length(groupArray(number)) FROM numbers(1e8)", { memoryBytes: 10_000_000 }, 241],
      ["SELECT count() FROM numbers(1e6) WHERE number > 5", { rowsToRead: 1000 }, 158],
      ["SELECT repeat('x', 900000 + number) FROM numbers(200)", {}, 396],
    ] as const;
    for (const [sql, budget, code] of cases) {
      const error = await db.query(sql, {}, budget).catch((refusal: unknown) => refusal);
      expect(error).toBeInstanceOf(DbError);
      expect({ sql, error }).toMatchObject({ sql, error: { kind: "budget", code } });
    }
  });

  test("rows that a failing read had found never reach the next one", async () => {
    const failing = `SELECT number, 'of another project' AS secret, throwIf(number = 200000) FROM numbers(300000)`;
    const endless = `SELECT number, 'of another project' AS secret FROM numbers(1e12)`;
    for (let repeat = 0; repeat < 3; repeat++) {
      await expect(db.query(failing)).rejects.toMatchObject({ code: 395 });
      await expect(db.query(endless, {}, { timeMs: 30 })).rejects.toMatchObject({ code: 159 });
      const next = Array.from({ length: 6 }, () => db.query("SELECT 1 AS one"));
      for (const rows of await Promise.all(next)) expect(rows).toEqual([{ one: 1 }]);
    }
  });

  test("the budget of one read is not that of the next on its session", async () => {
    for (let repeat = 0; repeat < 6; repeat++) {
      await db.query("SELECT 1 AS one", {}, { timeMs: 1234, rowsToRead: 10 });
      const [row] = await db.query(
        "SELECT getSetting('max_execution_time') AS t, getSetting('max_rows_to_read') AS r",
      );
      expect(row).toEqual({ t: contractDefaults.timeMs / 1000, r: 0 });
    }
  });

  test("settings hold for the whole of a union", async () => {
    const rows = await db.query(
      "SELECT toUInt64(1) AS n UNION ALL SELECT toUInt64(getSetting('max_rows_to_read')) AS n",
      {},
      { rowsToRead: 77 },
    );
    expect(rows).toHaveLength(2);
    expect(rows).toContainEqual({ n: "1" });
    expect(rows).toContainEqual({ n: "77" });
  });
}

function testRefusals(): void {
  test("a read can change nothing", async () => {
    for (const sql of [
      "DROP TABLE default.t",
      "INSERT INTO default.t SELECT 1, ''",
      "CREATE TABLE default.u (n Int8) ENGINE = Memory",
      "SELECT 1 SETTINGS readonly = 0",
    ]) {
      const error = await db.query(sql).catch((refusal: unknown) => refusal);
      expect({ sql, error }).toEqual({ sql, error: expect.any(DbError) });
    }
    expect(await db.query("SELECT name FROM system.tables WHERE database = 'default'")).toEqual([
      { name: "t" },
    ]);
  });

  test("a refusal carries the engine's code, and its words only where no logger looks", async () => {
    const error = await db.query("SELECT nope").catch((refusal: unknown) => refusal);
    expect(error).toMatchObject({ kind: "unknown", code: 47 });
    expect((error as DbError).detail).toContain("nope");
    expect(JSON.stringify(error)).not.toContain("nope");
    expect((error as DbError).message).not.toContain("nope");
  });

  test("a limit that is no whole number is refused", async () => {
    for (const timeMs of [0, -1, 0.5, Number.NaN, "1; DROP TABLE t" as unknown as number]) {
      await expect(db.query("SELECT 1", {}, { timeMs })).rejects.toThrow(/whole number/);
    }
  });
}

function testInserts(): void {
  test("an insert is readable when it resolves, and its settings do not stay", async () => {
    for (let n = 0; n < 5; n++) {
      await db.insert("default.t", Buffer.from(`{"n":${n},"s":"a"}\n{"n":${n},"s":"b"}`));
      const [row] = await db.query<{ rows: string }>("SELECT count() AS rows FROM default.t");
      expect(row?.rows).toBe(String((n + 1) * 2));
    }
    await db.exec(`CREATE TABLE default.settings ENGINE = Memory AS
      SELECT getSetting('async_insert') AS a, getSetting('input_format_skip_unknown_fields') AS b,
        getSetting('input_format_null_as_default') AS c`);
    expect(await db.query("SELECT a, b, c FROM default.settings")).toEqual([
      { a: true, b: true, c: true },
    ]);
    await db.exec("DROP TABLE default.settings");
    await db.exec("TRUNCATE TABLE default.t");
  });

  test("inserting nothing stores nothing", async () => {
    await db.insert("default.t", Buffer.alloc(0));
    expect(await db.query("SELECT n FROM default.t")).toEqual([]);
  });

  test("one bad row refuses its insert whole, as a fault of the data", async () => {
    await db.exec(`CREATE TABLE default.typed (
      n UInt64, t DateTime64(3, 'UTC'), d Decimal(38, 12), m Map(String, UInt64), b Bool
    ) ENGINE = MergeTree ORDER BY n`);
    const good = { n: 1, t: 0, d: "1", m: {}, b: true };
    const bad: readonly object[] = [
      { ...good, n: -1 },
      { ...good, t: null },
      { ...good, n: 1e21 },
      { ...good, t: "" },
      { ...good, t: "2024-13-45" },
      { ...good, d: "1e40" },
      { ...good, d: "abc" },
      { ...good, m: { a: -1 } },
      { ...good, m: [] },
      { ...good, b: "maybe" },
      { ...good, unknown: 1 },
    ];
    const lines = [...bad.map((row) => JSON.stringify(row)), "[", "nonsense", '{"n":1'];
    for (const line of lines) {
      const rows = Buffer.from(`${JSON.stringify(good)}\n${line}\n${JSON.stringify(good)}\n`);
      const error = await db.insert("default.typed", rows).catch((refusal: unknown) => refusal);
      expect({ line, error }).toMatchObject({ line, error: { kind: "data" } });
    }
    const surrogate = Buffer.from('{"n":1,"s":"\\ud800"}\n');
    await expect(db.insert("default.t", surrogate)).rejects.toMatchObject({
      kind: "data",
      code: 25,
    });
    expect(await db.query("SELECT n FROM default.typed")).toEqual([]);
    await db.exec("DROP TABLE default.typed");
  });
}

function testBadInserts(): void {
  test("the same code is over budget for a read, transient for an insert", async () => {
    await db.exec(`CREATE TABLE default.small (n UInt64) ENGINE = MergeTree ORDER BY n`);
    await db.exec("SYSTEM STOP MERGES default.small");
    await db.exec(
      "ALTER TABLE default.small MODIFY SETTING parts_to_throw_insert = 1, parts_to_delay_insert = 1",
    );
    const row = Buffer.from('{"n":1}\n');
    await db.insert("default.small", row);
    await expect(db.insert("default.small", row)).rejects.toMatchObject({
      kind: "transient",
      code: 252,
    });
    await expect(db.insert("default.nowhere", row)).rejects.toMatchObject({
      kind: "unknown",
      code: 60,
    });
    await db.exec("DROP TABLE default.small");
  });

  test("a table name cannot carry SQL", async () => {
    const row = Buffer.from('{"n":1}\n');
    await expect(db.insert("default.t; DROP TABLE default.t", row)).rejects.toBeInstanceOf(DbError);
    await expect(db.insert("default.t (n)", row)).rejects.toBeInstanceOf(DbError);
  });
}
