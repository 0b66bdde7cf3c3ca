import { open, statfs } from "node:fs/promises";
import { resolve } from "node:path";

import { sizeOfAppend } from "./append-size.ts";
import { ConsumerLoop } from "./consumer.ts";
import { lockDirectory } from "./directory-lock.ts";
import type { DirectoryLock } from "./directory-lock.ts";
import { makeDirectory } from "./durable-files.ts";
import { FileReader } from "./file-reader.ts";
import { GroupCommit } from "./group-commit.ts";
import { markClean, openState } from "./log-state.ts";
import type { LogState } from "./log-state.ts";
import { saveOffset } from "./offsets.ts";
import type { GroupOffset } from "./offsets.ts";
import { Origins } from "./origins.ts";
import { AppendError } from "./port.ts";
import type {
  ConsumeOptions,
  Consumer,
  EventLog,
  LogEntry,
  LogHealth,
  LogPosition,
} from "./port.ts";
import { bytesFrom, Retention, sumBytes } from "./retention.ts";
import type { RetentionPolicy } from "./retention.ts";
import type { LogFs } from "./segment-file.ts";

const MiB = 1 << 20;
const upkeepMs = 1000;
/** After a failed write the log calls itself unwritable for so long, then hopes again: nobody else would try. */
const failureHoldMs = 1000;

export interface FileLogOptions {
  /** Holds this stream and nothing else. Locked while the log is open. */
  readonly dir: string;
  readonly retention: RetentionPolicy;
  /**
   * The greatest position of this stream that is known elsewhere (ClickHouse). If the log's next position
   * would not exceed it, because the log was lost or is an old copy, the log moves to a new generation.
   */
  readonly after?: { readonly generation: number; readonly offset: bigint };
  /** Bytes of one entry; a larger one is refused as `too-large`. */
  readonly entryBytesMax?: number;
  /** Bytes that may wait for the disk; beyond it appends are refused, and a call of more is `too-large`. */
  readonly queueBytesMax?: number;
  /** Bytes not yet consumed; beyond it appends are refused. Such bytes are never deleted. */
  readonly unconsumedBytesMax?: number;
  /** Free bytes of the disk below which appends are refused. */
  readonly diskFloorBytes?: number;
  /** Of entries whose origin is kept for a consumer that is close behind. */
  readonly originBytesMax?: number;
  /** A segment file is closed at this size. */
  readonly segmentBytes?: number;
  readonly fs?: LogFs;
}

const defaults = {
  entryBytesMax: 32 * MiB,
  queueBytesMax: 64 * MiB,
  unconsumedBytesMax: 4096 * MiB,
  diskFloorBytes: 512 * MiB,
  // As objects they take two or three times as much.
  originBytesMax: 40 * MiB,
  segmentBytes: 64 * MiB,
  fs: {
    open,
    async freeBytes(dir: string): Promise<number> {
      const { bavail, bsize } = await statfs(dir);
      return bavail * bsize;
    },
  },
} satisfies Partial<FileLogOptions>;

type Settings = FileLogOptions & Required<Omit<FileLogOptions, "after">>;

/**
 * Opens a stream of one partition in a directory of its own, made when missing.
 *
 * After an unclean stop every group starts again at the oldest kept entry, so that a power cut which also took
 * what consumers had stored loses nothing. Rejects when another process has the directory open, and with
 * UnreadableError when acknowledged entries are missing.
 */
