import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import type { Db } from "./engine.ts";
import { distributedTables, rendered } from "./templates.ts";

interface Migration {
  readonly file: string;
  readonly template: string;
  /** SHA-256 of the statements for a single node, hexadecimal: the same wherever they are applied. */
  readonly checksum: string;
}

export interface MigrateOptions {
  /** The cluster to spread the tables over, as the server's configuration names it; null for a single node. */
  readonly cluster?: string | null;
  readonly directory?: string;
}

const fileName = /^(\d{4})_[a-z0-9_]+\.sql$/;

/**
 * Brings the database to the newest of the numbered files, in their order, and tells which it applied.
 *
 * A file is recorded after its last statement, so after a kill it runs again from its first: every statement must be
 * idempotent (`IF NOT EXISTS`). History is only ever added to. Rejects, before it changes anything, when an applied
 * file has changed, when numbers have gaps, or when the database knows a migration that this build does not.
 * Several processes may run it at once.
 */
export async function migrate(
  db: Db,
  { cluster = null, directory = path.join(import.meta.dirname, "migrations") }: MigrateOptions = {},
): Promise<{ applied: string[] }> {
  const migrations = await readMigrations(directory);
  await applyTemplate(db, history, cluster);
  const known = await db.query<{ file: string; checksum: string }>(
    "SELECT file, checksum FROM sluice.schema_migrations FINAL ORDER BY file",
  );
  checkHistory(known, migrations);

  const applied: string[] = [];
  for (const { file, template, checksum } of migrations.slice(known.length)) {
    await applyTemplate(db, template, cluster);
    await db.insert(
      "sluice.schema_migrations",
      Buffer.from(`${JSON.stringify({ file, checksum })}\n`),
    );
    applied.push(file);
  }
  return { applied };
}

async function applyTemplate(db: Db, template: string, cluster: string | null): Promise<void> {
  for (const statement of statementsOf(rendered(template, cluster))) await db.exec(statement);
  if (cluster === null) return;
  for (const statement of distributedTables(template, cluster)) await db.exec(statement);
}

const history = `CREATE DATABASE IF NOT EXISTS sluice{{on_cluster}} ENGINE = Atomic;
  CREATE TABLE IF NOT EXISTS sluice.schema_migrations{{local}} (
    file       String,
    checksum   String,
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
  )
  ENGINE = {{Replicated}}ReplacingMergeTree(applied_at)
  ORDER BY file
  SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`;

/** Splits at the semicolons that end statements: not those in texts, names or comments. */
export function statementsOf(sql: string): string[] {
  const statements: string[] = [];
  let statement = "";
  let hasCode = false;
  for (const [token] of sql.matchAll(tokens)) {
    if (token === ";") {
      if (hasCode) statements.push(statement.trim());
      statement = "";
      hasCode = false;
    } else {
      statement += token;
      hasCode ||= !/^(?:--|\/\*|\s+$)/.test(token);
    }
  }
  if (hasCode) statements.push(statement.trim());
  return statements;
}

/** Quoted texts and names (a backslash escapes, a doubled quote is two texts in a row), comments, and the rest. */
const tokens =
  /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`|--[^\n]*|\/\*[\s\S]*?\*\/|;|\s+|[^\s;'"`/-]+|[\s\S]/g;

async function readMigrations(directory: string): Promise<Migration[]> {
  const files = (await readdir(directory)).toSorted();
  if (files.length === 0)
    throw new Error(`No migrations in ${directory}: the build left them out.`);
  return await Promise.all(
    files.map(async (file, index) => {
      const number = fileName.exec(file)?.[1];
      if (Number(number) !== index + 1) {
        const wanted = String(index + 1).padStart(4, "0");
        throw new Error(
          `Migration ${file} is out of turn: a file ${wanted}_<name>.sql must be here.`,
        );
      }
      const template = await readFile(path.join(directory, file), "utf8");
      const checksum = createHash("sha256").update(rendered(template, null)).digest("hex");
      return { file, template, checksum };
    }),
  );
}

function checkHistory(
  known: readonly { file: string; checksum: string }[],
  migrations: readonly Migration[],
): void {
  for (const [index, { file, checksum }] of known.entries()) {
    const migration = migrations[index];
    if (migration?.file === file && migration.checksum === checksum) continue;
    if (migration?.file === file) {
      throw new Error(
        `Migration ${file} was changed after it was applied: restore it, and say what is new in a new file.`,
      );
    }
    throw new Error(
      `The database has migration ${file}, where this build has ${migration?.file ?? "none"}: ` +
        `run the version of Sluice that made it, or a newer one.`,
    );
  }
}
