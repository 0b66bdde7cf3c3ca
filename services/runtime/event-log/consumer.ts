import { setTimeout as pause } from "node:timers/promises";

import { UnreadableError } from "./port.ts";
import type { ConsumeOptions, Consumer, LogBatch, LogRecord } from "./port.ts";

/** First pause before a batch is delivered again; each further one is twice as long, up to the greatest. */
const retryMs = 100;
const retryMsMax = 5000;
/** A read that fails may be short of file handles or memory. One that fails for so long is told by `ended`. */
const readPatienceMs = 60_000;

/** One partition as a consumer sees it: a place to read on from, and a commit. */
export interface PartitionReader {
  readonly partition: number;
  /** The offset that delivery starts at. */
  readonly start: bigint;
  /** What lies before the reader. `bytes` may be too great, never too small. */
  waiting(): { readonly records: number; readonly bytes: number };
  /**
   * The next entries, at least one, within the bounds where one entry alone does not exceed them.
   * A rejection leaves the reader where it is; with {@link UnreadableError} there is no use in trying again.
   */
  read(recordsMax: number, bytesMax: number): Promise<PartitionSlice>;
  /** The offset that the partition's next entry will get. */
  end(): bigint;
  /** Everything before this offset is done. */
  commit(next: bigint): void;
  close(): Promise<void>;
}

export interface PartitionSlice {
  readonly generation: number;
  readonly records: readonly LogRecord[];
}

/** Delivers the partitions' entries in turn, one batch at a time, until it is stopped. */
export class ConsumerLoop implements Consumer {
  readonly ended: Promise<void>;
  readonly #partitions: Waiting[];
  readonly #options: ConsumeOptions;
  readonly #abort = new AbortController();
  #wakeUp: (() => void) | null = null;
  #failingSince: number | null = null;
  /** The newest delivery: whether it was done. It never rejects. */
  #inHand: Promise<boolean> = Promise.resolve(true);

  /** `onEnd` is called when the consumer has ended, however it did. */
  constructor(readers: readonly PartitionReader[], options: ConsumeOptions, onEnd: () => void) {
    this.#partitions = readers.map((reader) => ({ reader, since: null }));
    this.#options = options;
    this.ended = this.#run().finally(onEnd);
  }

  /** To be called when there are new entries. */
  wake(): void {
    for (const partition of this.#partitions) noteArrival(partition);
    this.#wakeUp?.();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    this.#wakeUp?.();
    // The failure is told by `ended`; whoever stops the consumer has no use for it.
    await this.ended.catch(() => {});
  }

  async #run(): Promise<void> {
    try {
      this.#options.onAssigned?.(this.#partitions.map(({ reader }) => reader.partition));
      for (const { reader } of this.#partitions)
        this.#options.onCommitted?.(reader.partition, reader.start);
      this.wake();
      while (!this.#abort.signal.aborted) {
        const partition = this.#nextDue();
        if (partition === null) {
          await this.#sleep();
          continue;
        }
        // A batch that is not full may wait, so that more can join it.
        if (!this.#options.readAhead || !this.#isFull(partition)) {
          await this.#inHand;
          if (this.#abort.signal.aborted) break;
        }
        const slice = await this.#read(partition);
        if (slice === null) continue;
        const before = this.#inHand;
        this.#inHand = this.#deliver(partition.reader, slice, before);
        await before;
      }
    } finally {
      await this.#inHand;
      for (const { reader } of this.#partitions) await reader.close();
    }
  }

  /** The partition to serve now; it goes to the end of the line, so that a busy one starves no other. */
  #nextDue(): Waiting | null {
    const now = performance.now();
    const index = this.#partitions.findIndex((partition) => this.#dueAt(partition) <= now);
    const [due] = index < 0 ? [] : this.#partitions.splice(index, 1);
    if (due === undefined) return null;
    this.#partitions.push(due);
    return due;
  }

  /** When a batch of this partition has to be delivered, as `performance.now()` counts. */
  #dueAt({ reader, since }: Waiting): number {
    if (since === null) return Infinity;
    return this.#isFull({ reader }) ? since : since + this.#options.lingerMs;
  }

  #isFull({ reader }: Pick<Waiting, "reader">): boolean {
    const { records, bytes } = reader.waiting();
    return records >= this.#options.recordsMax || bytes >= this.#options.bytesMax;
  }

  async #sleep(): Promise<void> {
    const dueAt = Math.min(...this.#partitions.map((partition) => this.#dueAt(partition)));
    await new Promise<void>((resolve) => {
      const timer =
        dueAt === Infinity ? null : setTimeout(resolve, Math.ceil(dueAt - performance.now()));
      this.#wakeUp = () => {
        if (timer !== null) clearTimeout(timer);
        resolve();
      };
    });
    this.#wakeUp = null;
  }

  /** Null when the read failed and is to be tried again. */
  async #read(partition: Waiting): Promise<PartitionSlice | null> {
    const { recordsMax, bytesMax } = this.#options;
    try {
      const slice = await partition.reader.read(recordsMax, bytesMax);
      this.#failingSince = null;
      partition.since = null;
      noteArrival(partition);
      return slice;
    } catch (error) {
      const now = performance.now();
      this.#failingSince ??= now;
      if (error instanceof UnreadableError || now - this.#failingSince > readPatienceMs)
        throw error;
      await this.#pause(retryMs);
      return null;
    }
  }

  /** Whether the batch was done; never when the one before it was not, whatever its handler says. */
  async #deliver(
    reader: PartitionReader,
    slice: PartitionSlice,
    before: Promise<boolean>,
  ): Promise<boolean> {
    const last = slice.records.at(-1);
    if (last === undefined) return await before;
    for (let wait = retryMs; ; wait = Math.min(wait * 2, retryMsMax)) {
      const batch = { ...slice, partition: reader.partition, end: reader.end() };
      const outcome = await this.#handle(batch, before);
      if (!(await before)) return false;
      if (outcome === "done") {
        reader.commit(last.offset + 1n);
        this.#options.onCommitted?.(reader.partition, last.offset + 1n);
        return true;
      }
      await this.#pause(wait);
      if (this.#abort.signal.aborted) return false;
    }
  }

  async #handle(batch: LogBatch, before: Promise<boolean>): Promise<"done" | "retry"> {
    const earlier = settled(before);
    // A handler that fails earlier does not listen to it.
    earlier.catch(() => {});
    try {
      return await this.#options.onBatch(batch, this.#abort.signal, earlier);
    } catch {
      // The handler knows what failed and reports it; here a rejection only means "not done".
      return "retry";
    }
  }

  async #pause(ms: number): Promise<void> {
    await pause(ms, undefined, { signal: this.#abort.signal }).catch(() => {});
  }
}

async function settled(before: Promise<boolean>): Promise<void> {
  if (!(await before)) throw new Error("The batch before this one was not done.");
}

interface Waiting {
  readonly reader: PartitionReader;
  /** When the oldest undelivered entry was first seen; null when there is none. */
  since: number | null;
}

function noteArrival(partition: Waiting): void {
  if (partition.since === null && partition.reader.waiting().records > 0) {
    partition.since = performance.now();
  }
}