export async function openFileLog(options: FileLogOptions): Promise<EventLog> {
  const settings: Settings = { ...defaults, ...options, dir: resolve(options.dir) };
  await makeDirectory(settings.dir);
  const lock = await lockDirectory(settings.dir, { note: "event log" });
  try {
    const freeBytes = await settings.fs.freeBytes(settings.dir);
    return new FileLog(settings, lock, await openState(settings), freeBytes);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

class FileLog implements EventLog {
  readonly #settings: Settings;
  readonly #lock: DirectoryLock;
  readonly #state: LogState;
  readonly #commits: GroupCommit;
  readonly #origins: Origins;
  readonly #retention: Retention;
  readonly #consumers = new Map<ConsumerLoop, { reader: FileReader; group: string | null }>();
  readonly #upkeepTimer: NodeJS.Timeout;
  #upkeep: Promise<void> | null = null;
  #closing: Promise<void> | null = null;
  #freeBytes: number;
  /** Kept because every append asks for it. */
  #unconsumedBytes = 0;
  #failure: { readonly message: string; readonly at: number } | null = null;

  constructor(settings: Settings, lock: DirectoryLock, state: LogState, freeBytes: number) {
    this.#settings = settings;
    this.#lock = lock;
    this.#state = state;
    this.#freeBytes = freeBytes;
    this.#origins = new Origins(settings.originBytesMax);
    this.#commits = new GroupCommit(state.writer, {
      onDurable: (base, lists) => this.#onDurable(base, lists),
      onFailure: ({ message }) => {
        this.#failure = { message: `The last write failed (${message})`, at: performance.now() };
      },
    });
    this.#retention = new Retention(settings.dir, settings.retention, state.segments);
    this.#measure();
    this.#upkeepTimer = setInterval(() => void this.#keepUp(), upkeepMs).unref();
  }

  get generation(): number {
    return this.#state.writer.active.generation;
  }

  async append(entries: readonly LogEntry[]): Promise<readonly LogPosition[]> {
    if (this.#closing !== null) throw new AppendError("closed", "The event log is closed.");
    if (entries.length === 0) return [];
    const bytes = sizeOfAppend(entries, this.#settings);
    const reason = this.#refusal(bytes);
    if (reason !== null) throw new AppendError("retryable", `${reason}: try again later.`);
    return this.#commits.append(entries, bytes);
  }

  async consume(options: ConsumeOptions): Promise<Consumer> {
    if (this.#closing !== null) throw new Error("The event log is closed.");
    const { segments } = this.#state;
    const offset = this.#offsetOf(options.group);
    const start = offset === null ? (segments[0]?.base ?? 0) : offset.committed;
    const onCommit = (next: number): void => {
      if (offset === null) return;
      offset.committed = next;
      this.#measure();
    };
    // A reader without a group goes over what others have yet to read.
    const origins = offset === null ? null : this.#origins;
    const reader = new FileReader(segments, start, { onCommit, origins });
    const consumer = new ConsumerLoop([reader], options, () => this.#consumers.delete(consumer));
    this.#consumers.set(consumer, { reader, group: options.group });
    return consumer;
  }

  async ends(): Promise<ReadonlyMap<number, bigint>> {
    return new Map([[0, BigInt(this.#end)]]);
  }

  health(): LogHealth {
    const failed = this.#failure !== null && performance.now() - this.#failure.at < failureHoldMs;
    const reason =
      (this.#closing === null ? this.#refusal(0) : "The event log is closed") ??
      (failed ? (this.#failure?.message ?? null) : null);
    const bytes = sumBytes(this.#state.segments);
    const lag = this.#end - this.#leastOffset(({ committed }) => committed);
    return { writable: reason === null, reason, bytes, lag: BigInt(lag) };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  get #end(): number {
    return this.#state.writer.active.end;
  }

  /** Why so many more bytes cannot be taken now. */
  #refusal(bytes: number): string | null {
    const { diskFloorBytes, queueBytesMax, unconsumedBytesMax } = this.#settings;
    const queued = this.#commits.queuedBytes + bytes;
    if (queued > queueBytesMax) {
      return `${queued} bytes wait for the disk, more than ${queueBytesMax}`;
    }
    if (this.#freeBytes < diskFloorBytes) {
      return `The disk has ${this.#freeBytes} bytes free, less than ${diskFloorBytes}`;
    }
    const unconsumed = Math.round(this.#unconsumedBytes) + queued;
    if (unconsumed <= unconsumedBytesMax) return null;
    return `${unconsumed} bytes of the event log are not consumed yet, more than ${unconsumedBytesMax}`;
  }

  #onDurable(base: number, lists: readonly (readonly LogEntry[])[]): void {
    let offset = base;
    for (const entries of lists) {
      for (const entry of entries) this.#origins.put(offset++, entry);
    }
    this.#failure = null;
    this.#measure();
    for (const consumer of this.#consumers.keys()) consumer.wake();
  }

  #measure(): void {
    // After an unclean stop entries are repeated that were consumed once: they do not count against new ones.
    const consumed = this.#leastOffset(({ committed, saved }) => Math.max(committed, saved));
    this.#unconsumedBytes = bytesFrom(this.#state.segments, consumed);
  }

  /** The least of all groups; without a group, everything waits for one, except in a stream kept for ever. */
  #leastOffset(of: (offset: GroupOffset) => number): number {
    const { groups, segments } = this.#state;
    if (groups.size > 0) return Math.min(...[...groups.values()].map(of));
    return this.#settings.retention === "forever" ? this.#end : (segments[0]?.base ?? 0);
  }

  /** The group's offset, at the first kept entry when it is new; null for no group. */
  #offsetOf(group: string | null): GroupOffset | null {
    if (group === null) return null;
    if (!/^[\w-]{1,100}$/.test(group)) {
      throw new Error(`"${group}" is no name for a group: use letters, digits, dashes.`);
    }
    if ([...this.#consumers.values()].some((consumer) => consumer.group === group)) {
      throw new Error(`The group ${group} is being consumed already: stop its consumer first.`);
    }
    const { groups, segments } = this.#state;
    const offset = groups.get(group) ?? { committed: segments[0]?.base ?? 0, saved: -1 };
    groups.set(group, offset);
    return offset;
  }

  /** What has to be done now and then. A failure is left to the next time; all of it may lag. */
  #keepUp(): Promise<void> {
    this.#upkeep ??= this.#runUpkeep().finally(() => {
      this.#upkeep = null;
    });
    return this.#upkeep;
  }

  async #runUpkeep(): Promise<void> {
    const { dir, fs } = this.#settings;
    await Promise.allSettled([
      fs.freeBytes(dir).then((bytes) => (this.#freeBytes = bytes)),
      this.#retention.apply(() => this.#consumedBefore()),
      this.#saveOffsets(({ committed, saved }) => committed > saved),
    ]);
  }

  /** Nobody in this process will read what lies before this offset. */
  #consumedBefore(): number {
    const positions = [...this.#consumers.values()].map(({ reader }) => reader.offset);
    return Math.min(
      this.#leastOffset(({ committed }) => committed),
      ...positions,
    );
  }

  async #saveOffsets(isDue: (offset: GroupOffset) => boolean): Promise<void> {
    for (const [group, offset] of this.#state.groups) {
      const { committed } = offset;
      if (!isDue(offset)) continue;
      await saveOffset(this.#settings.dir, group, committed);
      offset.saved = committed;
    }
  }

  async #close(): Promise<void> {
    await this.#commits.drain();
    await Promise.all([...this.#consumers.keys()].map((consumer) => consumer.stop()));
    clearInterval(this.#upkeepTimer);
    await this.#upkeep;
    try {
      await this.#state.writer.close();
      // A repetition that is not finished goes on at the next start, so this may go back.
      await this.#saveOffsets(({ committed, saved }) => committed !== saved);
      await markClean(this.#settings.dir, this.#end);
    } finally {
      await this.#lock.release();
    }
  }
}
