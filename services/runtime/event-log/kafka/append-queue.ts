import { AppendError } from "../port.ts";
import type { LogEntry, LogPosition } from "../port.ts";
import { toAppendError } from "./errors.ts";
import { partitionOf } from "./partitioner.ts";

/** How long the first entry of a send waits for others, when no send holds it up anyway. */
const lingerMs = 5;
const sendBytes = 1 << 20;
const sendsMax = 4;
/** One send makes one batch of a partition, and the brokers' own default takes 1 MiB of it. */
const partitionBytesMax = 900 << 10;
/** Langfuse's SDKs forget what was not answered within 5 seconds. */
const answerMs = 4000;
const sweepMs = 200;

export interface Outgoing {
  readonly partition: number;
  readonly entries: readonly OutgoingEntry[];
}

export interface OutgoingEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** Stores batches of different partitions. Gives the offset of each batch's first entry. */
export type Send = (batches: readonly Outgoing[]) => Promise<ReadonlyMap<number, bigint>>;

interface Call {
  readonly positions: LogPosition[];
  readonly deadline: number;
  readonly settle: (error: AppendError | null) => void;
  /** Entries not stored yet. */
  left: number;
  isSettled: boolean;
}

interface Waiting extends OutgoingEntry {
  readonly call: Call;
  /** Which entry of its call it is. */
  readonly index: number;
}

/** What waits for one partition. A partition has one batch under way at a time, so that a retry changes no order. */
interface Lane {
  readonly partition: number;
  waiting: Waiting[];
  bytes: number;
  isBusy: boolean;
  /** When the first of them came, as `performance.now()` counts. */
  since: number;
}

/** Gathers the entries of many callers into few sends, because kafkajs has no batches of its own. */
export class AppendQueue {
  readonly #send: Send;
  readonly #onSent: (error: AppendError | null) => void;
  readonly #deadlineMs: number;
  readonly #lanes: Lane[];
  readonly #calls = new Set<Call>();
  #sending = 0;
  #queuedBytes = 0;
  #isDraining = false;
  #timer: NodeJS.Timeout | null = null;
  #sweep: NodeJS.Timeout | null = null;
  #onIdle: (() => void) | null = null;

