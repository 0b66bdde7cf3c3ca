import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { openEmbedded } from "./embedded.ts";
import { DbError } from "./engine.ts";
import type { Db } from "./engine.ts";
import { migrate } from "./migrate.ts";

/** What the migrations have made of a database, as far as it can be compared with another one's. */
export interface DatabaseState {
  /** Applied migrations in their order, each with its checksum. */
  readonly migrations: readonly { readonly file: string; readonly checksum: string }[];
  readonly tables: readonly TableState[];
}

export interface TableState {
  /** Without the suffix that the tables of a cluster's shards have. */
  readonly name: string;
  /** Without `Replicated`, path and replica. */
  readonly engine: string;
  readonly partitionKey: string;
  readonly sortingKey: string;
  /** Settings of the table by name, as ClickHouse shows them. */
  readonly settings: Readonly<Record<string, string>>;
  /** Type and default of each column by name. */
  readonly columns: Readonly<Record<string, string>>;
  /** Expression, type and granularity of each index by name. */
  readonly indexes: Readonly<Record<string, string>>;
}

/** A difference between two databases; `harm` says whether rows or their durability suffer, or only speed. */
export interface Drift {
  readonly about: string;
  readonly harm: "data" | "speed";
}

interface TableRow {
  readonly name: string;
  readonly engine_full: string;
  readonly partition_key: string;
  readonly sorting_key: string;
}

interface PartRow {
  readonly table: string;
  readonly name: string;
  readonly text: string;
}

/** Reads the state of the database `sluice`; nothing is in it where there is none. */
export async function databaseState(db: Db, cluster: string | null): Promise<DatabaseState> {
  const [migrations, tables, columns, indexes] = await Promise.all([
    appliedMigrations(db),
    db.query<TableRow>(
      `SELECT name, engine_full, partition_key, sorting_key FROM system.tables
       WHERE database = 'sluice' AND engine LIKE '%MergeTree' ORDER BY name`,
    ),
    db.query<PartRow>(
      `SELECT table, name, concat(type, ' ', default_kind, ' ', default_expression) AS text
       FROM system.columns WHERE database = 'sluice' ORDER BY table, position`,
    ),
    db.query<PartRow>(
      `SELECT table, name, concat(expr, ' ', type_full, ' ', toString(granularity)) AS text
       FROM system.data_skipping_indices WHERE database = 'sluice' ORDER BY table, name`,
    ),
  ]);
  return {
    migrations,
    tables: tables.map((table) => ({
      name: cluster === null ? table.name : table.name.replace(/_local$/, ""),
      engine: engineOf(table.engine_full),
      partitionKey: table.partition_key,
      sortingKey: table.sorting_key,
      settings: settingsOf(table.engine_full),
      columns: textsOf(columns, table.name),
      indexes: textsOf(indexes, table.name),
    })),
  };
}

/**
 * What a database has to look like for this build: that of an embedded engine on a directory of its own, brought up by
 * the migrations. A process can hold one such engine, so not where another is open.
 */
export async function expectedState(): Promise<DatabaseState> {
  const directory = await mkdtemp(path.join(tmpdir(), "sluice-expected-"));
  try {
    const db = await openEmbedded({
      directory,
      readers: 1,
      memoryBytesMax: 512 * 1024 ** 2,
      readDefaults: { timeMs: 30_000 },
    });
    try {
      await migrate(db);
      return await databaseState(db, null);
    } finally {
      await db.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Where a database differs from the expected one. What it has besides (other tables, settings) is its owner's. */
export function driftOf(expected: DatabaseState, found: DatabaseState): readonly Drift[] {
  return expected.tables.flatMap((table) => {
    const other = found.tables.find(({ name }) => name === table.name);
    if (other === undefined) return [{ about: `the table ${table.name} is missing`, harm: "data" }];
    return tableDrift(table, other);
  });
}

function tableDrift(expected: TableState, found: TableState): readonly Drift[] {
  const { name } = expected;
  const keys = (["engine", "partitionKey", "sortingKey"] as const).flatMap((key): Drift[] =>
    expected[key] === found[key]
      ? []
      : [{ about: `${name} has ${key} ${found[key]} instead of ${expected[key]}`, harm: "data" }],
  );
  const extra = Object.keys(found.columns)
    .filter((column) => !Object.hasOwn(expected.columns, column))
    .map((column): Drift => ({ about: `${name}.${column} is of no migration`, harm: "speed" }));
  return [
    ...keys,
    ...differences(`${name}, column`, expected.columns, found.columns, "data"),
    ...differences(`${name}, setting`, expected.settings, found.settings, "data"),
    ...differences(`${name}, index`, expected.indexes, found.indexes, "speed"),
    ...extra,
  ];
}

function differences(
  what: string,
  expected: Readonly<Record<string, string>>,
  found: Readonly<Record<string, string>>,
  harm: Drift["harm"],
): readonly Drift[] {
  return Object.entries(expected).flatMap(([name, text]): Drift[] => {
    const other = found[name];
    if (other === text) return [];
    if (other === undefined) return [{ about: `${what} ${name} is missing`, harm }];
    return [{ about: `${what} ${name} is ${other.trim()} instead of ${text.trim()}`, harm }];
  });
}

async function appliedMigrations(db: Db): Promise<DatabaseState["migrations"]> {
  try {
    return await db.query(
      "SELECT file, checksum FROM sluice.schema_migrations FINAL ORDER BY file",
    );
  } catch (error) {
    // UNKNOWN_TABLE and UNKNOWN_DATABASE: no migration ran yet.
    if (error instanceof DbError && (error.code === 60 || error.code === 81)) return [];
    throw error;
  }
}

/** `ReplicatedReplacingMergeTree('/path', '{replica}', ver) ORDER BY …` becomes `ReplacingMergeTree(ver)`. */
function engineOf(full: string): string {
  const [, name = "", list = ""] = /^(?:Replicated)?(\w+)(?:\(([^)]*)\))?/.exec(full) ?? [];
  const given = list.split(",").map((argument) => argument.trim());
  return `${name}(${given.filter((argument) => !argument.startsWith("'")).join(", ")})`;
}

function settingsOf(full: string): Readonly<Record<string, string>> {
  const [, clause = ""] = / SETTINGS (.*)$/s.exec(full) ?? [];
  const pairs = clause.matchAll(/(\w+) = ('(?:[^'\\]|\\.)*'|[^,]+)/g);
  return Object.fromEntries(Array.from(pairs, ([, name = "", value = ""]) => [name, value.trim()]));
}

function textsOf(rows: readonly PartRow[], table: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    rows.filter((row) => row.table === table).map(({ name, text }) => [name, text]),
  );
}
