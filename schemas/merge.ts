import { compareText } from "./canonical.ts";
import { compareClocks, compareMoments, rank } from "./clock.ts";
import type { Clock, Clocks, Rank } from "./clock.ts";
import type { ColumnValue, Deletion, Fact, Kind } from "./facts.ts";
import { hourOf, keyHourOf } from "./key-hour.ts";

/**
 * How facts about one entity become one row. Every law is a join (the order of facts, their repeats and their
 * grouping do not matter), so a row may be merged again from any part of the log, onto any earlier state of itself.
 */
export type Law =
  /** The greatest clock wins. */
  | "latest"
  /** The smallest moment within the highest rank wins. */
  | "first"
  /** The smallest value within the highest rank wins. */
  | "minimum"
  /** The greatest value wins, whenever it was stated. */
  | "maximum"
  /** Everything ever stated, sorted. */
  | "union";

/** Columns that are stated, and win, together. */
export interface Unit {
  /** One letter, unique in its table: names the unit in the `clocks` column. `m` is taken by metadata. */
  readonly letter: string;
  readonly law: Law;
  readonly columns: readonly [string, ...string[]];
}

const attribution: readonly Unit[] = [
  { letter: "k", law: "latest", columns: ["key_id", "sdk_name", "sdk_version"] },
];

/** The one table of merging: what a column does when several facts state it. Metadata is `latest` for each key. */
export const laws: Readonly<Record<Kind, readonly Unit[]>> = {
  trace: [
    { letter: "t", law: "minimum", columns: ["timestamp"] },
    { letter: "e", law: "first", columns: ["environment"] },
    { letter: "n", law: "latest", columns: ["name"] },
    { letter: "u", law: "latest", columns: ["user_id"] },
    { letter: "s", law: "latest", columns: ["session_id"] },
    { letter: "r", law: "latest", columns: ["release"] },
    { letter: "v", law: "latest", columns: ["version"] },
    { letter: "g", law: "union", columns: ["tags"] },
    { letter: "p", law: "latest", columns: ["public"] },
    { letter: "b", law: "latest", columns: ["bookmarked"] },
    { letter: "i", law: "latest", columns: ["input"] },
    { letter: "o", law: "latest", columns: ["output"] },
    ...attribution,
  ],
  observation: [
    { letter: "a", law: "first", columns: ["trace_id"] },
    { letter: "t", law: "minimum", columns: ["start_time"] },
    { letter: "e", law: "first", columns: ["environment"] },
    { letter: "y", law: "latest", columns: ["type"] },
    { letter: "f", law: "latest", columns: ["parent_id"] },
    { letter: "n", law: "latest", columns: ["name"] },
    { letter: "z", law: "latest", columns: ["end_time"] },
    { letter: "c", law: "latest", columns: ["completion_start_time"] },
    { letter: "v", law: "latest", columns: ["version"] },
    { letter: "l", law: "latest", columns: ["level"] },
    { letter: "x", law: "latest", columns: ["status_message"] },
    { letter: "i", law: "latest", columns: ["input"] },
    { letter: "o", law: "latest", columns: ["output"] },
    { letter: "d", law: "latest", columns: ["model"] },
    { letter: "h", law: "latest", columns: ["model_params"] },
    { letter: "q", law: "latest", columns: ["prompt_name", "prompt_version"] },
    { letter: "w", law: "latest", columns: ["provided_usage", "usage_attributes"] },
    { letter: "r", law: "maximum", columns: ["registry_position"] },
    { letter: "j", law: "latest", columns: ["provided_cost"] },
    { letter: "s", law: "latest", columns: ["otel"] },
    { letter: "b", law: "latest", columns: ["marked_root"] },
    ...attribution,
  ],
  score: [
    { letter: "a", law: "first", columns: ["trace_id"] },
    { letter: "t", law: "minimum", columns: ["timestamp"] },
    { letter: "e", law: "first", columns: ["environment"] },
    { letter: "n", law: "latest", columns: ["name"] },
    { letter: "y", law: "latest", columns: ["source"] },
    { letter: "l", law: "latest", columns: ["data_type", "value", "string_value"] },
    { letter: "c", law: "latest", columns: ["comment"] },
    { letter: "o", law: "latest", columns: ["observation_id"] },
    { letter: "s", law: "latest", columns: ["session_id"] },
    { letter: "d", law: "latest", columns: ["dataset_run_id"] },
    { letter: "g", law: "latest", columns: ["config_id"] },
    { letter: "q", law: "latest", columns: ["queue_id"] },
    { letter: "x", law: "latest", columns: ["execution_trace_id"] },
    { letter: "u", law: "latest", columns: ["author_user_id"] },
    ...attribution,
  ],
};

