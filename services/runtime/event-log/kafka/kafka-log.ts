import type { Admin, Kafka, Producer } from "kafkajs";

import { sizeOfAppend } from "../append-size.ts";
import { AppendError } from "../port.ts";
import type {
  ConsumeOptions,
  Consumer,
  EventLog,
  LogEntry,
  LogHealth,
  LogPosition,
} from "../port.ts";
import { AppendQueue } from "./append-queue.ts";
import type { Outgoing } from "./append-queue.ts";
import { createClient, retry } from "./client.ts";
import type { KafkaCluster } from "./client.ts";
import { compressionTypes } from "./codec.ts";
import { toAppendError } from "./errors.ts";
import { newestGeneration, openGeneration } from "./generations.ts";
import type { Generation } from "./generations.ts";
import { KafkaConsumer } from "./kafka-consumer.ts";
import { batchBytesMax, fetchBounds, readTopic } from "./topics.ts";

const MiB = 1 << 20;
/** Room for the frame of a batch, its key, and for text that gzip cannot make smaller. */
const overheadBytes = 64 << 10;
const lookMs = 5000;
/** After a failed send the log calls itself unwritable for so long, then hopes again: nobody else would try. */
const failureHoldMs = 1000;
/** How long a leader may wait for its followers: less than the request may take. */
const ackMs = 4000;

export interface KafkaLogOptions extends KafkaCluster {
  /** Name of the stream, like `sluice.events`; its generations are the topics `<topic>.g1`, `<topic>.g2` … */
  readonly topic: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  /** A stream that is kept for ever has one generation: it is refused where another one would be made. */
  readonly retentionMs: number | "forever";
  readonly compression: "gzip" | "none";
  /**
   * The greatest position of this stream that is known elsewhere (ClickHouse). If the topic's next position would not
   * exceed it, because the topic was lost or made anew, the log moves to a new generation.
   */
  readonly after?: { readonly generation: number; readonly offset: bigint };
  /** Bytes of one entry; a larger one is refused as `too-large`. */
  readonly entryBytesMax?: number;
  /** Bytes that may wait for Kafka; beyond it appends are refused, and a call of more is `too-large`. */
  readonly queueBytesMax?: number;
  /** How long a consumer that gives no sign of life keeps its partitions, in milliseconds. */
  readonly sessionMs?: number;
  /**
   * Told once, when another process has begun a newer generation: this log takes no more appends, and its process should
   * stop and open the stream anew.
   */
  readonly onRetired?: () => void;
}

const defaults = {
  entryBytesMax: batchBytesMax - overheadBytes,
  queueBytesMax: 64 * MiB,
  sessionMs: 30_000,
} satisfies Partial<KafkaLogOptions>;

type Settings = KafkaLogOptions & Required<Pick<KafkaLogOptions, keyof typeof defaults>>;

/**
 * Opens the newest generation of a stream on Kafka, made when there is none. An append is durable when all in-sync
 * replicas have it. Rejects when no broker answers and when the topic's settings are not safe, saying what to do.
 */
export async function openKafkaLog(options: KafkaLogOptions): Promise<EventLog> {
  const settings: Settings = { ...defaults, ...options };
  if (settings.entryBytesMax > defaults.entryBytesMax)
    throw new Error(`Kafka takes no entry above ${defaults.entryBytesMax} bytes.`);
  const kafka = createClient(settings);
  const admin = kafka.admin();
  const producer = kafka.producer({
    allowAutoTopicCreation: false,
    // A lost response would roll its sequence back, and the next send be taken for a repeat (see DECISIONS.md).
    idempotent: false,
    maxInFlightRequests: 5,
    retry,
    createPartitioner:
      () =>
      ({ message }) =>
        message.partition ?? 0,
  });
  try {
    await admin.connect();
    const { topic: stream, after, log } = settings;
    const generation = await openGeneration(admin, {
      stream,
      shape: settings,
      log,
      ...(after === undefined ? {} : { after }),
    });
    await producer.connect();
    return new KafkaLog(settings, { kafka, admin, producer }, generation);
  } catch (error) {
    await Promise.allSettled([admin.disconnect(), producer.disconnect()]);
    throw error;
  }
}

interface Clients {
  readonly kafka: Kafka;
  readonly admin: Admin;
  readonly producer: Producer;
}

class KafkaLog implements EventLog {
  readonly #settings: Settings;
  readonly #clients: Clients;
  readonly #generation: Generation;
  readonly #queue: AppendQueue;
  readonly #consumers = new Set<KafkaConsumer>();
  readonly #timer: NodeJS.Timeout;
  /** The greatest known offsets that next entries will get, by partition. */
  readonly #ends = new Map<number, bigint>();
  #look: Promise<void> | null = null;
  #closing: Promise<void> | null = null;
  #isRetired = false;
  #failure: { readonly message: string; readonly at: number } | null = null;

