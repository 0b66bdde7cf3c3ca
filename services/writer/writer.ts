import { setImmediate as breathe } from "node:timers/promises";
import { DbError } from "../../clickhouse/engine.ts";
import type { Db } from "../../clickhouse/engine.ts";
import { insertRows } from "../../clickhouse/insert.ts";
import { allIds } from "../../clickhouse/lookup.ts";
import { tableOf } from "../../schemas/entity-row.ts";
import type { Kind } from "../../schemas/facts.ts";
import { mapRecord } from "../../schemas/mapping.ts";
import type { ParkedRow, ParkReason } from "../../schemas/parked.ts";
import type { RecordHeader } from "../../schemas/records.ts";
import type { EventLog, LogBatch } from "../runtime/event-log/port.ts";
import type { Logger } from "../runtime/logger.ts";
import type { RegistryFold } from "../runtime/registry.ts";
import { entityCache } from "./entity-cache.ts";
import { idFilter } from "./id-filter.ts";
import { entityKey } from "./plan.ts";
import type { Change, StatedRecord } from "./plan.ts";
import { storeAround } from "./store.ts";
import type { StoreDeps } from "./store.ts";

export interface WriterLimits {
  readonly rowsMax: number;
  readonly bytesMax: number;
  readonly lingerMs: number;
  readonly cacheBytesMax: number;
  readonly filterBytesMax: number;
}

export interface WriterDeps {
  readonly events: EventLog;
  readonly registry: RegistryFold;
  readonly db: Db;
  readonly limits: WriterLimits;
  readonly log: Logger;
  readonly now?: () => number;
}

export interface Writer {
  /** Finishes the batch in hand, commits it, and stops. */
  stop(): Promise<void>;
}

/** Where a record stood in the log, and its bytes: what is kept of it when it cannot be stored. */
interface Source {
  readonly partition: number;
  readonly position: bigint;
  readonly value: Buffer;
  readonly header: RecordHeader | null;
}

interface MappedRecord extends StatedRecord {
  readonly source: Source;
}

interface MappedBatch {
  readonly stated: readonly MappedRecord[];
  readonly parked: ParkedRow[];
  /** The furthest registry position that any of the records knew. */
  readonly registry: string;
}

/** Records mapped in one go, before the event loop gets its turn: about 5 ms of work. */
const sliceRecords = 200;
/** After this many failures in a row on one batch, a record that fails alone is parked. */
const stubbornAfter = 5;

/**
 * Reads the log, merges what it says into full rows and inserts them, then commits. When ClickHouse is away it waits
 * and never skips; what ClickHouse can never take is parked with its bytes and its reason.
 */
export async function startWriter(deps: WriterDeps): Promise<Writer> {
  const { db, limits, log, events, registry } = deps;
  const now = deps.now ?? Date.now;
  const store: StoreDeps = {
    db,
    now,
    cache: entityCache(limits.cacheBytesMax),
    filter: idFilter(limits.filterBytesMax),
  };
  await fillFilter(store);
  let failures = { at: -1n, times: 0 };

  async function onBatch(batch: LogBatch, signal: AbortSignal): Promise<"done" | "retry"> {
    const first = batch.records[0]?.offset ?? 0n;
    const times = failures.at === first ? failures.times : 0;
    try {
      const mapped = await mapBatch(batch);
      await registry.reached(mapped.registry, signal);
      const stubborn = times >= stubbornAfter;
      const { changes, refused } = await storeAround(store, mapped.stated, stubborn);
      for (const { record, error } of refused) {
        const isItsOwnFault = error.kind === "data" || othersWereStored(changes, record);
        // Nothing else went through: it is the engine that cannot, and the writer waits for it.
        if (!isItsOwnFault) throw error;
        const reason = error.kind === "data" ? "refused" : "refused-repeatedly";
        mapped.parked.push(park(record.source, reason, error.detail));
      }
      if (mapped.parked.length > 0) await insertRows(db, "parked_records", mapped.parked);
      log.debug("batch stored", {
        partition: batch.partition,
        offset: first,
        records: batch.records.length,
        changed: changes.length,
        parked: mapped.parked.length,
      });
      return "done";
    } catch (error) {
      if (signal.aborted) return "retry";
      failures = { at: first, times: times + 1 };
      const detail = error instanceof DbError ? { code: error.code, kind: error.kind } : { error };
      log.warn("batch not stored, it is tried again", {
        partition: batch.partition,
        offset: first,
        times,
        ...detail,
      });
      return "retry";
    }
  }

  async function mapBatch(batch: LogBatch): Promise<MappedBatch> {
    const stated: MappedRecord[] = [];
    const parked: ParkedRow[] = [];
    let registryPosition = 0n;
    for (const [index, { offset, value }] of batch.records.entries()) {
      if (index % sliceRecords === sliceRecords - 1) await breathe();
      const position = positionOf(batch.generation, offset);
      const mapping = mapRecord(value);
      const source: Source = {
        partition: batch.partition,
        position,
        value,
        header: mapping.header,
      };
      if (mapping.ok) {
        stated.push({ position, statements: mapping.statements, source });
        const known = BigInt(mapping.header.registry);
        if (known > registryPosition) registryPosition = known;
      } else {
        parked.push(park(source, mapping.reason, mapping.detail));
      }
    }
    return { stated, parked, registry: registryPosition.toString() };
  }

  function park(source: Source, reason: ParkReason, detail: string): ParkedRow {
    log.warn("record parked", { partition: source.partition, position: source.position, reason });
    return {
      project_id: source.header?.project ?? "",
      partition: source.partition,
      ver: source.position.toString(),
      received_at: source.header?.receivedAt ?? 0,
      parked_at: now(),
      reason,
      detail,
      record: source.value.toString("base64"),
      redriven_at: 0,
    };
  }

  const consumer = await events.consume({
    group: "writer",
    recordsMax: limits.rowsMax,
    bytesMax: limits.bytesMax,
    lingerMs: limits.lingerMs,
    onBatch,
  });
  return { stop: () => consumer.stop() };
}

/** Whether rows of the same table went in while this record was refused. */
function othersWereStored(changes: readonly Change[], { statements }: StatedRecord): boolean {
  return statements.some(({ kind }) => changes.some((change) => change.kind === kind));
}

/** The version of a row: later positions are greater, also across generations of the log. */
export function positionOf(generation: number, offset: bigint): bigint {
  return (BigInt(generation) << 48n) + offset;
}

/** The generation and offset of a position. */
export function partsOf(position: bigint): { generation: number; offset: bigint } {
  return { generation: Number(position >> 48n), offset: position & ((1n << 48n) - 1n) };
}

async function fillFilter({ db, filter }: StoreDeps): Promise<void> {
  for (const kind of ["trace", "observation", "score"] satisfies Kind[]) {
    for await (const ids of allIds(db, tableOf[kind])) {
      for (const { project, id } of ids) filter.add(entityKey(kind, project, id));
    }
  }
  filter.complete();
}
