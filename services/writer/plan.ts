import { movedRow, rowOf } from "../../schemas/entity-row.ts";
import type { EntityRow } from "../../schemas/entity-row.ts";
import { rank } from "../../schemas/clock.ts";
import type { Deletion, Fact, Kind } from "../../schemas/facts.ts";
import { mergeDeletion, mergeFact } from "../../schemas/merge.ts";
import type { Entity } from "../../schemas/merge.ts";
import { placeOf } from "./entity-cache.ts";
import type { Place, Stored } from "./entity-cache.ts";

export type Statement = Fact | Deletion;

/** What one record of the log says. */
export interface StatedRecord {
  /** generation * 2^48 + offset. */
  readonly position: bigint;
  readonly statements: readonly Statement[];
}

/** An entity that the records changed. */
export interface Change {
  readonly key: string;
  readonly kind: Kind;
  readonly stored: NonNullable<Stored>;
  /** Places that the entity has left: each needs a tombstone. */
  readonly left: readonly Place[];
}

/** Names an entity within the writer. Ids cannot hold a carriage return (write-api.md §2.1). */
export function entityKey(kind: Kind, project: string, id: string): string {
  return `${kind}\r${project}\r${id}`;
}

export interface Needed {
  readonly key: string;
  readonly kind: Kind;
  readonly project: string;
  readonly id: string;
}

/** The entities whose stored state decides what the records become: those they state, and the traces they belong to. */
export function neededBy(records: readonly StatedRecord[]): Needed[] {
  const needed = new Map<string, Needed>();
  function need(kind: Kind, project: string, id: string): void {
    const key = entityKey(kind, project, id);
    if (!needed.has(key)) needed.set(key, { key, kind, project, id });
  }
  for (const { statements } of records) {
    for (const statement of statements) {
      need(statement.kind, statement.project, statement.id);
      const traceId = traceOf(statement);
      if (traceId) need("trace", statement.project, traceId);
    }
  }
  return [...needed.values()];
}

/** Whether it is about an entity whose trace it does not name: which one that is, only the stored row can tell. */
export function isLoose(statement: Statement): boolean {
  if (statement.kind === "trace") return false;
  return "deletedAt" in statement || statement.ranks["trace_id"] === rank.defaulted;
}

/** Says nothing; but an entity that has more than one row is then written anew, as one. */
export function touch({ kind, project, id }: Needed): Fact {
  const nothing = { columns: {}, ranks: {}, metadata: null, event: "" };
  return { kind, project, id, receivedAt: 0, time: 0, step: 0, ...nothing };
}

interface Working {
  readonly kind: Kind;
  entity: Entity;
  ver: bigint;
  readonly strays: readonly Place[];
  /** Every key that some prefix of the fold, cut by another writer, could have written the row under. */
  readonly keys: Map<string, Place>;
}

/** Merges records, in the order of the log, onto what is stored. `bases` holds every key of {@link neededBy}. */
export class Plan {
  readonly #bases: ReadonlyMap<string, Stored>;
  readonly #working = new Map<string, Working>();

  constructor(bases: ReadonlyMap<string, Stored>) {
    this.#bases = bases;
  }

  add({ position, statements }: StatedRecord): void {
    for (const statement of statements) {
      this.#apply(position, statement);
      if (!isTraceDeletion(statement)) continue;
      for (const { entity } of this.#working.values()) {
        if (!belongsTo(entity, statement)) continue;
        this.#apply(position, { ...statement, kind: entity.kind, id: entity.id });
      }
    }
  }

  changes(): Change[] {
    return [...this.#working].map(([key, { kind, entity, ver, keys }]) => {
      const here = keyText(placeOf(entity));
      const left = [...keys].filter(([text]) => text !== here).map(([, place]) => place);
      return { key, kind, stored: { entity, ver, strays: [] }, left };
    });
  }

  #apply(position: bigint, statement: Statement): void {
    const { kind } = statement;
    const key = entityKey(kind, statement.project, statement.id);
    const held = this.#working.get(key);
    const base = held ?? this.#bases.get(key) ?? null;
    const before = base?.entity ?? null;
    const after = mergeStatement(before, statement, this.#traceDeletedAt(statement));
    const settled = held !== undefined || !base?.strays.length;
    if (!after || (after === before && settled)) return;
    const ver = base && base.ver >= position ? base.ver + 1n : position;
    const next = held ?? { kind, entity: after, ver, strays: [], keys: keysOf(base) };
    remember(next.keys, placeOf(after));
    next.entity = after;
    next.ver = ver;
    this.#working.set(key, next);
  }

  /** Until when the trace of this statement is deleted: that holds for what belongs to the trace, too. */
  #traceDeletedAt(statement: Statement): number {
    const traceId = traceOf(statement);
    if (!traceId) return 0;
    const key = entityKey("trace", statement.project, traceId);
    return (this.#working.get(key) ?? this.#bases.get(key))?.entity.deletedAt ?? 0;
  }
}

/** The row that says what has become of the entity. */
export function rowOfChange({ stored }: Change, updatedAt: number): EntityRow {
  return rowOf(stored.entity, stored.ver, updatedAt);
}

/** Places that are written from the same partition as the row itself, and those that are not. */
export function leftOf({ stored, left }: Change): { own: Place[]; others: Place[] } {
  const { traceId } = placeOf(stored.entity);
  const own = left.filter((place) => place.traceId === traceId);
  return { own, others: left.filter((place) => !own.includes(place)) };
}

/** To be inserted after the row: until then the entity must be somewhere. */
export function tombstonesOf(
  { stored }: Change,
  left: readonly Place[],
  updatedAt: number,
): EntityRow[] {
  return left.map((place) => movedRow(stored.entity, place, stored.ver, updatedAt));
}

export function isTraceDeletion(statement: Statement): statement is Deletion {
  return statement.kind === "trace" && "deletedAt" in statement;
}

/** What is stored of a trace is deleted with it by the caller; this is for what the same records have made. */
function belongsTo(entity: Entity, trace: Deletion): boolean {
  return entity.project === trace.project && entity.columns["trace_id"] === trace.id;
}

function mergeStatement(
  before: Entity | null,
  statement: Statement,
  traceDeletedAt: number,
): Entity | null {
  if ("deletedAt" in statement) return mergeDeletion(before, statement);
  return statement.receivedAt <= traceDeletedAt ? before : mergeFact(before, statement);
}

function traceOf(statement: Statement): string | null {
  if (statement.kind === "trace" || "deletedAt" in statement) return null;
  const traceId = statement.columns["trace_id"];
  return typeof traceId === "string" && traceId !== "" ? traceId : null;
}

function keysOf(base: Stored): Map<string, Place> {
  const keys = new Map<string, Place>();
  if (base) for (const place of [placeOf(base.entity), ...base.strays]) remember(keys, place);
  return keys;
}

function remember(keys: Map<string, Place>, place: Place): void {
  keys.set(keyText(place), place);
}

function keyText(place: Place): string {
  return `${place.keyHour}\r${place.traceId ?? ""}`;
}