  constructor(settings: Settings, clients: Clients, generation: Generation) {
    this.#settings = settings;
    this.#clients = clients;
    this.#generation = generation;
    this.#queue = new AppendQueue(
      generation.partitions,
      (batches) => this.#send(batches),
      (error) => {
        const isOutage = error !== null && error.kind === "retryable";
        this.#failure = isOutage ? { message: error.message, at: performance.now() } : null;
      },
    );
    this.#timer = setInterval(() => this.#lookAround(), lookMs).unref();
  }

  get generation(): number {
    return this.#generation.number;
  }

  async append(entries: readonly LogEntry[]): Promise<readonly LogPosition[]> {
    if (this.#closing !== null) throw new AppendError("closed", "The event log is closed.");
    if (entries.length === 0) return [];
    const bytes = sizeOfAppend(entries, this.#settings);
    const reason = this.#refusal(bytes);
    if (reason !== null) throw new AppendError("retryable", `${reason}: try again later.`);
    return this.#queue.append(entries);
  }

  async consume(options: ConsumeOptions): Promise<Consumer> {
    if (this.#closing !== null) throw new Error("The event log is closed.");
    const { group } = options;
    if (group !== null && !/^[\w-]{1,40}$/.test(group)) {
      throw new Error(`"${group}" is no name for a group: use letters, digits, dashes.`);
    }
    const { kafka, admin } = this.#clients;
    const { sessionMs, log } = this.#settings;
    const generation = this.#generation;
    const consumer = new KafkaConsumer(
      { kafka, admin, generation, sessionMs, consume: options, log },
      () => this.#consumers.delete(consumer),
    );
    this.#consumers.add(consumer);
    try {
      await consumer.started;
    } catch (error) {
      // It is told here, so it need not be told by a consumer that nobody gets.
      consumer.ended.catch(() => {});
      throw error;
    }
    return consumer;
  }

  async ends(): Promise<ReadonlyMap<number, bigint>> {
    const bounds = await fetchBounds(this.#clients.admin, this.#generation.topic);
    for (const { partition, high } of bounds) this.#noteEnd(partition, high);
    const own = bounds.filter(({ partition }) => partition < this.#generation.partitions);
    return new Map(own.map(({ partition, high }) => [partition, high]));
  }

  health(): LogHealth {
    const failed = this.#failure !== null && performance.now() - this.#failure.at < failureHoldMs;
    const reason =
      (this.#closing === null ? this.#refusal(0) : "The event log is closed") ??
      (failed ? (this.#failure?.message ?? null) : null);
    const lags = [...this.#consumers]
      .filter(({ group }) => group !== null)
      .map((consumer) => this.#lagOf(consumer));
    const lag = lags.reduce((most, next) => (next > most ? next : most), 0n);
    return { writable: reason === null, reason, bytes: this.#queue.queuedBytes, lag };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Why so many more bytes cannot be taken now. */
  #refusal(bytes: number): string | null {
    const { queueBytesMax } = this.#settings;
    if (this.#isRetired) return this.#retiredReason;
    const queued = this.#queue.queuedBytes + bytes;
    return queued > queueBytesMax
      ? `${queued} bytes wait for Kafka, more than ${queueBytesMax}`
      : null;
  }

  async #send(batches: readonly Outgoing[]): Promise<ReadonlyMap<number, bigint>> {
    const results = await this.#clients.producer
      .send({
        topic: this.#generation.topic,
        acks: -1,
        timeout: ackMs,
        compression: compressionTypes[this.#settings.compression],
        messages: batches.flatMap(({ partition, entries }) =>
          entries.map(({ key, value }) => ({ key, value, partition })),
        ),
      })
      .catch((error: unknown) => this.#explain(error));
    const offsets = new Map(
      results.map(({ partition, baseOffset }) => [partition, BigInt(baseOffset ?? -1)]),
    );
    for (const { partition, entries } of batches)
      this.#noteEnd(partition, (offsets.get(partition) ?? 0n) + BigInt(entries.length));
    return offsets;
  }

  /** A sealed topic refuses every batch as too large, which is not the fault of what is in it. */
  async #explain(error: unknown): Promise<never> {
    const failure = toAppendError(error);
    if (failure.kind !== "too-large") throw failure;
    const { isSealed } = await readTopic(this.#clients.admin, this.#generation.topic);
    if (!isSealed) throw failure;
    this.#retire();
    throw new AppendError("retryable", `${this.#retiredReason}: try again later.`);
  }

  #noteEnd(partition: number, end: bigint): void {
    if (end > (this.#ends.get(partition) ?? 0n)) this.#ends.set(partition, end);
  }

  /** What is known not to be done of the partitions that a consumer of this process has. */
  #lagOf(consumer: KafkaConsumer): bigint {
    return consumer.partitions.reduce((sum, partition) => {
      const behind = (this.#ends.get(partition) ?? 0n) - (consumer.done.get(partition) ?? 0n);
      return behind > 0n ? sum + behind : sum;
    }, 0n);
  }

  /** Whether this generation is still the newest, and how far its partitions go. A failure is left to the next time. */
  #lookAround(): void {
    this.#look ??= this.#runLook()
      .catch((error: unknown) => {
        this.#settings.log.debug("Kafka cannot be looked at now", { error });
      })
      .finally(() => {
        this.#look = null;
      });
  }

  async #runLook(): Promise<void> {
    await this.ends();
    const newest = await newestGeneration(this.#clients.admin, this.#settings.topic);
    if (newest > this.generation) this.#retire();
  }

  #retire(): void {
    if (this.#isRetired) return;
    this.#isRetired = true;
    this.#settings.log.warn(`${this.#retiredReason}: restart it`);
    this.#settings.onRetired?.();
  }

  get #retiredReason(): string {
    return `A generation of ${this.#settings.topic} after ${this.generation} has begun, and this process is yet to follow`;
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#queue.drain();
    await Promise.all([...this.#consumers].map((consumer) => consumer.stop()));
    await this.#look;
    await Promise.allSettled([
      this.#clients.producer.disconnect(),
      this.#clients.admin.disconnect(),
    ]);
  }
}
