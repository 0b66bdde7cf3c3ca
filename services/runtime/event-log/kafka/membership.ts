import { setTimeout as pause } from "node:timers/promises";

import kafkajs from "kafkajs";
import type { Admin, Consumer as KafkaJsConsumer, EachBatchPayload, Kafka } from "kafkajs";

import type { Logger } from "../../logger.ts";
import { UnreadableError } from "../port.ts";
import type { ConsumeOptions, LogRecord } from "../port.ts";
import { Assignment } from "./assignment.ts";
import { retry } from "./client.ts";
import type { PartitionQueue } from "./partition-queue.ts";
import type { BeforeJoin } from "./patches.ts";
import { fetchBounds } from "./topics.ts";

const MiB = 1 << 20;

/** What is fetched ahead over all partitions, in bytes: beyond it no more is fetched until something is taken. */
const fetchedBytesMax = 64 * MiB;
const partitionFetchBytes = 4 * MiB;
const fetchBytes = 32 * MiB;
/** How long a broker may hold a fetch back to fill it; who waits for no others is answered at once. */
const holdMs = 250;
const holdBytes = 256 << 10;
const heartbeatMs = 3000;
const rebalanceMs = 60_000;
/** A batch in hand gets so long before its partition is handed over: less than the session, which ends without us. */
const handOverMs = 20_000;
/** Entries that are there and do not come for so long: kafkajs is known to hold partitions and fetch nothing. */
const stallMs = 60_000;
const retryMs = 500;

export interface MembershipOptions {
  readonly kafka: Kafka;
  readonly admin: Admin;
  readonly topic: string;
  readonly generation: number;
  readonly groupId: string;
  readonly sessionMs: number;
  readonly consume: ConsumeOptions;
  readonly log: Logger;
  /** For each partition, what this process has done: what lies before it is not delivered again. */
  readonly done: Map<number, bigint>;
}

/**
 * One stay in a consumer group, from joining to leaving or failing. kafkajs fetches into queues, and a ConsumerLoop
 * delivers from them, so that a slow handler suspends its partitions instead of the whole fetch. Positions are set by
 * us at each assignment and kafkajs commits nothing by itself.
 */
