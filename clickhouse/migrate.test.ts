import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Db } from "./engine.ts";
import { migrate, statementsOf } from "./migrate.ts";
import { openTestDb } from "./testing.ts";

let db: Db;
let directory: string;

beforeAll(async () => {
  db = await openTestDb();
});

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "sluice-migrations-"));
});

afterEach(async () => {
  await db.exec("DROP DATABASE IF EXISTS sluice SYNC");
  await rm(directory, { recursive: true });
});

afterAll(() => db.close());

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [file, sql] of Object.entries(files)) await writeFile(path.join(directory, file), sql);
}

async function tables(): Promise<string[]> {
  const rows = await db.query<{ name: string }>(
    "SELECT name FROM system.tables WHERE database = 'sluice' ORDER BY name",
  );
  return rows.map(({ name }) => name);
}

const table = (name: string): string =>
  `CREATE TABLE IF NOT EXISTS sluice.${name} (n UInt64) ENGINE = MergeTree ORDER BY n`;

test("the real migrations apply once, in order, and a second run applies nothing", async () => {
  const { applied } = await migrate(db);
  expect(applied.length).toBeGreaterThanOrEqual(4);
  expect(applied).toEqual(applied.toSorted());
  expect(await tables()).toEqual(
    expect.arrayContaining(["observations", "parked_records", "scores", "traces"]),
  );
  expect(await migrate(db)).toEqual({ applied: [] });
});

test("every table of rows syncs what it was given before an insert is acknowledged", async () => {
  await migrate(db);
  const rows = await db.query<{ name: string; create_table_query: string }>(
    "SELECT name, create_table_query FROM system.tables WHERE database = 'sluice'",
  );
  expect(rows.length).toBeGreaterThanOrEqual(5);
  for (const row of rows) {
    expect(row.create_table_query).toContain("fsync_after_insert = 1, fsync_part_directory = 1");
  }
});

test("a run that dies after any statement is completed by the next", async () => {
  await write({
    "0001_one.sql": `${table("a")};\n${table("b")};`,
    "0002_two.sql": `${table("c")};\nALTER TABLE sluice.c ADD COLUMN IF NOT EXISTS s String;`,
  });
  let calls = Infinity;
  const dying: Db = {
    ...db,
    exec: (sql) => (calls-- > 0 ? db.exec(sql) : Promise.reject(new Error("killed"))),
    insert: (into, rows) =>
      calls-- > 0 ? db.insert(into, rows) : Promise.reject(new Error("killed")),
  };
  let survived = 0;
  for (let death = 0; survived === 0; death++) {
    calls = death;
    const first = await migrate(dying, { directory }).catch((error: unknown) => String(error));
    if (typeof first !== "string") survived = death;
    await migrate(db, { directory });
    expect(await tables()).toEqual(["a", "b", "c", "schema_migrations"]);
    expect(await db.query("SELECT file FROM sluice.schema_migrations ORDER BY file")).toEqual([
      { file: "0001_one.sql" },
      { file: "0002_two.sql" },
    ]);
    await db.exec("DROP DATABASE sluice SYNC");
  }
  expect(survived).toBe(8);
});

test("a new file is applied alone", async () => {
  await write({ "0001_one.sql": table("a") });
  expect(await migrate(db, { directory })).toEqual({ applied: ["0001_one.sql"] });
  await write({ "0002_two.sql": table("b") });
  expect(await migrate(db, { directory })).toEqual({ applied: ["0002_two.sql"] });
});

test("a statement that fails leaves its file unrecorded", async () => {
  await write({
    "0001_one.sql": `${table("a")}; CREATE TABLE sluice.b (n Nonsense) ENGINE = Memory;`,
  });
  await expect(migrate(db, { directory })).rejects.toMatchObject({ name: "DbError", code: 50 });
  await write({ "0001_one.sql": table("a") });
  expect(await migrate(db, { directory })).toEqual({ applied: ["0001_one.sql"] });
});

test("a changed file is refused by name, before anything is applied", async () => {
  await write({ "0001_one.sql": table("a") });
  await migrate(db, { directory });
  await write({ "0001_one.sql": `${table("a")} `, "0002_two.sql": table("b") });
  await expect(migrate(db, { directory })).rejects.toThrow(/0001_one\.sql was changed/);
  expect(await tables()).toEqual(["a", "schema_migrations"]);
});

test("a database of a newer build, or of another history, is refused", async () => {
  await write({ "0001_one.sql": table("a"), "0002_two.sql": table("b") });
  await migrate(db, { directory });
  await rm(path.join(directory, "0002_two.sql"));
  await expect(migrate(db, { directory })).rejects.toThrow(
    /0002_two\.sql, where this build has none/,
  );
  await write({ "0002_other.sql": table("c") });
  await expect(migrate(db, { directory })).rejects.toThrow(/0002_two\.sql.*0002_other\.sql/);
});

test("numbers with a gap, twice the same, or a stray file are refused", async () => {
  for (const stray of ["0003_gap.sql", "0001_twin.sql", "notes.txt", "0002-dash.sql"]) {
    await write({ "0001_one.sql": table("a"), [stray]: table("b") });
    await expect(migrate(db, { directory })).rejects.toThrow(/out of turn/);
    await rm(path.join(directory, stray));
  }
  expect(await tables()).toEqual([]);
});

test("no migrations at all are refused: the build left them out", async () => {
  await expect(migrate(db, { directory })).rejects.toThrow(/build/);
});

test("statements end at semicolons, but not at those in texts, names and comments", () => {
  expect(
    statementsOf(`-- first; a comment
      CREATE a; /* ; */ CREATE b 'x;''y\\';' "c;d" \`e;f\`;
      -- only a comment;
      ;;
      SELECT 1 - 2 / 3 -- end;
      `),
  ).toEqual([
    "-- first; a comment\n      CREATE a",
    "/* ; */ CREATE b 'x;''y\\';' \"c;d\" `e;f`",
    "SELECT 1 - 2 / 3 -- end;",
  ]);
  expect(statementsOf("")).toEqual([]);
  expect(statementsOf("-- nothing; here\n/* ; */")).toEqual([]);
});
