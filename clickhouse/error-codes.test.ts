import { afterAll, beforeAll, expect, test } from "vitest";
import type { Db } from "./engine.ts";
import { budgetCodes, dataCodes, errorCodeIn, explained, transientCodes } from "./error-codes.ts";
import type { StatementPurpose } from "./error-codes.ts";
import { openTestDb } from "./testing.ts";

let db: Db;

beforeAll(async () => {
  db = await openTestDb();
});

afterAll(() => db.close());

test("every code in the tables has the name that the engine gives it", async () => {
  const listed = [...budgetCodes, ...dataCodes, ...transientCodes];
  const named = await db.query<{ name: string }>(
    "SELECT errorCodeToName(arrayJoin({codes:Array(UInt32)})) AS name",
    { codes: listed.map(([code]) => code) },
  );
  expect(listed.length).toBeGreaterThan(40);
  expect(named.map(({ name }) => name)).toEqual(listed.map(([, name]) => name));
});

test("a code means what its statement was doing", async () => {
  const cases: readonly [code: number, purpose: StatementPurpose, kind: string][] = [
    [241, "read", "budget"],
    [241, "insert", "transient"],
    [241, "exec", "transient"],
    [159, "read", "budget"],
    [159, "insert", "transient"],
    [27, "insert", "data"],
    [27, "read", "unknown"],
    [252, "insert", "transient"],
    [210, "read", "transient"],
    [62, "read", "unknown"],
    [60, "insert", "unknown"],
  ];
  for (const [code, purpose, kind] of cases) {
    const error = await explained(purpose, () =>
      Promise.reject(new Error(`Code: ${code}. DB::Exception: words`)),
    ).catch((refusal: unknown) => refusal);
    expect({ code, purpose, error }).toMatchObject({ code, purpose, error: { code, kind } });
  }
});

test("a code is read where the engine's words start, never from a row that they quote", () => {
  expect(errorCodeIn("Code: 27. DB::Exception: Code: 241. DB::Exception: …")).toBe(27);
  expect(errorCodeIn("Cannot parse 'Code: 241. DB::Exception'")).toBe(0);
  expect(errorCodeIn("\nCode: 241.")).toBe(0);
});