/** The column that says when the entity happened; the row's `key_hour` follows it. */
export const timeColumn: Readonly<Record<Kind, string>> = {
  trace: "timestamp",
  observation: "start_time",
  score: "timestamp",
};

/** One trace, observation or score as merged so far. Never changed in place. */
export interface Entity {
  readonly kind: Kind;
  readonly project: string;
  readonly id: string;
  readonly columns: Readonly<Record<string, ColumnValue>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly clocks: Clocks;
  /** Smallest receipt of its facts, epoch milliseconds. */
  readonly createdAt: number;
  /** Facts received until then are dead; 0 when never deleted. */
  readonly deletedAt: number;
  /** False when deleted and nothing was said of it since. */
  readonly live: boolean;
  /** The hour in the row's key, epoch milliseconds. */
  readonly keyHour: number;
}

/** Merges one fact; gives the same object back when the fact changes nothing. */
export function mergeFact(base: Entity | null, fact: Fact): Entity | null {
  if (base && fact.receivedAt <= base.deletedAt) return base;
  // A tombstone's only column is the place it lies in, which says nothing about a life after it.
  const alive = base?.live ? base : null;
  const units: Record<string, Clock> = { ...alive?.clocks.units };
  const columns: Record<string, ColumnValue> = { ...alive?.columns };
  const clockAt = clocksOf(fact);
  let changed = !alive || fact.receivedAt < alive.createdAt;
  for (const unit of laws[fact.kind]) {
    if (fact.columns[unit.columns[0]] === undefined) continue;
    if (mergeUnit(unit, fact, columns, units, clockAt)) changed = true;
  }
  const metadata = mergeMetadata(alive, fact);
  if (base && !changed && !metadata) return base;

  const createdAt = alive ? Math.min(alive.createdAt, fact.receivedAt) : fact.receivedAt;
  return {
    kind: fact.kind,
    project: fact.project,
    id: fact.id,
    columns,
    metadata: metadata?.values ?? alive?.metadata ?? {},
    clocks: { units, metadata: metadata?.clocks ?? alive?.clocks.metadata ?? {} },
    createdAt,
    deletedAt: base?.deletedAt ?? 0,
    live: true,
    keyHour: keyHourOf(Number(columns[timeColumn[fact.kind]]), createdAt, base?.keyHour),
  };
}

/** Merges a deletion: a tombstone that remembers until when facts are dead. */
export function mergeDeletion(base: Entity | null, deletion: Deletion): Entity {
  if (base && base.deletedAt >= deletion.deletedAt) return base;
  // A replay meets what was made anew since: none of its facts is as old as the deletion.
  if (base?.live && base.createdAt > deletion.deletedAt) return base;
  const traceId = base?.columns["trace_id"];
  return {
    kind: deletion.kind,
    project: deletion.project,
    id: deletion.id,
    columns: traceId === undefined ? {} : { trace_id: traceId },
    metadata: {},
    clocks: { units: {}, metadata: {} },
    createdAt: deletion.deletedAt,
    deletedAt: deletion.deletedAt,
    live: false,
    keyHour: base?.keyHour ?? hourOf(deletion.deletedAt),
  };
}

