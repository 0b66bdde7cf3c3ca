import type { PartitionReader, PartitionSlice } from "../consumer.ts";
import type { LogRecord } from "../port.ts";

/** What a queue tells the membership that fills it. */
export interface QueueEvents {
  /** Some entries were taken: there may be room again. */
  readonly onTaken: () => void;
  readonly onCommit: () => void;
  readonly onClose: () => Promise<void>;
}

/** Entries of one partition that were fetched and not delivered yet. */
export class PartitionQueue implements PartitionReader {
  readonly partition: number;
  readonly start: bigint;
  /** What lies before it is done. */
  done: bigint;
  /** Whether its fetching is suspended. */
  isPaused = false;
  readonly #generation: number;
  readonly #events: QueueEvents;
  #records: LogRecord[] = [];
  #bytes = 0;
  #fetched: bigint;
  #end: bigint;
  /** Since when entries are known to be there that do not come, as `performance.now()` counts. */
  #behindSince: number | null = null;

  constructor(
    at: { readonly partition: number; readonly start: bigint; readonly end: bigint },
    generation: number,
    events: QueueEvents,
  ) {
    this.partition = at.partition;
    this.start = at.start;
    this.done = at.start;
    this.#fetched = at.start;
    this.#end = at.end;
    this.#generation = generation;
    this.#events = events;
  }

  /** The offset that has to be fetched next. */
  get fetched(): bigint {
    return this.#fetched;
  }

  get bytes(): number {
    return this.#bytes;
  }

  waiting(): { records: number; bytes: number } {
    return { records: this.#records.length, bytes: this.#bytes };
  }

  /** Takes what was fetched, in order. Gives how many entries are missing before it; then it takes nothing. */
  push(records: readonly LogRecord[], end: bigint): bigint {
    this.noteEnd(end);
    const fresh = records.filter(({ offset }) => offset >= this.#fetched);
    const [first] = fresh;
    if (first !== undefined && first.offset > this.#fetched) return first.offset - this.#fetched;
    for (const record of fresh) {
      this.#records.push(record);
      this.#bytes += record.value.length;
    }
    this.#fetched += BigInt(fresh.length);
    this.#behindSince = null;
    return 0n;
  }

  async read(recordsMax: number, bytesMax: number): Promise<PartitionSlice> {
    let bytes = 0;
    let count = 0;
    for (const { value } of this.#records) {
      if (count > 0 && (count >= recordsMax || bytes + value.length > bytesMax)) break;
      bytes += value.length;
      count += 1;
    }
    this.#bytes -= bytes;
    const records = this.#records.splice(0, count);
    this.#events.onTaken();
    return { generation: this.#generation, records };
  }

  end(): bigint {
    return this.#end;
  }

  noteEnd(end: bigint): void {
    if (end > this.#end) this.#end = end;
    if (this.isPaused || this.#fetched >= this.#end) this.#behindSince = null;
    else this.#behindSince ??= performance.now();
  }

  /** Whether entries that are there have not come for so long, in milliseconds. */
  isStalled(ms: number): boolean {
    return this.#behindSince !== null && performance.now() - this.#behindSince > ms;
  }

  commit(next: bigint): void {
    this.done = next;
    this.#events.onCommit();
  }

  close(): Promise<void> {
    return this.#events.onClose();
  }
}
