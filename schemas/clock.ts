import { compareText, sortedKeys } from "./canonical.ts";

/**
 * A clock says how strongly, and when, a value was stated. Two clocks compare by rank, then event time, then step,
 * then event; never by arrival, so that any order of delivery gives the same winner.
 */
export interface Clock {
  readonly rank: Rank;
  /** Event time, epoch milliseconds. */
  readonly time: number;
  readonly step: Step;
  /** The envelope id of the event; of a span, what is below the millisecond and its id. */
  readonly event: string;
}

export type Step = (typeof step)[keyof typeof step];

/**
 * Which of the events of one millisecond comes last: an update after its create (write-api.md §8.3), and the update
 * that ends an observation after any other. Not their order in a batch, which another cut of the batch would change.
 */
export const step = { create: 0, update: 1, end: 2 } as const;

export type Rank = (typeof rank)[keyof typeof rank];

/**
 * How much the source of a value knew: what a client said outweighs what an event implies and what we made up. What a
 * span implies for its trace counts by where it stands: the true root over a root that an SDK marked as one over any
 * other (otlp.md §3.3).
 */
export const rank = {
  defaulted: 0,
  derived: 1,
  child: 2,
  markedRoot: 3,
  root: 4,
  explicit: 5,
} as const;

/** Among spans of one standing the first to start speaks for the trace, and whoever joins it later does not. */
const earliestWins: ReadonlySet<Rank> = new Set([rank.child, rank.markedRoot, rank.root]);

/** Which of two statements wins; above 0 when `a` does. */
export function compareClocks(a: Clock, b: Clock): number {
  if (a.rank !== b.rank) return a.rank - b.rank;
  return earliestWins.has(a.rank) ? compareMoments(b, a) : compareMoments(a, b);
}

/** Compares everything but the rank. */
export function compareMoments(a: Clock, b: Clock): number {
  return a.time - b.time || a.step - b.step || compareText(a.event, b.event);
}

/** The clocks of one row: one a unit of columns (`schemas/merge.ts`), one a metadata key. */
export interface Clocks {
  readonly units: Readonly<Record<string, Clock>>;
  readonly metadata: Readonly<Record<string, Clock>>;
}

type Group = [
  rank: Rank,
  time: number,
  step: Step,
  event: string,
  units: string,
  metadataKeys?: string[],
];

/** Stands among the unit letters for every metadata key, where all share one clock. */
const allMetadata = "m";

/**
 * Writes clocks as compact JSON, grouped by clock: most rows come from one or two events. `units` are single letters.
 * Equal clocks give equal text.
 */
export function encodeClocks(clocks: Clocks): string {
  const groups: { readonly clock: Clock; units: string; readonly keys: string[] }[] = [];
  function groupOf(clock: Clock): (typeof groups)[number] {
    // Few clocks make up a row, and the units of one event share one object.
    for (const group of groups) {
      if (group.clock === clock || compareClocks(group.clock, clock) === 0) return group;
    }
    const group = { clock, units: "", keys: [] };
    groups.push(group);
    return group;
  }
  for (const unit of sortedKeys(clocks.units)) {
    const clock = clocks.units[unit];
    if (clock) groupOf(clock).units += unit;
  }
  const keys = sortedKeys(clocks.metadata);
  for (const key of keys) {
    const clock = clocks.metadata[key];
    if (clock) groupOf(clock).keys.push(key);
  }
  const encoded = groups
    .toSorted((a, b) => compareClocks(a.clock, b.clock))
    .map(({ clock, units, keys: own }): Group => {
      const { rank: groupRank, time, step: groupStep, event } = clock;
      if (own.length === 0) return [groupRank, time, groupStep, event, units];
      if (own.length < keys.length) return [groupRank, time, groupStep, event, units, own];
      return [groupRank, time, groupStep, event, units + allMetadata];
    });
  return JSON.stringify(encoded);
}

/** Reads what {@link encodeClocks} wrote; `metadataKeys` are the keys that the row's metadata has. */
export function decodeClocks(text: string, metadataKeys: readonly string[]): Clocks {
  const units: Record<string, Clock> = {};
  const metadata: Record<string, Clock> = Object.create(null);
  const groups: Group[] = JSON.parse(text);
  for (const [groupRank, time, groupStep, event, letters, keys] of groups) {
    const clock: Clock = { rank: groupRank, time, step: groupStep, event };
    for (const letter of letters) {
      if (letter !== allMetadata) units[letter] = clock;
    }
    for (const key of keys ?? (letters.includes(allMetadata) ? metadataKeys : []))
      metadata[key] = clock;
  }
  return { units, metadata };
}