function mergeUnit(
  unit: Unit,
  fact: Fact,
  columns: Record<string, ColumnValue>,
  clocks: Record<string, Clock>,
  clockAt: (at: Rank) => Clock,
): boolean {
  const [first] = unit.columns;
  const claim = fact.columns[first] ?? null;
  if (unit.law === "union") return mergeUnion(first, claim, columns);
  if (unit.law === "maximum") return mergeMaximum(first, claim, columns);

  const claimRank = fact.ranks[first] ?? rank.explicit;
  const clock = unit.law === "minimum" ? timeless[claimRank] : clockAt(claimRank);
  const held = clocks[unit.letter];
  if (held && !outranks(unit, clock, held, fact.columns, columns)) return false;
  clocks[unit.letter] = clock;
  for (const column of unit.columns) columns[column] = fact.columns[column] ?? null;
  return true;
}

/** Units of a `minimum` compare by value: of their clock only the rank counts. */
const timeless = Object.fromEntries(
  Object.values(rank).map((at): [Rank, Clock] => [at, { rank: at, time: 0, step: 0, event: "" }]),
) as Readonly<Record<Rank, Clock>>;

/** The clock of a fact at each rank: one object for all units that share it. */
function clocksOf({ time, step, event }: Fact): (at: Rank) => Clock {
  const made: Clock[] = [];
  return (at) => (made[at] ??= { rank: at, time, step, event });
}

function outranks(
  unit: Unit,
  clock: Clock,
  held: Clock,
  claimed: Readonly<Record<string, ColumnValue>>,
  holding: Readonly<Record<string, ColumnValue>>,
): boolean {
  switch (unit.law) {
    case "latest":
      return (
        (compareClocks(clock, held) || compareText(textOf(unit, claimed), textOf(unit, holding))) >
        0
      );
    case "first":
      if (clock.rank !== held.rank) return clock.rank > held.rank;
      return (
        (compareMoments(clock, held) || compareText(textOf(unit, claimed), textOf(unit, holding))) <
        0
      );
    case "minimum":
      if (clock.rank !== held.rank) return clock.rank > held.rank;
      return Number(claimed[unit.columns[0]]) < Number(holding[unit.columns[0]]);
    case "maximum":
    case "union":
      return false;
  }
}

/** The canonical text of a unit's values: decides between equal clocks with unequal contents. */
function textOf(unit: Unit, values: Readonly<Record<string, ColumnValue>>): string {
  return JSON.stringify(unit.columns.map((column) => values[column] ?? null));
}

function mergeMaximum(
  column: string,
  claim: ColumnValue,
  columns: Record<string, ColumnValue>,
): boolean {
  if (Number(claim) <= Number(columns[column] ?? 0)) return false;
  columns[column] = Number(claim);
  return true;
}

function mergeUnion(
  column: string,
  claim: ColumnValue,
  columns: Record<string, ColumnValue>,
): boolean {
  const held = columns[column];
  const before = Array.isArray(held) ? (held as readonly string[]) : [];
  const merged = new Set(before);
  if (Array.isArray(claim)) for (const item of claim) merged.add(String(item));
  if (merged.size === before.length) return false;
  columns[column] = [...merged].toSorted(compareText);
  return true;
}

/** Null when the fact's metadata changes nothing. */
function mergeMetadata(
  base: Entity | null,
  fact: Fact,
): { values: Record<string, string>; clocks: Record<string, Clock> } | null {
  if (!fact.metadata) return null;
  const { time, step, event } = fact;
  const clock: Clock = { rank: fact.ranks["metadata"] ?? rank.explicit, time, step, event };
  const values: Record<string, string> = Object.assign(Object.create(null), base?.metadata);
  const clocks: Record<string, Clock> = Object.assign(Object.create(null), base?.clocks.metadata);
  let changed = false;
  for (const [key, value] of Object.entries(fact.metadata)) {
    const held = clocks[key];
    const order = held ? compareClocks(clock, held) || compareText(value, values[key] ?? "") : 1;
    if (order <= 0) continue;
    values[key] = value;
    clocks[key] = clock;
    changed = true;
  }
  return changed ? { values, clocks } : null;
}