  /** `onSent` hears of every send: null when it is stored, else why it failed. */
  constructor(
    partitions: number,
    send: Send,
    onSent: (error: AppendError | null) => void,
    deadlineMs = answerMs,
  ) {
    this.#deadlineMs = deadlineMs;
    this.#send = send;
    this.#onSent = onSent;
    this.#lanes = Array.from({ length: partitions }, (_, partition) => ({
      partition,
      waiting: [],
      bytes: 0,
      isBusy: false,
      since: 0,
    }));
  }

  /** Bytes of keys and values that wait or are on their way. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Resolves when every entry is stored; rejects with an AppendError, at the latest after the deadline. */
  append(entries: readonly LogEntry[]): Promise<readonly LogPosition[]> {
    const now = performance.now();
    return new Promise((resolve, reject) => {
      const call: Call = {
        positions: [],
        deadline: now + this.#deadlineMs,
        left: entries.length,
        isSettled: false,
        settle: (error) => {
          if (call.isSettled) return;
          call.isSettled = true;
          this.#calls.delete(call);
          if (error === null) resolve(call.positions);
          else reject(error);
        },
      };
      this.#calls.add(call);
      this.#sweep ??= setInterval(() => this.#expire(), sweepMs);
      for (const [index, entry] of entries.entries()) this.#enqueue(call, index, entry, now);
      this.#schedule();
    });
  }

  /** Sends what waits without lingering, and resolves when every call is settled and no send is under way. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    while (this.#calls.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
        this.#schedule();
      });
    }
    this.#stopTimers();
  }

  #enqueue(call: Call, index: number, { key: text, value }: LogEntry, now: number): void {
    const key = Buffer.from(text);
    const lane = this.#lanes[partitionOf(key, this.#lanes.length)];
    if (lane === undefined) throw new Error("A topic has at least one partition.");
    if (lane.waiting.length === 0) lane.since = now;
    lane.waiting.push({ call, index, key, value });
    lane.bytes += sizeOf({ key, value });
    this.#queuedBytes += sizeOf({ key, value });
  }

  /** Starts what is due, and sets the timer for what will be. */
  #schedule(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    while (this.#sending < sendsMax) {
      const ready = this.#lanes.filter((lane) => !lane.isBusy && lane.waiting.length > 0);
      if (ready.length === 0) return;
      const bytes = ready.reduce((sum, lane) => sum + lane.bytes, 0);
      const waited = performance.now() - Math.min(...ready.map((lane) => lane.since));
      const isFull = bytes >= sendBytes || ready.some((lane) => lane.bytes >= partitionBytesMax);
      if (!isFull && !this.#isDraining && waited < lingerMs) {
        this.#timer = setTimeout(() => this.#schedule(), Math.ceil(lingerMs - waited));
        return;
      }
      void this.#sendFrom(ready);
    }
  }

  /** One send of the lanes that waited longest. It settles its callers and never rejects. */
  async #sendFrom(ready: readonly Lane[]): Promise<void> {
    this.#sending += 1;
    const taken: { lane: Lane; entries: readonly Waiting[] }[] = [];
    let bytes = 0;
    for (const lane of ready.toSorted((a, b) => a.since - b.since)) {
      if (bytes >= sendBytes) break;
      const entries = take(lane);
      lane.isBusy = true;
      taken.push({ lane, entries });
      bytes += entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
    }
    let failure: AppendError | null = null;
    try {
      const batches = taken.map(({ lane, entries }) => ({ partition: lane.partition, entries }));
      const offsets = await this.#send(batches);
      for (const { lane, entries } of taken) tellStored(lane.partition, entries, offsets);
    } catch (error) {
      failure = toAppendError(error);
      for (const { entries } of taken) for (const { call } of entries) call.settle(failure);
    }
    for (const { lane } of taken) lane.isBusy = false;
    this.#queuedBytes -= bytes;
    this.#sending -= 1;
    if (failure !== null) this.#dropSettled();
    this.#onSent(failure);
    this.#onIdle?.();
    this.#schedule();
  }

  #expire(): void {
    const now = performance.now();
    let expired = 0;
    for (const call of this.#calls) {
      // Calls come in the order of their deadlines.
      if (call.deadline > now) break;
      const message = `Kafka did not answer within ${this.#deadlineMs} ms: try again later.`;
      call.settle(new AppendError("retryable", message));
      expired += 1;
    }
    if (expired > 0) {
      this.#dropSettled();
      this.#onIdle?.();
    }
    if (this.#calls.size === 0) this.#stopTimers();
  }

  /** What its caller was told to have failed needs no place in the queue. */
  #dropSettled(): void {
    for (const lane of this.#lanes) {
      const kept = lane.waiting.filter(({ call }) => !call.isSettled);
      const bytes = kept.reduce((sum, entry) => sum + sizeOf(entry), 0);
      this.#queuedBytes -= lane.bytes - bytes;
      lane.waiting = kept;
      lane.bytes = bytes;
    }
  }

  #stopTimers(): void {
    if (this.#sweep !== null) clearInterval(this.#sweep);
    this.#sweep = null;
  }
}

/** The oldest entries of a lane, at least one, up to what one batch may have. */
function take(lane: Lane): readonly Waiting[] {
  let bytes = 0;
  let count = 0;
  for (const entry of lane.waiting) {
    if (count > 0 && bytes + sizeOf(entry) > partitionBytesMax) break;
    bytes += sizeOf(entry);
    count += 1;
  }
  lane.bytes -= bytes;
  return lane.waiting.splice(0, count);
}

function tellStored(
  partition: number,
  entries: readonly Waiting[],
  offsets: ReadonlyMap<number, bigint>,
): void {
  const base = offsets.get(partition);
  for (const [n, { call, index }] of entries.entries()) {
    if (base === undefined) {
      call.settle(toAppendError(new Error(`partition ${partition} has no answer`)));
      continue;
    }
    call.positions[index] = { partition, offset: base + BigInt(n) };
    call.left -= 1;
    if (call.left === 0) call.settle(null);
  }
}

function sizeOf({ key, value }: OutgoingEntry): number {
  return key.length + value.length;
}
