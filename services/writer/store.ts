import { DbError } from "../../clickhouse/engine.ts";
import type { Db } from "../../clickhouse/engine.ts";
import { insertRows } from "../../clickhouse/insert.ts";
import { lookupRows } from "../../clickhouse/lookup.ts";
import { idsOfTrace } from "../../clickhouse/queries/trace-ids.ts";
import { entityOf, physicalKeyOf, tableOf } from "../../schemas/entity-row.ts";
import type { EntityRow } from "../../schemas/entity-row.ts";
import type { Kind } from "../../schemas/facts.ts";
import type { EntityCache, Stored } from "./entity-cache.ts";
import type { IdFilter } from "./id-filter.ts";
import { entityKey, isTraceDeletion, neededBy, Plan, rowOfChange, tombstonesOf } from "./plan.ts";
import type { Change, Needed, StatedRecord, Statement } from "./plan.ts";
import type { Pricer } from "./pricer.ts";
import type { Turn } from "./turns.ts";

export interface StoreDeps {
  readonly db: Db;
  readonly cache: EntityCache;
  readonly filter: IdFilter;
  readonly price: Pricer;
  readonly now: () => number;
  readonly turn: Turn;
}

/** In the order of their inserts. Traces come last: who finds one finds what came with it. */
const kinds: readonly Kind[] = ["score", "observation", "trace"];

/**
 * Merges records onto the stored rows and inserts what changed. When it resolves, all of it is durable and readable.
 * Rejects with {@link DbError}; then the cache is as before, and storing again, whole or in parts, gives the same rows.
 */
export async function storeRecords(
  deps: StoreDeps,
  stated: readonly StatedRecord[],
): Promise<Change[]> {
  const records = await withChildren(deps.db, stated);
  const needed = neededBy(records);
  const bases = await loadBases(deps, needed);
  const { turn } = deps;
  const plan = new Plan(bases);
  for (const record of records) {
    plan.add(record);
    await turn();
  }
  const changes = plan.changes();
  for (const kind of kinds) {
    const rows: EntityRow[] = [];
    const tombstones: EntityRow[] = [];
    for (const change of changes) {
      if (change.kind !== kind) continue;
      rows.push(rowOfChange(change, deps.now()));
      tombstones.push(...tombstonesOf(change, deps.now()));
      await turn();
    }
    const priced = kind === "observation" ? await deps.price(rows, turn) : rows;
    await insertRows(deps.db, tableOf[kind], priced);
    await insertRows(deps.db, tableOf[kind], tombstones);
  }
  // An id counts as stored before it is known to be: a needless look-up is harmless, a missing one is not.
  for (const { key, stored } of changes) {
    deps.filter.add(key);
    deps.cache.set(key, stored);
  }
  return changes;
}

/** A deleted trace takes its stored observations and scores with it: each gets a deletion of its own. */
async function withChildren(
  db: Db,
  records: readonly StatedRecord[],
): Promise<readonly StatedRecord[]> {
  if (!records.some(({ statements }) => statements.some(isTraceDeletion))) return records;
  return await Promise.all(
    records.map(async (record) => {
      const statements: Statement[] = [...record.statements];
      for (const deletion of record.statements.filter(isTraceDeletion)) {
        for (const kind of ["observation", "score"] as const) {
          const ids = await idsOfTrace(db, tableOf[kind], deletion.project, deletion.id);
          for (const id of ids) statements.push({ ...deletion, kind, id });
        }
      }
      return { ...record, statements };
    }),
  );
}

/** From the cache, then the filter's "certainly new", then ClickHouse; never a guess. */
async function loadBases(deps: StoreDeps, needed: readonly Needed[]): Promise<Map<string, Stored>> {
  const bases = new Map<string, Stored>();
  const missing: Needed[] = [];
  for (const one of needed) {
    const cached = deps.cache.get(one.key);
    if (cached !== undefined) bases.set(one.key, cached);
    else if (deps.filter.mayHave(one.key)) missing.push(one);
    else bases.set(one.key, null);
  }
  for (const kind of kinds) {
    const wanted = missing.filter((one) => one.kind === kind);
    if (wanted.length === 0) continue;
    for (const one of wanted) bases.set(one.key, null);
    for (const row of await lookupRows(deps.db, tableOf[kind], wanted))
      keepCurrent(bases, kind, row);
    for (const one of wanted) deps.cache.set(one.key, bases.get(one.key) ?? null);
  }
  return bases;
}

/**
 * An entity that moved has rows under several keys. The tombstones it left behind say nothing of it; a live row of a
 * lower version is a place that it left just before a kill.
 */
function keepCurrent(bases: Map<string, Stored>, kind: Kind, row: EntityRow): void {
  const movedAway = row.is_deleted === 1 && row.deleted_at === 0;
  if (movedAway) return;
  const key = entityKey(kind, row.project_id, row.id);
  const found = { entity: entityOf(kind, row), ver: BigInt(row.ver), strays: [] };
  const held = bases.get(key);
  if (!held) return void bases.set(key, found);
  const [current, left] = held.ver < found.ver ? [found, held] : [held, found];
  const strays = left.entity.live ? [physicalKeyOf(left.entity)] : [];
  bases.set(key, { ...current, strays: [...held.strays, ...strays] });
}

/**
 * Stores records, halving them around the ones that can never be stored. A transient refusal stops it, unless
 * `stubborn`: then a single record that is still refused counts as unstorable too.
 */
export async function storeAround<Record extends StatedRecord>(
  deps: StoreDeps,
  records: readonly Record[],
  stubborn: boolean,
): Promise<{ changes: Change[]; refused: { record: Record; error: DbError }[] }> {
  try {
    return { changes: await storeRecords(deps, records), refused: [] };
  } catch (error) {
    if (!(error instanceof DbError) || !(error.kind === "data" || stubborn)) throw error;
    const [record] = records;
    if (records.length === 1 && record) return { changes: [], refused: [{ record, error }] };
    const half = records.length >> 1;
    const first = await storeAround(deps, records.slice(0, half), stubborn);
    const second = await storeAround(deps, records.slice(half), stubborn);
    return {
      changes: [...first.changes, ...second.changes],
      refused: [...first.refused, ...second.refused],
    };
  }
}
