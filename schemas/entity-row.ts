import { sortedRecord } from "./canonical.ts";
import { decodeClocks, encodeClocks } from "./clock.ts";
import type { Clocks } from "./clock.ts";
import type { ColumnValue, Kind } from "./facts.ts";
import { laws } from "./merge.ts";
import type { Entity, Unit } from "./merge.ts";
import type { MergedRow, ObservationRow, ScoreRow, TraceRow } from "./rows.ts";
import { usageAndCost } from "./usage.ts";

export const tableOf = { trace: "traces", observation: "observations", score: "scores" } as const;

/** A row to insert. Columns that nobody stated are left out: the table's defaults for them are empty, too. */
export type EntityRow = MergedStated & Partial<TraceRow & ObservationRow & ScoreRow>;

type MergedStated = Pick<MergedRow, "project_id" | "key_hour" | "id" | "metadata" | Bookkeeping>;
type Bookkeeping = "created_at" | "updated_at" | "clocks" | "deleted_at" | "ver" | "is_deleted";

/** The row of an entity: what was stated, what follows from it, and what a later merge needs. */
export function rowOf(entity: Entity, ver: bigint, updatedAt: number): EntityRow {
  const row: EntityRow = {
    project_id: entity.project,
    key_hour: entity.keyHour / 1000,
    id: entity.id,
    metadata: sortedRecord(entity.metadata),
    created_at: entity.createdAt,
    updated_at: updatedAt,
    clocks: encodeClocks(entity.clocks),
    deleted_at: entity.deletedAt,
    ver: ver.toString(),
    is_deleted: entity.live ? 0 : 1,
  };
  Object.assign(row, entity.columns);
  if (entity.kind === "observation") Object.assign(row, derivedColumns(row));
  return row;
}

/** The tombstone for a key that the entity has left; its `deleted_at` of 1970 tells it from a deletion. */
export function movedRow(
  entity: Entity,
  left: PhysicalKey,
  ver: bigint,
  updatedAt: number,
): EntityRow {
  const bare: Entity = {
    ...entity,
    columns: left.traceId === null ? {} : { trace_id: left.traceId },
    metadata: {},
    clocks: { units: {}, metadata: {} },
    deletedAt: 0,
    live: false,
    keyHour: left.keyHour,
  };
  return rowOf(bare, ver, updatedAt);
}

/** Where a row lies, within its project and id. */
export interface PhysicalKey {
  readonly keyHour: number;
  /** Null for traces, whose key has none. */
  readonly traceId: string | null;
}

export function physicalKeyOf(entity: Entity): PhysicalKey {
  const traceId = entity.columns["trace_id"];
  const ownTrace = typeof traceId === "string" ? traceId : "";
  return { keyHour: entity.keyHour, traceId: entity.kind === "trace" ? null : ownTrace };
}

/** Reads back what {@link rowOf} wrote. */
export function entityOf(kind: Kind, row: EntityRow): Entity {
  const clocks = decodeClocks(row.clocks, Object.keys(row.metadata));
  const stored = row as unknown as Readonly<Record<string, ColumnValue>>;
  const columns: Record<string, ColumnValue> = {};
  if (row.is_deleted && row.trace_id !== undefined) columns["trace_id"] = row.trace_id;
  for (const unit of laws[kind]) {
    if (!isStated(unit, row, stored, clocks)) continue;
    for (const column of unit.columns) {
      const value = stored[column];
      if (value !== undefined) columns[column] = value;
    }
  }
  return {
    kind,
    project: row.project_id,
    id: row.id,
    columns,
    metadata: row.metadata,
    clocks,
    createdAt: row.created_at,
    deletedAt: row.deleted_at,
    live: row.is_deleted === 0,
    keyHour: row.key_hour * 1000,
  };
}

/** Units whose values say all there is to know have no clock. */
function isStated(
  { law, letter, columns: [first] }: Unit,
  row: EntityRow,
  stored: Readonly<Record<string, ColumnValue>>,
  clocks: Clocks,
): boolean {
  if (law === "union") return row.is_deleted === 0;
  return law === "maximum" ? Boolean(stored[first]) : clocks.units[letter] !== undefined;
}

function derivedColumns({ provided_usage, provided_cost }: EntityRow): Partial<ObservationRow> {
  if (!provided_usage && !provided_cost) return {};
  const { usage, cost, inputUnits, outputUnits, totalUnits, totalCost } = usageAndCost(
    provided_usage ?? {},
    provided_cost ?? {},
  );
  return {
    usage_details: { ...usage },
    cost_details: { ...cost },
    tok_in: inputUnits,
    tok_out: outputUnits,
    tok_total: totalUnits,
    total_cost: totalCost,
  };
}
