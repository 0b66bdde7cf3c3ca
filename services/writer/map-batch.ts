import { mapRecord } from "../../schemas/mapping.ts";
import type { ParkedRow, ParkReason } from "../../schemas/parked.ts";
import { recordDecoder } from "../../schemas/records.ts";
import type { RecordHeader } from "../../schemas/records.ts";
import type { LogBatch } from "../runtime/event-log/port.ts";
import type { RegistryFold } from "../runtime/registry.ts";
import type { StatedRecord } from "./plan.ts";
import type { Turn } from "./turns.ts";

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
}

/** Maps with the configuration that the records knew: it waits for the fold, which rejects when `signal` aborts. */
export async function mapBatch(
  batch: LogBatch,
  fold: Pick<RegistryFold, "registry" | "reached">,
  now: () => number,
  signal: AbortSignal,
  turn: Turn,
): Promise<MappedBatch> {
  const stated: MappedRecord[] = [];
  const parked: ParkedRow[] = [];
  const decode = recordDecoder();
  for (const { offset, value } of batch.records) {
    await turn();
    const position = positionOf(batch.generation, offset);
    const record = attempt(() => decode(value));
    const header = record instanceof Error ? null : record.header;
    const source: Source = { partition: batch.partition, position, value, header };
    if (record instanceof Error) {
      parked.push(parkedRow(source, "undecodable", record.message, now()));
      continue;
    }
    await fold.reached(record.header.registry, signal);
    const mapping = mapRecord(record, fold.registry);
    if (mapping.ok) stated.push({ position, statements: mapping.statements, source });
    else parked.push(parkedRow(source, mapping.reason, mapping.detail, now()));
  }
  return { stated, parked };
}

function attempt<Result>(work: () => Result): Result | Error {
  try {
    return work();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
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
