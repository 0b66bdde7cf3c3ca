import { sortedRecord } from "./canonical.ts";
import { decodeClocks, encodeClocks } from "./clock.ts";
import type { ColumnValue, Kind } from "./facts.ts";
import { laws } from "./merge.ts";
import type { Entity } from "./merge.ts";
import type { MergedRow, ObservationRow, ScoreRow, TraceRow } from "./rows.ts";
import { usageAndCost } from "./usage.ts";

export const tableOf = { trace: "traces", observation: "observations", score: "scores" } as const;

export type EntityRow = TraceRow | ObservationRow | ScoreRow;

/** The row of an entity: what was stated, what follows from it, and what a later merge needs. */
export function rowOf(entity: Entity, ver: bigint, updatedAt: number): EntityRow {
  const shared: MergedRow = {
    project_id: entity.project,
    key_hour: entity.keyHour / 1000,
    id: entity.id,
    environment: "",
    metadata: sortedRecord(entity.metadata),
    key_id: "",
    sdk_name: "",
    sdk_version: "",
    created_at: entity.createdAt,
    updated_at: updatedAt,
    clocks: encodeClocks(entity.clocks),
    deleted_at: entity.deletedAt,
    ver: ver.toString(),
    is_deleted: entity.live ? 0 : 1,
  };
  const row = { ...shared, ...emptyColumns[entity.kind], ...entity.columns };
  return entity.kind === "observation" ? { ...row, ...derivedColumns(row) } : row;
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
  if (row.is_deleted && "trace_id" in row) columns["trace_id"] = row.trace_id;
  for (const unit of laws[kind]) {
    const stated =
      unit.law === "union" ? row.is_deleted === 0 : clocks.units[unit.letter] !== undefined;
    if (!stated) continue;
    for (const column of unit.columns) columns[column] = stored[column] ?? null;
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

type OwnColumns<Row> = Omit<Row, keyof MergedRow>;

const emptyTrace: OwnColumns<TraceRow> = {
  timestamp: 0,
  name: "",
  user_id: "",
  session_id: "",
  release: "",
  version: "",
  tags: [],
  public: false,
  bookmarked: false,
  input: "",
  output: "",
};

const emptyObservation: OwnColumns<ObservationRow> = {
  trace_id: "",
  parent_id: "",
  type: "",
  name: "",
  start_time: 0,
  end_time: null,
  completion_start_time: null,
  version: "",
  level: "",
  status_message: "",
  input: "",
  output: "",
  model: "",
  model_params: "",
  prompt_name: "",
  prompt_version: null,
  provided_usage: {},
  provided_cost: {},
  model_id: "",
  prompt_id: "",
  pricing: "",
  usage_details: {},
  cost_details: {},
  tok_in: 0,
  tok_out: 0,
  tok_total: 0,
  total_cost: null,
};

const emptyScore: OwnColumns<ScoreRow> = {
  trace_id: "",
  timestamp: 0,
  observation_id: "",
  session_id: "",
  dataset_run_id: "",
  name: "",
  source: "",
  data_type: "",
  value: 0,
  string_value: "",
  comment: "",
  config_id: "",
  queue_id: "",
  execution_trace_id: "",
  author_user_id: "",
};

const emptyColumns = {
  trace: emptyTrace,
  observation: emptyObservation,
  score: emptyScore,
} as const;

function derivedColumns(row: Readonly<Record<string, unknown>>): Partial<ObservationRow> {
  const { usage, cost, inputUnits, outputUnits, totalUnits, totalCost } = usageAndCost(
    row["provided_usage"] as ObservationRow["provided_usage"],
    row["provided_cost"] as ObservationRow["provided_cost"],
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