export class Membership {
  /** Resolves with the first assignment. */
  readonly joined: Promise<void>;
  /** Resolves after a stop; rejects with what went wrong. */
  readonly ended: Promise<void>;
  readonly #options: MembershipOptions;
  readonly #consumer: KafkaJsConsumer;
  #assignment: Assignment | null = null;
  /** Counts assignments, so that a late answer is not taken for a newer one. */
  #epoch = 0;
  #isStopping = false;
  #settleJoined: () => void = () => {};
  #fail: (error: unknown) => void = () => {};
  #resolveEnded: () => void = () => {};

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.joined = new Promise((resolve) => (this.#settleJoined = resolve));
    this.ended = new Promise((resolve, reject) => {
      this.#resolveEnded = resolve;
      this.#fail = reject;
    });
    // It is awaited by whoever supervises, which may be a moment later.
    this.ended.catch(() => {});
    this.#consumer = this.#createConsumer();
    void this.#start();
  }

  /** For each assigned partition, where its delivery stands. */
  get queues(): readonly PartitionQueue[] {
    return this.#assignment?.queues ?? [];
  }

  /** Whether entries that are there have not come for long. */
  isStalled(): boolean {
    return this.queues.some((queue) => queue.isStalled(stallMs));
  }

  /** Finishes the batch in hand, commits it, leaves the group. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#revoke();
    await this.#disconnect();
    this.#resolveEnded();
  }

  /** Ends without another commit, for a supervisor that begins anew. */
  async abandon(): Promise<void> {
    this.#isStopping = true;
    this.#epoch += 1;
    const assignment = this.#assignment;
    this.#assignment = null;
    assignment?.drop();
    await assignment?.loop.stop();
    if (assignment !== null) this.#tellRevoked(assignment);
    await this.#disconnect();
  }

  #createConsumer(): KafkaJsConsumer {
    const { kafka, groupId, sessionMs, consume } = this.#options;
    const beforeJoin = async (): Promise<void> => {
      await Promise.race([this.#revoke(), pause(handOverMs, undefined, { ref: false })]);
      // A commit that comes later could undo one of whoever has the partition by then.
      this.#assignment?.drop();
    };
    const waits = consume.lingerMs > 0;
    return kafka.consumer({
      groupId,
      sessionTimeout: sessionMs,
      heartbeatInterval: Math.min(heartbeatMs, sessionMs / 3),
      rebalanceTimeout: rebalanceMs,
      minBytes: waits ? Math.min(holdBytes, consume.bytesMax) : 1,
      maxWaitTimeInMs: waits ? Math.min(holdMs, Math.max(10, consume.lingerMs)) : holdMs,
      maxBytesPerPartition: partitionFetchBytes,
      maxBytes: fetchBytes,
      allowAutoTopicCreation: false,
      // The supervisor begins anew by itself, with a consumer that has no history.
      retry: { ...retry, restartOnFailure: async () => false },
      partitionAssigners: [
        (config) => ({ ...kafkajs.PartitionAssigners.roundRobin(config), beforeJoin }) as Assigner,
      ],
    });
  }

  async #start(): Promise<void> {
    const { topic } = this.#options;
    const { CRASH, GROUP_JOIN } = this.#consumer.events;
    this.#consumer.on(CRASH, ({ payload }) => this.#fail(payload.error));
    this.#consumer.on(GROUP_JOIN, ({ payload }) => {
      const partitions = [...(payload.memberAssignment[topic] ?? [])].toSorted((a, b) => a - b);
      // Nothing is fetched before we have said from where.
      this.#consumer.pause([{ topic, partitions }]);
      void this.#assign(partitions);
    });
    try {
      await this.#consumer.connect();
      await this.#consumer.subscribe({ topic, fromBeginning: true });
      await this.#consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        // Handlers only fill queues, so there is nothing to be gained by more.
        partitionsConsumedConcurrently: 1,
        eachBatch: async (payload) => this.#take(payload),
      });
    } catch (error) {
      this.#fail(error);
    }
  }

  async #assign(partitions: readonly number[]): Promise<void> {
    this.#epoch += 1;
    const epoch = this.#epoch;
    // The old loop may still be stopping when its time to hand over ran out.
    await this.#revoke();
    for (;;) {
      if (epoch !== this.#epoch || this.#isStopping) return;
      try {
        const starts = await this.#starts(partitions);
        if (epoch !== this.#epoch || this.#isStopping) return;
        this.#deliver(starts);
        return;
      } catch (error) {
        if (error instanceof UnreadableError) return this.#fail(error);
        this.#options.log.warn("Kafka does not say where to read on; trying again", { error });
        await pause(retryMs);
      }
    }
  }

  /** Where each partition's delivery starts: behind what is committed or done, else at the first kept entry. */
  async #starts(partitions: readonly number[]): Promise<readonly Start[]> {
    const { admin, consume, done, groupId, topic } = this.#options;
    const bounds = await fetchBounds(admin, topic);
    const fetched =
      consume.group === null ? [] : await admin.fetchOffsets({ groupId, topics: [topic] });
    const committed = new Map(
      fetched[0]?.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]),
    );
    return partitions.map((partition) => {
      const bound = bounds.find((candidate) => candidate.partition === partition);
      const { low, high } = bound ?? { low: 0n, high: 0n };
      const next = max(committed.get(partition) ?? -1n, done.get(partition) ?? -1n);
      if (next >= 0n && next < low) throw missing(topic, partition, low - next, groupId);
      // Beyond the end lies nothing: the topic was made anew, and the group is of the old one.
      const isKnown = next >= 0n && next <= high;
      const isCommitted = next <= (committed.get(partition) ?? -1n);
      return { partition, start: isKnown ? next : low, end: high, isCommitted };
    });
  }

  #deliver(starts: readonly Start[]): void {
    const { consume, generation, topic } = this.#options;
    const assignment: Assignment = new Assignment(starts, generation, {
      onTaken: () => this.#regulate(assignment),
      flush: (queues) => this.#commit(queues),
      log: this.#options.log,
    });
    this.#assignment = assignment;
    for (const { partition, start } of starts)
      this.#consumer.seek({ topic, partition, offset: String(start) });
    this.#consumer.resume([{ topic, partitions: starts.map(({ partition }) => partition) }]);
    assignment.begin(consume, (error) => this.#fail(error));
    for (const { partition, isCommitted, start } of starts)
      if (!isCommitted) assignment.queueOf(partition)?.commit(start);
    this.#settleJoined();
  }

  async #take(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const assignment = this.#assignment;
    const queue = assignment?.queueOf(batch.partition);
    // What is not resolved is fetched again.
    if (assignment === null || queue === undefined || payload.isStale()) return;
    const records = batch.messages.map(({ offset, value }): LogRecord => {
      return { offset: BigInt(offset), value: value ?? Buffer.alloc(0) };
    });
    const gap = queue.push(records, BigInt(batch.highWatermark));
    if (gap > 0n) return this.#onGap(queue);
    payload.resolveOffset(batch.lastOffset());
    this.#regulate(assignment);
    assignment.loop.wake();
  }

  /** Entries are missing: gone for good, or fetched from a place that an older assignment had set. */
  async #onGap(queue: PartitionQueue): Promise<void> {
    const { admin, topic, groupId } = this.#options;
    const { partition, fetched } = queue;
    const bounds = await fetchBounds(admin, topic);
    const low = bounds.find((bound) => bound.partition === partition)?.low ?? 0n;
    if (low > fetched) {
      // kafkajs has moved the group to the first kept entry: put it back, as the trace of what is lost.
      await this.#commit([queue]).catch(() => {});
      this.#fail(missing(topic, partition, low - fetched, groupId));
      return;
    }
    this.#consumer.seek({ topic, partition, offset: String(fetched) });
  }

  /** Suspends the fetching of what is full, and takes it up again when there is room. */
  #regulate(assignment: Assignment): void {
    if (assignment !== this.#assignment) return;
    const { consume, topic } = this.#options;
    const total = assignment.queues.reduce((sum, queue) => sum + queue.bytes, 0);
    const [paused, resumed]: [number[], number[]] = [[], []];
    for (const queue of assignment.queues) {
      const { bytes, records } = queue.waiting();
      // Twice a batch, so that one is ready while another is in hand.
      const isFull = bytes >= 2 * consume.bytesMax || records >= 2 * consume.recordsMax;
      const isPaused = records > 0 && (isFull || total >= fetchedBytesMax);
      if (isPaused !== queue.isPaused) (isPaused ? paused : resumed).push(queue.partition);
      queue.isPaused = isPaused;
    }
    if (paused.length > 0) this.#consumer.pause([{ topic, partitions: paused }]);
    if (resumed.length > 0) this.#consumer.resume([{ topic, partitions: resumed }]);
  }

  /** Ends delivery of what is assigned: the batch in hand is finished and committed. */
  async #revoke(): Promise<void> {
    const assignment = this.#assignment;
    if (assignment === null) return;
    await assignment.loop.stop();
    if (this.#assignment !== assignment) return;
    this.#assignment = null;
    this.#tellRevoked(assignment);
  }

  #tellRevoked({ queues }: Assignment): void {
    const { consume, done } = this.#options;
    for (const { partition, done: next } of queues) done.set(partition, next);
    consume.onRevoked?.(queues.map(({ partition }) => partition));
  }

  async #commit(queues: readonly PartitionQueue[]): Promise<void> {
    const { consume, topic } = this.#options;
    if (consume.group === null) return;
    const offsets = queues.map(({ partition, done }) => ({ partition, offset: String(done) }));
    await this.#consumer.commitOffsets(offsets.map((offset) => ({ topic, ...offset })));
  }

  async #disconnect(): Promise<void> {
    await this.#consumer.disconnect().catch((error: unknown) => {
      this.#options.log.debug("A consumer could not leave Kafka in order", { error });
    });
  }
}

interface Start {
  readonly partition: number;
  readonly start: bigint;
  readonly end: bigint;
  /** Whether Kafka knows of it too; else a commit was lost when the partition was handed over. */
  readonly isCommitted: boolean;
}

type Assigner = ReturnType<typeof kafkajs.PartitionAssigners.roundRobin> & BeforeJoin;

function missing(
  topic: string,
  partition: number,
  count: bigint,
  groupId: string,
): UnreadableError {
  return new UnreadableError(
    `${count} entries of ${topic}, partition ${partition}, were deleted before they were consumed: Kafka's retention is shorter than the outage was. To accept the loss: kafka-consumer-groups.sh --bootstrap-server HOST:PORT --group ${groupId} --topic ${topic}:${partition} --reset-offsets --to-earliest --execute`,
  );
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
