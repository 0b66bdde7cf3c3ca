import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Db } from "./engine.ts";
import { migrate, statementsOf } from "./migrate.ts";
import { distributedTables, rendered } from "./templates.ts";
import { openTestDb } from "./testing.ts";

const directory = path.join(import.meta.dirname, "migrations");
const files = readdirSync(directory).toSorted();
const templates = new Map(
  files.map((file) => [file, readFileSync(path.join(directory, file), "utf8")]),
);

/** The files as they were first applied: history is only ever added to. */
const applied = {
  "0001_traces.sql": "759259acbea3ddc9",
  "0002_observations.sql": "8f6d40130ea8be13",
  "0003_scores.sql": "355ee8b51540de24",
  "0004_parked_records.sql": "9b7af408f2fa10b7",
  "0005_pricing.sql": "6c334bbc9484c4b8",
  "0006_otel.sql": "0ba23e23ba695728",
  "0007_read_indexes.sql": "6c702b2b21de9adf",
  "0008_marked_root.sql": "505b1a5f230ecdfe",
};

let db: Db;

beforeAll(async () => {
  db = await openTestDb();
});

afterAll(() => db.close());

/** A statement as the engine itself writes it, which it can only when it has parsed it. */
async function parsed(statement: string): Promise<string> {
  const [row] = await db.query<{ text: string }>("SELECT formatQuery({statement:String}) AS text", {
    statement,
  });
  return row?.text ?? "";
}

test("for a single node the migrations are the statements that databases have applied", () => {
  const checksums = Array.from(templates, ([file, template]) => [
    file,
    createHash("sha256").update(rendered(template, null)).digest("hex").slice(0, 16),
  ]);
  expect(Object.fromEntries(checksums)).toMatchObject(applied);
});

test("on a cluster every statement of the migrations parses, and differs only in where its table lies", async () => {
  const statements = [...templates.values()].flatMap((template) => {
    const single = statementsOf(rendered(template, null));
    return statementsOf(rendered(template, "my-cluster")).map((cluster, index) => ({
      single: single[index] ?? "",
      cluster,
    }));
  });
  expect(statements.length).toBeGreaterThan(10);
  for (const { single, cluster } of statements) {
    const text = await parsed(cluster);
    expect(text).toMatch(
      /^(?:CREATE TABLE IF NOT EXISTS|ALTER TABLE) sluice\.\w+_local ON CLUSTER `my-cluster`\n/,
    );
    expect(text).not.toMatch(/ENGINE = (?!ReplicatedReplacingMergeTree\()/);
    const undone = text
      .replace("_local ON CLUSTER `my-cluster`", "")
      .replace("ENGINE = Replicated", "ENGINE = ")
      .replace("alter_sync = 2", "alter_sync = 0");
    expect(undone).toBe(await parsed(single));
  }
});

test("a template names no table and no engine without its variable", () => {
  for (const [file, template] of templates) {
    const plain = template.replaceAll(/--[^\n]*/g, "");
    expect({ file, found: plain.match(/\bsluice\.\w+(?!\w|\{\{local\}\})/g) }).toEqual({
      file,
      found: null,
    });
    expect({ file, found: plain.match(/(?<!\{\{Replicated\}\}|\w)\w*MergeTree/g) }).toEqual({
      file,
      found: null,
    });
  }
});

test("a variable that there is not is refused by name", () => {
  expect(() => rendered("CREATE TABLE sluice.a{{elsewhere}}", "c")).toThrow(/\{\{elsewhere\}\}/);
  expect(() => distributedTables("CREATE TABLE sluice.nokey{{local}}", "c")).toThrow(/nokey/);
});

const over = (table: string, key: string): string =>
  `CREATE OR REPLACE TABLE sluice.${table} ON CLUSTER \`my-cluster\` AS sluice.${table}_local ` +
  `ENGINE = Distributed('my-cluster', sluice, ${table}_local, ${key})`;
const recorded = (number: string): string => `sluice.schema_migrations ${number}`;

test("what a cluster is told are the migrations, each followed by the tables over what it changed, then its record", async () => {
  const told: string[] = [];
  const cluster: Db = {
    ...db,
    exec: async (sql) => void told.push((await parsed(sql)).replaceAll(/\s+/g, " ")),
    query: async () => [],
    insert: async (table, rows) => void told.push(`${table} ${/\d{4}/.exec(rows.toString())?.[0]}`),
  };
  await migrate(cluster, { cluster: "my-cluster" });
  const traces = over("traces", "cityHash64(project_id, id)");
  const observations = over("observations", "cityHash64(project_id, trace_id)");
  const scores = over("scores", "cityHash64(project_id, trace_id)");
  const others = told.filter((one) => !/^(?:CREATE TABLE|ALTER TABLE) /.test(one));
  expect(others.slice(0, 18)).toEqual([
    "CREATE DATABASE IF NOT EXISTS sluice ON CLUSTER `my-cluster` ENGINE = Atomic",
    over("schema_migrations", "cityHash64(file)"),
    traces,
    recorded("0001"),
    observations,
    recorded("0002"),
    scores,
    recorded("0003"),
    over("parked_records", "cityHash64(project_id, ver)"),
    recorded("0004"),
    observations,
    recorded("0005"),
    observations,
    recorded("0006"),
    traces,
    observations,
    scores,
    recorded("0007"),
  ]);
  expect(others).toContain(over("watermarks", "cityHash64(partition)"));
});

test("a name cannot carry SQL", async () => {
  const statement = rendered("DROP DATABASE sluice{{on_cluster}}", "a'; DROP DATABASE b; --\\");
  expect(await parsed(statement)).toBe(
    "DROP DATABASE sluice ON CLUSTER `a'; DROP DATABASE b; --\\\\`",
  );
});
