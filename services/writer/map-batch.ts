import { mapRecord } from "../../schemas/mapping.ts";
import type { ParkedRow, ParkReason } from "../../schemas/parked.ts";
import { HandedRecord, recordDecoder } from "../../schemas/records.ts";
import type { LooseBody, RecordHeader } from "../../schemas/records.ts";
import type { LogBatch } from "../runtime/event-log/port.ts";
import type { RegistryFold } from "../runtime/registry.ts";
import type { StatedRecord } from "./plan.ts";
import type { Turn } from "./turns.ts";

/** Where a record stood in the log, and its bytes: what is kept of it when it cannot be stored. */
export interface Source {
  readonly partition: number;
  /** The version of rows that come of it. */
  readonly position: bigint;
  readonly value: Buffer;
  readonly header: RecordHeader | null;
}

export interface MappedRecord extends StatedRecord {
  readonly source: Source;
}

/** What another writer says of rows that lie under a key of their own (schemas/records.ts). */
export interface LooseRecord {
  readonly source: Source;
  readonly project: string;
  /** The key under which it was appended for one partition; null when it goes to all. */
  readonly routed: string | null;
  readonly entities: LooseBody["entities"];
}

export interface MappedBatch {
  readonly loose: readonly LooseRecord[];
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
  const loose: LooseRecord[] = [];
  const decode = recordDecoder();
  for (const { offset, value, origin } of batch.records) {
    await turn();
    const position = positionOf(batch.generation, offset);
    const record = origin instanceof HandedRecord ? origin : attempt(() => decode(value));
    const header = record instanceof Error ? null : record.header;
    const source: Source = { partition: batch.partition, position, value, header };
    if (record instanceof Error) {
      parked.push(parkedRow(source, "undecodable", record.message, now()));
      continue;
    }
    if (!(record instanceof HandedRecord) && record.header.dialect === "loose") {
      const { project, routed } = record.header;
      const { entities }: LooseBody = JSON.parse(record.body);
      loose.push({ source, project, routed: routed ?? null, entities });
      continue;
    }
    await fold.reached(record.header.registry, signal);
    const mapping = mapRecord(record, fold.registry);
    if (mapping.ok) stated.push({ position, statements: mapping.statements, source });
    else parked.push(parkedRow(source, mapping.reason, mapping.detail, now()));
  }
  return { stated, parked, loose };
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
