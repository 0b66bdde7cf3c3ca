import { DbError } from "../../clickhouse/engine.ts";
import type { Db } from "../../clickhouse/engine.ts";
import { encodeInserts } from "../../clickhouse/insert.ts";
import { lookupRows } from "../../clickhouse/lookup.ts";
import { idsOfTrace } from "../../clickhouse/queries/trace-ids.ts";
import { entityOf, tableOf } from "../../schemas/entity-row.ts";
import type { EntityRow } from "../../schemas/entity-row.ts";
import type { Kind } from "../../schemas/facts.ts";
import { placeOf } from "./entity-cache.ts";
import type { EntityCache, Stored } from "./entity-cache.ts";
import type { IdFilter } from "./id-filter.ts";
import { joined } from "./join.ts";
import {
  entityKey,
  isTraceDeletion,
  leftOf,
  neededBy,
  Plan,
  rowOfChange,
  tombstonesOf,
} from "./plan.ts";
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
  /**
   * Given where the log has several partitions: the entities that others may write, too. What is stored of them is
   * asked of ClickHouse alone.
   */
  readonly fresh?: ReadonlySet<string>;
}

/** In the order of their inserts. Traces come last: who finds one finds what came with it. */
const kinds: readonly Kind[] = ["score", "observation", "trace"];

/** What a batch changes, ready to be inserted. */
export interface Prepared {
  readonly changes: readonly Change[];
  /** In their order. */
  readonly inserts: readonly { readonly table: string; readonly lines: Buffer }[];
}

/**
 * Merges records onto the stored rows and inserts what changed. When it resolves, all of it is durable and readable.
 * Rejects with {@link DbError}; then the cache is as before, and storing again, whole or in parts, gives the same rows.
 */
export async function storeRecords(
  deps: StoreDeps,
  stated: readonly StatedRecord[],
): Promise<readonly Change[]> {
  return await storePrepared(deps, await prepareRecords(deps, stated));
}

/**
 * Merges records onto the stored rows; inserts nothing. With `onto`, as if those changes had been stored: they may be
 * on their way, unless the records delete a trace, whose stored children have to be seen.
 */
export async function prepareRecords(
  deps: StoreDeps,
  stated: readonly StatedRecord[],
  onto: readonly Change[] = [],
): Promise<Prepared> {
  const records = await withChildren(deps.db, stated);
  const bases = await loadBases(deps, neededBy(records), onto);
  const { turn } = deps;
  const plan = new Plan(bases);
  for (const record of records) {
    plan.add(record);
    await turn();
  }
  const changes = plan.changes();
  const inserts: { table: string; lines: Buffer }[] = [];
  for (const kind of kinds) {
    const rows: EntityRow[] = [];
    const tombstones: EntityRow[] = [];
    for (const change of changes) {
      if (change.kind !== kind) continue;
      rows.push(rowOfChange(change, deps.now()));
      // What another partition writes only that one can end, or it would hide what is being written there.
      const left = deps.fresh ? leftOf(change).own : change.left;
      tombstones.push(...tombstonesOf(change, left, deps.now()));
      await turn();
    }
    const priced = kind === "observation" ? await deps.price(rows, turn) : rows;
    for (const part of [priced, tombstones]) {
      for (const lines of await encodeInserts(part)) inserts.push({ table: tableOf[kind], lines });
    }
  }
  return { changes, inserts };
}

/** Inserts what was prepared, as `storeRecords` does. */
async function storePrepared(
  { db, cache, filter, fresh }: StoreDeps,
  { changes, inserts }: Prepared,
): Promise<readonly Change[]> {
  for (const { table, lines } of inserts) await db.insert(`sluice.${table}`, lines);
  // An id counts as stored before it is known to be: a needless look-up is harmless, a missing one is not.
  for (const { key, stored } of changes) {
    filter.add(key);
    if (fresh?.has(key)) cache.drop(key);
    else cache.set(key, stored);
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

/** From what is on its way, the cache, then the filter's "certainly new", then ClickHouse; never a guess. */
export async function loadBases(
  deps: Pick<StoreDeps, "db" | "cache" | "filter" | "fresh">,
  needed: readonly Needed[],
  onto: readonly Change[] = [],
): Promise<Map<string, Stored>> {
  const bases = new Map<string, Stored>();
  const missing: Needed[] = [];
  const coming = new Map(onto.map(({ key, stored }) => [key, stored]));
  for (const one of needed) {
    const isFresh = deps.fresh?.has(one.key) === true;
    const cached = isFresh ? undefined : (coming.get(one.key) ?? deps.cache.get(one.key));
    if (cached !== undefined) bases.set(one.key, cached);
    else if (isFresh) missing.push(one);
    else if (deps.filter.mayHave(one.key)) missing.push(one);
    else bases.set(one.key, null);
  }
  for (const kind of kinds) {
    const wanted = missing.filter((one) => one.kind === kind);
    if (wanted.length === 0) continue;
    for (const one of wanted) bases.set(one.key, null);
    for (const row of await lookupRows(deps.db, tableOf[kind], wanted))
      keepCurrent(bases, kind, row);
    for (const one of wanted) {
      if (!deps.fresh?.has(one.key)) deps.cache.set(one.key, bases.get(one.key) ?? null);
    }
  }
  return bases;
}

/**
 * An entity that moved has rows under several keys. The tombstones it left behind say nothing of it; another row of a
 * lower version is a place that it left just before a kill, or one that was written while nobody knew of the other:
 * what it says is joined.
 */
function keepCurrent(bases: Map<string, Stored>, kind: Kind, row: EntityRow): void {
  const movedAway = row.is_deleted === 1 && row.deleted_at === 0;
  if (movedAway) return;
  const key = entityKey(kind, row.project_id, row.id);
  const found = { entity: entityOf(kind, row), ver: BigInt(row.ver), strays: [] };
  const held = bases.get(key);
  if (!held) return void bases.set(key, found);
  const [current, left] = held.ver < found.ver ? [found, held] : [held, found];
  const entity = joined(current.entity, left.entity);
  const strays = left.entity.live ? [placeOf(left.entity)] : [];
  const outdated = entity === current.entity ? [] : [placeOf(current.entity)];
  bases.set(key, { entity, ver: current.ver, strays: [...held.strays, ...strays, ...outdated] });
}

/**
 * Stores records, halving them around the ones that can never be stored. A transient refusal stops it, unless
 * `stubborn`: then a single record that is still refused counts as unstorable too. `prepare` is asked for all of them
 * together; parts of them are prepared anew.
 */
export async function storeAround<Record extends StatedRecord>(
  deps: StoreDeps,
  records: readonly Record[],
  stubborn: boolean,
  prepare: () => Promise<Prepared> = () => prepareRecords(deps, records),
): Promise<{
  changes: readonly Change[];
  refused: readonly { record: Record; error: DbError }[];
}> {
  try {
    return { changes: await storePrepared(deps, await prepare()), refused: [] };
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
