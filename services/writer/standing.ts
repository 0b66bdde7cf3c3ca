import type { LogBatch } from "../runtime/event-log/port.ts";
import type { Change } from "./plan.ts";
import type { Prepared } from "./store.ts";

/** The newest batch of each partition. */
export class Standings {
  readonly #newest = new Map<number, Standing>();

  /** Notes a batch, and gives the one before it, which may still be on its way. */
  enter({ partition, records }: LogBatch): { standing: Standing; before: Standing | null } {
    const first = records[0]?.offset ?? 0n;
    const newest = this.#newest.get(partition);
    const standing = new Standing(first + BigInt(records.length));
    this.#newest.set(partition, standing);
    // A batch that is tried again finds the one behind it here.
    return { standing, before: newest?.next === first ? newest : null };
  }
}

/**
 * A batch that is being stored, as the next one of its partition sees it: while the engine inserts the one, the other
 * can be merged onto what the one will have stored.
 */
export class Standing {
  /** The offset behind the batch. */
  readonly next: bigint;
  /** What it is about to store, once its insert begins; null when it has ended otherwise. */
  readonly coming: Promise<readonly Change[] | null>;
  #tell: (changes: readonly Change[] | null) => void = () => {};
  #changes: readonly Change[] | null = null;
  #isStored = false;

  constructor(next: bigint) {
    this.next = next;
    this.coming = new Promise((resolve) => {
      this.#tell = resolve;
    });
  }

  /** Its insert begins, of what is given back. */
  begin(prepared: Prepared): Prepared {
    this.#changes = prepared.changes;
    this.#tell(prepared.changes);
    return prepared;
  }

  /** All of the batch is stored, with these changes. */
  stored(changes: readonly Change[]): void {
    this.#isStored = changes === this.#changes;
  }

  /** It has ended, however it did. */
  end(): void {
    this.#tell(null);
  }

  /** Whether exactly what was coming has been stored. */
  get isStored(): boolean {
    return this.#isStored;
  }
}
