import { DbError } from "../../clickhouse/engine.ts";
import { insertRows } from "../../clickhouse/insert.ts";
import type { ParkedRow } from "../../schemas/parked.ts";
import { AppendError } from "../runtime/event-log/port.ts";
import type { ConsumeOptions, EventLog, LogBatch } from "../runtime/event-log/port.ts";
import type { Logger } from "../runtime/logger.ts";
import type { RegistryFold } from "../runtime/registry.ts";
import { broadcaster } from "./broadcast.ts";
import { mapBatch, parkedRow } from "./map-batch.ts";
import type { MappedBatch, MappedRecord } from "./map-batch.ts";
import { endingEntries, looseValues, route } from "./ownership.ts";
import type { Rerouted } from "./ownership.ts";
import { isTraceDeletion } from "./plan.ts";
import type { Change, StatedRecord } from "./plan.ts";
import { Standings } from "./standing.ts";
import type { Standing } from "./standing.ts";
import { prepareRecords, storeAround, storeRecords } from "./store.ts";
import type { Prepared, StoreDeps } from "./store.ts";
import { turnTaker } from "./turns.ts";

export interface BatchDeps {
  readonly events: EventLog;
  readonly registry: RegistryFold;
  readonly log: Logger;
  /** As it is when a batch comes. */
  readonly store: () => Omit<StoreDeps, "turn">;
}

/** After this many failures in a row on one batch, a record that fails while others go through is parked. */
const stubbornAfter = 5;

/** What becomes of a batch: its rows are stored, what others own is appended again; then it is done. */
export async function batchHandler(options: BatchDeps): Promise<ConsumeOptions["onBatch"]> {
  const { events, registry, log } = options;
  const isSpread = (await events.ends()).size > 1;
  const store = partitionStore(events, isSpread);
  const standings = new Standings();
  const turnFor = turnTaker();
  const failures = new Map<number, { readonly at: bigint; readonly times: number }>();

  return async (batch, signal, earlier) => {
    const first = batch.records[0]?.offset ?? 0n;
    const at = { partition: batch.partition, offset: first };
    const failed = failures.get(batch.partition);
    const times = failed?.at === first ? failed.times : 0;
    const { standing, before } = standings.enter(batch);
    try {
      const turn = turnFor(Number(batch.end - first));
      const mapped = await mapBatch(batch, registry, options.store().now, signal, turn);
      const ahead =
        isSpread || !before
          ? null
          : await preparedAhead({ ...options.store(), turn }, mapped.stated, before);
      await earlier;
      const deps = { ...options.store(), turn };
      const prepared = before?.isStored === true ? ahead : null;
      const prepare = async (): Promise<Prepared> =>
        standing.begin(prepared ?? (await prepareRecords(deps, mapped.stated)));
      const isStubborn = times >= stubbornAfter;
      const { changes, parked } = await store(deps, batch, mapped, { isStubborn, prepare });
      standing.stored(changes);
      for (const { ver, reason } of parked) log.warn("record parked", { ...at, ver, reason });
      const { length: records } = batch.records;
      log.debug("batch stored", { ...at, records, changed: changes.length, parked: parked.length });
      return "done";
    } catch (error) {
      if (signal.aborted) return "retry";
      failures.set(batch.partition, { at: first, times: times + 1 });
      const detail = error instanceof DbError ? { code: error.code, kind: error.kind } : { error };
      log.warn("batch not stored, it is tried again", { ...at, times, ...detail });
      return "retry";
    } finally {
      standing.end();
    }
  };
}

/**
 * Merged onto what the batch before is about to store, while that is being inserted. Null when that did not come to an
 * insert, and for what deletes a trace: it has to see all that is stored.
 */
async function preparedAhead(
  deps: StoreDeps,
  records: readonly StatedRecord[],
  before: Standing,
): Promise<Prepared | null> {
  if (records.some(({ statements }) => statements.some(isTraceDeletion))) return null;
  const coming = await before.coming;
  return coming && (await prepareRecords(deps, records, coming));
}

interface Storing {
  readonly isStubborn: boolean;
  /** Gives what the whole batch comes to, where it is stored from here. */
  readonly prepare: () => Promise<Prepared>;
}

type Store = (
  deps: StoreDeps,
  batch: LogBatch,
  mapped: MappedBatch,
  storing: Storing,
) => Promise<{ changes: readonly Change[]; parked: readonly ParkedRow[] }>;

/** Stores what a partition owns, and parks what cannot be stored. Where there is one partition, it owns every row. */
function partitionStore(events: EventLog, isSpread: boolean): Store {
  const broadcast = broadcaster(events);
  return async (own, { generation }, mapped, { isStubborn, prepare }) => {
    const isAlone = !isSpread && generation === events.generation;
    const routing = isAlone ? null : await route(own, mapped);
    const unroutable = await appendAgain(events, routing?.away ?? []);
    const deps = routing ? { ...own, fresh: routing.fresh } : own;
    const stored = routing
      ? await storeOrRefuse(deps, routing.here, isStubborn)
      : await storeOrRefuse(deps, mapped.stated, isStubborn, prepare);
    const tooLarge = unroutable.map(({ source }) =>
      parkedRow(source, "refused", "too large to be appended under its key", own.now()),
    );
    const parked = [...mapped.parked, ...stored.parked, ...tooLarge];
    await insertRows(own.db, "parked_records", parked);
    if (routing) {
      const endings = endingEntries(stored.changes);
      if (endings.length > 0) await events.append(endings);
      await broadcast(looseValues(routing.announced));
    }
    return { changes: stored.changes, parked };
  };
}

/** Stores what can be stored. Rejects, with nothing parked, when it is the engine that cannot. */
async function storeOrRefuse(
  store: StoreDeps,
  records: readonly MappedRecord[],
  stubborn: boolean,
  prepare?: () => Promise<Prepared>,
): Promise<{ changes: readonly Change[]; parked: ParkedRow[] }> {
  const { changes, refused } = await storeAround(store, records, stubborn, prepare);
  const parked: ParkedRow[] = [];
  for (const { record, error } of refused) {
    if (error.kind !== "data") {
      if (!othersWereStored(changes, record)) throw error;
      // The engine may have come back after this record and before the others.
      if (await isStoredNow(store, record)) continue;
    }
    const reason = error.kind === "data" ? "refused" : "refused-repeatedly";
    parked.push(parkedRow(record.source, reason, error.detail, store.now()));
  }
  return { changes, parked };
}

/** Whether rows of the same table went in while this record was refused. */
function othersWereStored(changes: readonly Change[], { statements }: StatedRecord): boolean {
  return statements.some(({ kind }) => changes.some((change) => change.kind === kind));
}

async function isStoredNow(store: StoreDeps, record: StatedRecord): Promise<boolean> {
  try {
    await storeRecords(store, [record]);
    return true;
  } catch (error) {
    if (error instanceof DbError) return false;
    throw error;
  }
}

/** Gives those that the log can never take, because their key made them larger; the others are durable. */
async function appendAgain(
  events: Pick<EventLog, "append">,
  entries: readonly Rerouted[],
): Promise<Rerouted[]> {
  if (entries.length === 0) return [];
  try {
    await events.append(entries);
    return [];
  } catch (error) {
    if (!(error instanceof AppendError && error.kind === "too-large")) throw error;
    const [first] = entries;
    if (entries.length === 1 && first) return [first];
    const half = entries.length >> 1;
    const refused = await appendAgain(events, entries.slice(0, half));
    return [...refused, ...(await appendAgain(events, entries.slice(half)))];
  }
}
