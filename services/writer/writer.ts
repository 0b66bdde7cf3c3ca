import { DbError } from "../../clickhouse/engine.ts";
import type { Db } from "../../clickhouse/engine.ts";
import { insertRows } from "../../clickhouse/insert.ts";
import { allIds } from "../../clickhouse/lookup.ts";
import { tableOf } from "../../schemas/entity-row.ts";
import type { Kind } from "../../schemas/facts.ts";
import type { ParkedRow } from "../../schemas/parked.ts";
import type { EventLog, LogBatch } from "../runtime/event-log/port.ts";
import type { Logger } from "../runtime/logger.ts";
import type { RegistryFold } from "../runtime/registry.ts";
import type { LocalWatermarks } from "../runtime/watermarks.ts";
import { entityCache } from "./entity-cache.ts";
import { idFilter } from "./id-filter.ts";
import { mapBatch, parkedRow } from "./map-batch.ts";
import type { MappedRecord } from "./map-batch.ts";
import { entityKey } from "./plan.ts";
import type { Change, StatedRecord } from "./plan.ts";
import { pricer } from "./pricer.ts";
import { storeAround, storeRecords } from "./store.ts";
import type { StoreDeps } from "./store.ts";
import { turnTaker } from "./turns.ts";
import { openAiCounter } from "./tokenizer.ts";

export interface WriterLimits {
  readonly rowsMax: number;
  readonly bytesMax: number;
  readonly lingerMs: number;
  readonly cacheBytesMax: number;
  readonly filterBytesMax: number;
  /** Of a text whose tokens are counted; 0 counts none. */
  readonly tokenizeBytesMax: number;
}

export interface WriterDeps {
  readonly events: EventLog;
  readonly registry: RegistryFold;
  readonly db: Db;
  readonly limits: WriterLimits;
  readonly log: Logger;
  /** Told how far the log is stored. */
  readonly watermarks?: Pick<LocalWatermarks, "advance">;
  readonly now?: () => number;
}

export interface Writer {
  /** Finishes what it has in hand, commits it, and stops. */
  stop(): Promise<void>;
}

/** After this many failures in a row on one batch, a record that fails while others go through is parked. */
const stubbornAfter = 5;

/**
 * Reads the log, merges what it says into full rows and inserts them, then commits. When ClickHouse is away it waits
 * and never skips; what ClickHouse can never take is parked with its bytes and its reason.
 */
export async function startWriter(options: WriterDeps): Promise<Writer> {
  const { db, limits, log, events, registry, watermarks } = options;
  const store: Omit<StoreDeps, "turn"> = {
    db,
    now: options.now ?? Date.now,
    cache: entityCache(limits.cacheBytesMax),
    filter: idFilter(limits.filterBytesMax),
    price: pricer(
      registry.registry.models,
      limits.tokenizeBytesMax > 0 ? openAiCounter(limits.tokenizeBytesMax) : null,
    ),
  };
  await fillFilter(store);
  const turnFor = turnTaker();
  let failures = { at: -1n, times: 0 };

  function timesFailed(first: bigint): number {
    return failures.at === first ? failures.times : 0;
  }

  async function onBatch(
    batch: LogBatch,
    signal: AbortSignal,
    earlier: Promise<void>,
  ): Promise<"done" | "retry"> {
    const first = batch.records[0]?.offset ?? 0n;
    const at = { partition: batch.partition, offset: first };
    try {
      const turn = turnFor(Number(batch.end - first));
      const mapped = await mapBatch(batch, registry, store.now, signal, turn);
      await earlier;
      const deps = { ...store, turn };
      const stored = await storeOrRefuse(deps, mapped.stated, timesFailed(first) >= stubbornAfter);
      const parked = [...mapped.parked, ...stored.parked];
      await insertRows(db, "parked_records", parked);
      for (const { ver, reason } of parked) log.warn("record parked", { ...at, ver, reason });
      const { length: records } = batch.records;
      log.debug("batch stored", { ...at, records, changed: stored.changed, parked: parked.length });
      return "done";
    } catch (error) {
      if (signal.aborted) return "retry";
      const times = timesFailed(first);
      failures = { at: first, times: times + 1 };
      const detail = error instanceof DbError ? { code: error.code, kind: error.kind } : { error };
      log.warn("batch not stored, it is tried again", { ...at, times, ...detail });
      return "retry";
    }
  }

  const consumer = await events.consume({
    group: "writer",
    recordsMax: limits.rowsMax,
    bytesMax: limits.bytesMax,
    lingerMs: limits.lingerMs,
    readAhead: true,
    onBatch,
    onCommitted: (partition, next) => watermarks?.advance(partition, next),
  });
  // Events go on being accepted into the log; nothing of it is lost, but nothing new can be read.
  consumer.ended.catch((error) => log.error("the writer cannot read on", { error }));
  return { stop: () => consumer.stop() };
}

/** Stores what can be stored. Rejects, with nothing parked, when it is the engine that cannot. */
async function storeOrRefuse(
  store: StoreDeps,
  records: readonly MappedRecord[],
  stubborn: boolean,
): Promise<{ changed: number; parked: ParkedRow[] }> {
  const { changes, refused } = await storeAround(store, records, stubborn);
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
  return { changed: changes.length, parked };
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

async function fillFilter({ db, filter }: Pick<StoreDeps, "db" | "filter">): Promise<void> {
  for (const kind of ["trace", "observation", "score"] satisfies Kind[]) {
    for await (const ids of allIds(db, tableOf[kind])) {
      for (const { project, id } of ids) filter.add(entityKey(kind, project, id));
    }
  }
  filter.complete();
}
