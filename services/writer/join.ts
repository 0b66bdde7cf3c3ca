import { rank } from "../../schemas/clock.ts";
import type { Clock, Rank } from "../../schemas/clock.ts";
import type { ColumnValue, Fact } from "../../schemas/facts.ts";
import { laws, mergeDeletion, mergeFact } from "../../schemas/merge.ts";
import type { Entity } from "../../schemas/merge.ts";

/**
 * Two stored states of one entity as the state of all facts that are in either. Where one of them is deleted, the other
 * one's facts count as received when its first was. Gives `onto` back where `other` adds nothing.
 */
export function joined(onto: Entity, other: Entity): Entity {
  let entity: Entity | null = onto;
  if (other.deletedAt > 0) {
    const { kind, project, id, deletedAt } = other;
    entity = mergeDeletion(entity, { kind, project, id, deletedAt });
  }
  if (!other.live) return entity;
  for (const fact of factsOf(other)) entity = mergeFact(entity, fact);
  return entity ?? onto;
}

/** Facts whose merge is this live entity: one for each of its clocks. */
function factsOf(entity: Entity): Fact[] {
  const facts: Fact[] = [];
  const state = (
    clock: Clock,
    columns: Record<string, ColumnValue>,
    ranks: Record<string, Rank>,
    metadata: Fact["metadata"] = null,
  ): void => {
    const { kind, project, id, createdAt: receivedAt } = entity;
    const { time, step, event } = clock;
    facts.push({ kind, project, id, receivedAt, time, step, event, columns, ranks, metadata });
  };
  for (const unit of laws[entity.kind]) {
    const [first] = unit.columns;
    if (entity.columns[first] === undefined) continue;
    // Units without a clock say all in their values.
    const clock = entity.clocks.units[unit.letter] ?? noClock;
    const columns: Record<string, ColumnValue> = {};
    for (const column of unit.columns) columns[column] = entity.columns[column] ?? null;
    state(clock, columns, { [first]: clock.rank });
  }
  for (const [key, value] of Object.entries(entity.metadata)) {
    const clock = entity.clocks.metadata[key] ?? noClock;
    state(clock, {}, { metadata: clock.rank }, { [key]: value });
  }
  // An entity of which nothing was stated but that it is.
  if (facts.length === 0) state(noClock, {}, {});
  return facts;
}

const noClock: Clock = { rank: rank.explicit, time: 0, step: 0, event: "" };
