import { setImmediate as breathe } from "node:timers/promises";

import { mapRecord } from "../../schemas/mapping.ts";
import type { ParkedRow, ParkReason } from "../../schemas/parked.ts";
import type { RecordHeader } from "../../schemas/records.ts";
import type { LogBatch } from "../runtime/event-log/port.ts";
import type { StatedRecord } from "./plan.ts";

/** Where a record stood in the log, and its bytes: what is kept of it when it cannot be stored. */
interface Source {
  readonly partition: number;
  readonly position: bigint;
  readonly value: Buffer;
  readonly header: RecordHeader | null;
}

export interface MappedRecord extends StatedRecord {
  readonly source: Source;
}

export interface MappedBatch {
  readonly stated: readonly MappedRecord[];
  /** What states nothing that could be stored. */
  readonly parked: readonly ParkedRow[];
  /** The furthest registry position that any of the records knew. */
  readonly registry: string;
}

/** Records mapped in one go, before the event loop gets its turn: about 5 ms of work. */
const sliceRecords = 200;

export async function mapBatch(batch: LogBatch, now: () => number): Promise<MappedBatch> {
  const stated: MappedRecord[] = [];
  const parked: ParkedRow[] = [];
  let registry = 0n;
  for (const [index, { offset, value }] of batch.records.entries()) {
    if (index % sliceRecords === sliceRecords - 1) await breathe();
    const position = positionOf(batch.generation, offset);
    const mapping = mapRecord(value);
    const source: Source = { partition: batch.partition, position, value, header: mapping.header };
    if (mapping.ok) {
      stated.push({ position, statements: mapping.statements, source });
      const known = BigInt(mapping.header.registry);
      if (known > registry) registry = known;
    } else {
      parked.push(parkedRow(source, mapping.reason, mapping.detail, now()));
    }
  }
  return { stated, parked, registry: registry.toString() };
}

export function parkedRow(
  source: Source,
  reason: ParkReason,
  detail: string,
  parkedAt: number,
): ParkedRow {
  return {
    project_id: source.header?.project ?? "",
    partition: source.partition,
    ver: source.position.toString(),
    received_at: source.header?.receivedAt ?? 0,
    parked_at: parkedAt,
    reason,
    detail,
    record: source.value.toString("base64"),
    redriven_at: 0,
  };
}

/** The version of a row: later positions are greater, also across generations of the log. */
export function positionOf(generation: number, offset: bigint): bigint {
  return (BigInt(generation) << 48n) + offset;
}

/** The generation and offset of a position. */
export function partsOf(position: bigint): { generation: number; offset: bigint } {
  return { generation: Number(position >> 48n), offset: position & ((1n << 48n) - 1n) };
}
