import type { LogEntry } from "./port.ts";

/**
 * What the newest entries of a partition were made from, for a consumer that is close behind: within a bound of bytes,
 * counted as the entries' values. When it is full the newer ones are dropped, because the older are read first.
 */
export class Origins {
  readonly #bytesMax: number;
  #bytes = 0;
  /** In the order of their offsets, from `#first` on. */
  #kept: { readonly offset: number; readonly origin: object; readonly bytes: number }[] = [];
  #first = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  put(offset: number, { origin, value }: LogEntry): void {
    if (origin === undefined || this.#bytes + value.length > this.#bytesMax) return;
    this.#kept.push({ offset, origin, bytes: value.length });
    this.#bytes += value.length;
  }

  /** Gives it once, and forgets all before it. */
  take(offset: number): object | undefined {
    for (;;) {
      const oldest = this.#kept[this.#first];
      if (oldest === undefined || oldest.offset > offset) return undefined;
      this.#bytes -= oldest.bytes;
      this.#first += 1;
      this.#shorten();
      if (oldest.offset === offset) return oldest.origin;
    }
  }

  /** So that what was taken is not held on to, at little cost for each. */
  #shorten(): void {
    if (this.#first < 256) return;
    this.#kept = this.#kept.slice(this.#first);
    this.#first = 0;
  }
}
