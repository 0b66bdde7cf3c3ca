import fc from "fast-check";

import { randomOf } from "../faults/events.ts";

/** Choices that depend on nothing but the seed, so that a case can be made again from its number. */
export interface Draw {
  /** A whole number from 0 up to, but not including, `limit`. */
  below(limit: number): number;
  chance(share: number): boolean;
  pick<Item>(items: readonly Item[]): Item;
  from<Value>(arbitrary: fc.Arbitrary<Value>): Value;
}

export function drawOf(seed: string): Draw {
  const random = randomOf(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  return {
    below,
    chance: (share) => random() < share,
    pick<Item>(items: readonly Item[]): Item {
      const item = items[below(items.length)];
      if (item === undefined) throw new Error("There is nothing to pick from.");
      return item;
    },
    from<Value>(arbitrary: fc.Arbitrary<Value>): Value {
      const [value] = fc.sample(arbitrary, { seed: below(2 ** 31), numRuns: 1 });
      return value as Value;
    },
  };
}
