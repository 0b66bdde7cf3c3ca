/**
 * The event log: one durable, ordered stream of records, split into partitions.
 *
 * The file log (standalone), the memory log (tests) and Kafka stand behind this port and pass one
 * contract suite. Rules every implementation keeps:
 *
 * - `append` resolves only when every entry is durable; entries of one call keep their order.
 * - A partition's offsets are dense and start at 0; entries with equal keys share a partition.
 * - Delivery is at least once. Returning `done` commits the batch; a crash before that redelivers it.
 */
export interface EventLog {
  /** Of what is appended: an offset means something within its generation alone. It is one for as long as the log is open. */
  readonly generation: number;
  /** Durable when resolved. Rejects with {@link AppendError}; a rejected entry may still be in the log. */
  append(entries: readonly LogEntry[]): Promise<readonly LogPosition[]>;
  /** Starts delivery to one consumer of this process. */
  consume(options: ConsumeOptions): Promise<Consumer>;
  /** For each partition, the offset that the next entry will get. */
  ends(): Promise<ReadonlyMap<number, bigint>>;
  health(): LogHealth;
  /** Waits for appends in flight, stops consumers, releases the log. */
  close(): Promise<void>;
}

export interface LogEntry {
  /** Decides the partition: equal keys are delivered in the order of their append. */
  readonly key: string;
  /** Not to be changed until the append has settled. */
  readonly value: Buffer;
  /** What the value was made from. A consumer in the same process may get it too, to save decoding the value. */
  readonly origin?: object;
}

export interface LogPosition {
  readonly partition: number;
  readonly offset: bigint;
}

export interface LogBatch {
  readonly partition: number;
  /** Grows when the stream is made anew, so that positions never repeat (design: `ver`). */
  readonly generation: number;
  /** Consecutive entries of one partition. */
  readonly records: readonly LogRecord[];
  /** The offset after the newest entry of the partition: `end - last - 1` entries lie behind this batch. */
  readonly end: bigint;
}

export interface LogRecord {
  readonly offset: bigint;
  /** A view into memory that its neighbours share: copy it to keep it beyond the batch. */
  readonly value: Buffer;
  /** As it was appended, where the log still has it. */
  readonly origin?: object;
}

export interface ConsumeOptions {
  /** Whose committed offset to continue from; null reads from the first kept entry and commits nothing. */
  readonly group: string | null;
  readonly recordsMax: number;
  readonly bytesMax: number;
  /** How long the oldest undelivered entry may wait for others to fill its batch, in milliseconds. */
  readonly lingerMs: number;
  /**
   * Handles one batch at a time. `done` commits it; `retry` (or a rejection) delivers it again after a pause.
   * The signal aborts when the consumer stops. `earlier` settles with the batches before this one, and rejects when
   * they were given up; only with `readAhead` there is something to await.
   */
  readonly onBatch: (
    batch: LogBatch,
    signal: AbortSignal,
    earlier: Promise<void>,
  ) => Promise<"done" | "retry">;
  /**
   * Hands out a full next batch while one is still in hand. The handler may do what concerns that batch alone, and has
   * to await `earlier` before anything else.
   */
  readonly readAhead?: boolean;
  /** Told where each partition's delivery starts, then of every commit: what lies before `next` is done. */
  readonly onCommitted?: (partition: number, next: bigint) => void;
  /**
   * Told before the first batch of partitions that this consumer is given, and again when it is given them anew: another
   * process may have consumed them meanwhile. A log with one consumer to a group gives it every partition once.
   */
  readonly onAssigned?: (partitions: readonly number[]) => void;
  /**
   * Told when partitions may be another process's from now on. No batch of them is in hand then, and none comes until
   * they are assigned again.
   */
  readonly onRevoked?: (partitions: readonly number[]) => void;
}

export interface Consumer {
  /** Stops after the batch in hand and commits what is done. Not to be awaited inside `onBatch`. */
  stop(): Promise<void>;
  /**
   * Resolves when the consumer has stopped; rejects when it cannot go on, above all with
   * {@link UnreadableError}. Unwatched, that is an unhandled rejection and not a silent standstill.
   */
  readonly ended: Promise<void>;
}

export interface LogHealth {
  /** Whether an append can be acknowledged now. */
  readonly writable: boolean;
  /** Why not, for humans; null when writable. */
  readonly reason: string | null;
  readonly bytes: number;
  /** Entries not yet committed by the slowest group, over all partitions. */
  readonly lag: bigint;
}

/** Why an append was refused, and what its caller may do about it. */
export class AppendError extends Error {
  override readonly name = "AppendError";
  /** `retryable`: try again later (503). `too-large`: never fits (413). `closed`: the log is shutting down (503). */
  readonly kind: "retryable" | "too-large" | "closed";

  constructor(kind: AppendError["kind"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** Acknowledged entries cannot be read back. Never skipped, because the loss must be somebody's decision. */
export class UnreadableError extends Error {
  override readonly name = "UnreadableError";
}
