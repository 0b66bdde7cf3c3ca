import { setImmediate as nextTurn } from "node:timers/promises";

import { encodeFrame, frameSize } from "./frame.ts";
import { AppendError } from "./port.ts";
import type { LogEntry, LogPosition } from "./port.ts";
import type { SegmentWriter } from "./segment-writer.ts";

/** Callers join a group up to this size; a single call may be larger and is then a group by itself. */
const groupBytesMax = 4 << 20;

interface Call {
  readonly entries: readonly LogEntry[];
  readonly bytes: number;
  readonly resolve: (positions: readonly LogPosition[]) => void;
  readonly reject: (error: AppendError) => void;
}

/** Hears of every group before its callers do. */
export interface GroupListener {
  /** The lists follow each other, from offset `base` on. */
  onDurable(base: number, lists: readonly (readonly LogEntry[])[]): void;
  onFailure(error: Error): void;
}

/** Gathers the appends of many callers into frames, so that they share one write and one sync. */
export class GroupCommit {
  readonly #writer: SegmentWriter;
  readonly #listener: GroupListener;
  #queue: Call[] = [];
  #queuedBytes = 0;
  #running: Promise<void> | null = null;
  /** Reused for every group, because a fresh one would be cleared and collected each time. */
  #buffer = Buffer.allocUnsafeSlow(64 << 10);

  constructor(writer: SegmentWriter, listener: GroupListener) {
    this.#writer = writer;
    this.#listener = listener;
  }

  /** Bytes of values that wait or are being written. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Queues entries of so many bytes in all. Resolves when durable, rejects with a retryable AppendError. */
  append(entries: readonly LogEntry[], bytes: number): Promise<readonly LogPosition[]> {
    this.#queuedBytes += bytes;
    this.#running ??= this.#run();
    return new Promise((resolve, reject) => {
      this.#queue.push({ entries, bytes, resolve, reject });
    });
  }

  /** Resolves when nothing waits. */
  async drain(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    for (;;) {
      // One turn of the event loop lets callers who arrive together, or were just answered, join the group.
      await nextTurn();
      const group = this.#take();
      if (group.length === 0) break;
      await this.#commit(group);
    }
    this.#running = null;
  }

  #take(): Call[] {
    let bytes = 0;
    let taken = 0;
    for (const call of this.#queue) {
      bytes += frameSize(call.entries.length, call.bytes);
      if (taken > 0 && bytes > groupBytesMax) break;
      taken += 1;
    }
    return this.#queue.splice(0, taken);
  }

  async #commit(group: readonly Call[]): Promise<void> {
    const base = this.#writer.active.end;
    const count = sum(group, (call) => call.entries.length);
    const bytes = sum(group, (call) => call.bytes);
    const lists = group.map((call) => call.entries);
    let failure: Error | null = null;
    try {
      const into = this.#bufferOf(frameSize(count, bytes));
      await this.#writer.append(encodeFrame(into, base, lists), count);
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    }
    this.#queuedBytes -= bytes;
    if (failure === null) {
      this.#listener.onDurable(base, lists);
      resolveAll(group, base);
    } else {
      this.#listener.onFailure(failure);
      rejectAll(group, failure);
    }
  }

  #bufferOf(bytes: number): Buffer {
    // One call of unusual size must not hold its memory for ever.
    if (bytes > groupBytesMax) return Buffer.allocUnsafeSlow(bytes);
    if (bytes > this.#buffer.length) {
      this.#buffer = Buffer.allocUnsafeSlow(Math.min(bytes * 2, groupBytesMax));
    }
    return this.#buffer;
  }
}

function resolveAll(group: readonly Call[], base: number): void {
  let offset = base;
  for (const call of group) {
    const positions: LogPosition[] = [];
    for (let n = 0; n < call.entries.length; n += 1) {
      positions.push({ partition: 0, offset: BigInt(offset) });
      offset += 1;
    }
    call.resolve(positions);
  }
}

function rejectAll(group: readonly Call[], cause: Error): void {
  const message = `The event log could not write (${cause.message}): try again later.`;
  for (const call of group) call.reject(new AppendError("retryable", message, { cause }));
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  let total = 0;
  for (const item of items) total += of(item);
  return total;
}
