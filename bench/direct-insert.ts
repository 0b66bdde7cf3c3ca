import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openEmbedded } from "../clickhouse/embedded.ts";
import { insertRows } from "../clickhouse/insert.ts";
import { migrate } from "../clickhouse/migrate.ts";
import { langfuseFacts } from "../schemas/dialects/langfuse-facts.ts";
import { validateEvent } from "../schemas/dialects/langfuse.ts";
import { rowOf, tableOf } from "../schemas/entity-row.ts";
import type { EntityRow } from "../schemas/entity-row.ts";
import { mergeFact } from "../schemas/merge.ts";
import type { Entity } from "../schemas/merge.ts";
import { project } from "./processes.ts";
import { createWorkload } from "./workload.ts";

/** What the process of this file is told. */
export interface DirectInsert {
  readonly seed: number;
  readonly startAt: number;
  readonly batches: number;
}

/** What it answers. */
export interface DirectResult {
  readonly rows: number;
  /** From the first insert to the last, the rows being there as objects before. */
  readonly elapsedMs: number;
}

/** As many as the writer puts into one batch by default. */
const rowsPerInsert = 5_000;

async function main(): Promise<void> {
  const [task] = (await once(process, "message")) as [DirectInsert];
  process.send?.(await run(task));
}

/** Inserts the rows that the events of the workload end as, and nothing else: no HTTP, no log, no look-up. */
async function run(task: DirectInsert): Promise<DirectResult> {
  const entities = [...mergedEntities(task).values()];
  const directory = await mkdtemp(join(tmpdir(), "sluice-bench-direct-"));
  const db = await openEmbedded({
    directory,
    readers: 1,
    memoryBytesMax: 2 ** 31,
    readDefaults: {},
  });
  try {
    await migrate(db);
    const startedAt = performance.now();
    for (const kind of ["score", "observation", "trace"] as const) {
      const rows: EntityRow[] = entities
        .filter((entity) => entity.kind === kind)
        .map((entity, index) => rowOf(entity, BigInt(index), task.startAt));
      for (let at = 0; at < rows.length; at += rowsPerInsert) {
        await insertRows(db, tableOf[kind], rows.slice(at, at + rowsPerInsert));
      }
    }
    return { rows: entities.length, elapsedMs: performance.now() - startedAt };
  } finally {
    await db.close();
    await rm(directory, { recursive: true, force: true });
  }
}

function mergedEntities({ seed, startAt, batches }: DirectInsert): Map<string, Entity> {
  const header = {
    project: project.id,
    dialect: "langfuse",
    receivedAt: startAt,
    keyId: project.publicKey,
    sdkName: "unknown",
    sdkVersion: "unknown",
    registry: "0",
  } as const;
  const entities = new Map<string, Entity>();
  const next = createWorkload(seed, startAt);
  for (let n = 0; n < batches; n += 1) {
    const { batch } = JSON.parse(next().body.toString()) as { batch: unknown[] };
    for (const element of batch) {
      const validated = validateEvent(element);
      if (!validated.ok) throw new Error(JSON.stringify(validated.issues));
      for (const fact of langfuseFacts(header, validated.event) ?? []) {
        const key = `${fact.kind} ${fact.id}`;
        const merged = mergeFact(entities.get(key) ?? null, fact);
        if (merged) entities.set(key, merged);
      }
    }
  }
  return entities;
}

void main();
