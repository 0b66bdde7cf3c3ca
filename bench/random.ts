/** A stream of numbers that a seed decides: the same seed gives the same benchmark. */
export interface Random {
  /** A whole number from 0 up to, but not including, `end`. */
  below(end: number): number;
  pick<Item>(items: readonly [Item, ...Item[]]): Item;
  /** 32 hexadecimal digits in the form of a UUID. */
  uuid(): string;
}

/** Mulberry32: 32 bits of state, fast, and even enough to draw words from. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (end: number): number => Math.floor((next() / 2 ** 32) * end);
  return {
    below,
    pick: (items) => items[below(items.length)] ?? items[0],
    uuid() {
      const hex = [next(), next(), next(), next()]
        .map((part) => part.toString(16).padStart(8, "0"))
        .join("");
      return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
    },
  };
}
