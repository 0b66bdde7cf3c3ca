import { setImmediate as nextTurn } from "node:timers/promises";
import { crc32 } from "node:zlib";

import { ConsumerLoop } from "./consumer.ts";
import type { PartitionReader } from "./consumer.ts";
import { AppendError } from "./port.ts";
import type {
  ConsumeOptions,
  Consumer,
  EventLog,
  LogEntry,
  LogHealth,
  LogPosition,
  LogRecord,
} from "./port.ts";

/** What a memory log calls durable: hand it to the next log to go on after a close or a "crash". */
export interface MemoryTopic {
  readonly generation: number;
  readonly partitions: readonly LogRecord[][];
  /** For each group, by partition, the offset that it goes on at. */
  readonly committed: Map<string, bigint[]>;
}

export interface MemoryLogOptions {
  readonly partitions: number;
  /** As many partitions as above; empty when not given. */
  readonly topic?: MemoryTopic;
  /** As for the file log. */
  readonly entryBytesMax?: number;
  readonly queueBytesMax?: number;
}

export function createMemoryTopic(partitions: number, generation = 1): MemoryTopic {
  return {
    generation,
    partitions: Array.from({ length: partitions }, () => []),
    committed: new Map(),
  };
}

/** The file log's twin for tests: several partitions, nothing on disk, the same contract. */
export async function openMemoryLog(options: MemoryLogOptions): Promise<EventLog> {
  return new MemoryLog(options);
}

class MemoryLog implements EventLog {
  readonly #topic: MemoryTopic;
  readonly #entryBytesMax: number;
  readonly #queueBytesMax: number;
  readonly #consumers = new Set<ConsumerLoop>();
  readonly #appends = new Set<Promise<unknown>>();
  #queuedBytes = 0;
  #isClosed = false;

  constructor(options: MemoryLogOptions) {
    this.#topic = options.topic ?? createMemoryTopic(options.partitions);
    this.#entryBytesMax = options.entryBytesMax ?? Infinity;
    this.#queueBytesMax = options.queueBytesMax ?? Infinity;
  }

  get generation(): number {
    return this.#topic.generation;
  }

  async append(entries: readonly LogEntry[]): Promise<readonly LogPosition[]> {
    if (this.#isClosed) throw new AppendError("closed", "The event log is closed.");
    const bytes = entries.reduce((sum, { value }) => sum + value.length, 0);
    const largest = Math.max(0, ...entries.map(({ value }) => value.length));
    if (largest > this.#entryBytesMax || bytes > this.#queueBytesMax) {
      throw new AppendError("too-large", "An entry or an append is too large for the event log.");
    }
    if (this.#queuedBytes + bytes > this.#queueBytesMax) {
      throw new AppendError("retryable", "Too many bytes wait: try again later.");
    }
    this.#queuedBytes += bytes;
    const append = this.#store(entries);
    this.#appends.add(append);
    try {
      return await append;
    } finally {
      this.#appends.delete(append);
      this.#queuedBytes -= bytes;
    }
  }

  async consume(options: ConsumeOptions): Promise<Consumer> {
    if (this.#isClosed) throw new Error("The event log is closed.");
    const starts = this.#committedOf(options.group);
    const readers = starts.map((start, partition) =>
      openReader(this.#topic, partition, start, (next) => {
        if (options.group !== null) starts[partition] = next;
      }),
    );
    const consumer = new ConsumerLoop(readers, options, () => this.#consumers.delete(consumer));
    this.#consumers.add(consumer);
    return consumer;
  }

  async ends(): Promise<ReadonlyMap<number, bigint>> {
    return new Map(this.#topic.partitions.map((records, n) => [n, BigInt(records.length)]));
  }

  health(): LogHealth {
    const records = this.#topic.partitions.flat();
    const lags = [...this.#topic.committed.values()].map(
      (committed) => records.length - Number(committed.reduce((sum, next) => sum + next, 0n)),
    );
    return {
      writable: !this.#isClosed,
      reason: this.#isClosed ? "The event log is closed" : null,
      bytes: records.reduce((sum, { value }) => sum + value.length, 0),
      lag: BigInt(lags.length === 0 ? records.length : Math.max(...lags)),
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#appends);
    await Promise.all([...this.#consumers].map((consumer) => consumer.stop()));
  }

  async #store(entries: readonly LogEntry[]): Promise<LogPosition[]> {
    // A real log answers later; callers must not come to rely on less.
    await nextTurn();
    const positions = entries.map(({ key, value }) => {
      const partition = crc32(key) % this.#topic.partitions.length;
      const records = this.#topic.partitions[partition] ?? [];
      const offset = BigInt(records.length);
      records.push({ offset, value: Buffer.from(value) });
      return { partition, offset };
    });
    for (const consumer of this.#consumers) consumer.wake();
    return positions;
  }

  #committedOf(group: string | null): bigint[] {
    const none = this.#topic.partitions.map(() => 0n);
    if (group === null) return none;
    const committed = this.#topic.committed.get(group) ?? none;
    this.#topic.committed.set(group, committed);
    return committed;
  }
}

function openReader(
  topic: MemoryTopic,
  partition: number,
  start: bigint,
  commit: (next: bigint) => void,
): PartitionReader {
  const entries = topic.partitions[partition] ?? [];
  let at = Number(start);
  let measured = at;
  let unreadBytes = 0;
  return {
    partition,
    start,
    waiting() {
      for (const { value } of entries.slice(measured)) unreadBytes += value.length;
      measured = entries.length;
      return { records: entries.length - at, bytes: unreadBytes };
    },
    async read(recordsMax, bytesMax) {
      const records: LogRecord[] = [];
      let bytes = 0;
      for (const entry of entries.slice(at, at + recordsMax)) {
        if (records.length > 0 && bytes + entry.value.length > bytesMax) break;
        records.push(entry);
        bytes += entry.value.length;
      }
      at += records.length;
      unreadBytes -= bytes;
      return { generation: topic.generation, records };
    },
    end: () => BigInt(entries.length),
    commit,
    close: async () => {},
  };
}
