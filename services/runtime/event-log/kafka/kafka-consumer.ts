import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";

import type { Admin, Kafka } from "kafkajs";

import type { Logger } from "../../logger.ts";
import { UnreadableError } from "../port.ts";
import type { ConsumeOptions, Consumer } from "../port.ts";
import { isOutage } from "./errors.ts";
import type { Generation, OlderGeneration } from "./generations.ts";
import { Membership } from "./membership.ts";
import type { MembershipOptions } from "./membership.ts";
import { fetchBounds } from "./topics.ts";

const lookMs = 1000;
/** How long brokers may take to hear that a generation is sealed. */
const sealMs = 60_000;
const retryMs = 500;
const retryMsMax = 10_000;
/** A broker that is away is waited for; what fails for other reasons so often in so long will not mend itself. */
const failuresMax = 3;
const failuresWithinMs = 60_000;

type Outcome = "stopped" | "drained" | "older grew";

export interface KafkaConsumerOptions {
  readonly kafka: Kafka;
  readonly admin: Admin;
  readonly generation: Generation;
  readonly sessionMs: number;
  readonly consume: ConsumeOptions;
  readonly log: Logger;
}

/**
 * Consumes a stream's generations in their order, each to its end before the next. Begins anew when kafkajs's consumer
 * has crashed, which it does for good at any error that it does not know, or has stopped fetching.
 */
export class KafkaConsumer implements Consumer {
  readonly ended: Promise<void>;
  /** Resolves when it has joined its group and told where delivery starts; rejects when it ended before. */
  readonly started: Promise<void>;
  readonly #options: KafkaConsumerOptions;
  readonly #abort = new AbortController();
  #onJoined: (() => void) | null = null;
  #membership: Membership | null = null;
  #isNewest = false;
  #newestSince = 0;
  /** For each older generation, the ends that it was consumed to. */
  readonly #drained = new Map<string, ReadonlyMap<number, bigint>>();
  #failures: number[] = [];
  /** Where delivery of the newest generation stands, by partition. */
  readonly #done = new Map<number, bigint>();

  constructor(options: KafkaConsumerOptions, onEnd: () => void) {
    this.#options = options;
    const joined = new Promise<void>((resolve) => {
      this.#onJoined = resolve;
    });
    const run = this.#run();
    // Not raced itself, so that nobody has seen its failure before the owner looks at it.
    this.ended = run.finally(onEnd);
    this.started = Promise.race([joined, run]);
  }

  get group(): string | null {
    return this.#options.consume.group;
  }

  /** For each partition that this process has or had, the offset before which all is done. */
  get done(): ReadonlyMap<number, bigint> {
    for (const { partition, done } of this.#membership?.queues ?? [])
      if (this.#isNewest) this.#done.set(partition, done);
    return this.#done;
  }

  /** The partitions that this process consumes now. */
  get partitions(): readonly number[] {
    return this.#isNewest ? (this.#membership?.queues ?? []).map(({ partition }) => partition) : [];
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    // The failure is told by `ended`; whoever stops the consumer has no use for it.
    await this.ended.catch(() => {});
  }

  async #run(): Promise<void> {
    const { generation } = this.#options;
    let outcome: Outcome;
    do {
      this.#isNewest = false;
      for (const older of generation.older) {
        if ((await this.#consume(older, true)) === "stopped") return;
      }
      this.#isNewest = true;
      this.#newestSince = performance.now();
      outcome = await this.#consume(generation, false);
    } while (outcome === "older grew");
  }

  /** Consumes one generation until the consumer is stopped or, of an older one, until it is committed to its end. */
  async #consume(of: OlderGeneration, isOlder: boolean): Promise<Outcome> {
    const done = isOlder ? new Map<number, bigint>() : this.#done;
    for (let wait = retryMs; !this.#abort.signal.aborted; wait = Math.min(wait * 2, retryMsMax)) {
      const membership = new Membership(this.#membershipOptions(of, isOlder, done));
      this.#membership = membership;
      void membership.joined.then(this.#onJoined);
      try {
        const outcome = await this.#watch(membership, of, isOlder);
        await membership.stop();
        return outcome;
      } catch (error) {
        await membership.abandon();
        this.#countFailure(error);
        this.#options.log.warn("The consumer of Kafka failed and begins anew", {
          topic: of.topic,
          error,
        });
        await pause(wait, undefined, { signal: this.#abort.signal }).catch(() => {});
      } finally {
        this.#membership = null;
      }
    }
    return "stopped";
  }

  /** Resolves when the membership is to be stopped; rejects when it failed or stands still. */
  async #watch(membership: Membership, of: OlderGeneration, isOlder: boolean): Promise<Outcome> {
    const over = new AbortController();
    const end = membership.ended.finally(() => over.abort());
    // Its failure is awaited below, as soon as the wait for the next look is cut short.
    end.catch(() => {});
    const signal = AbortSignal.any([this.#abort.signal, over.signal]);
    for (;;) {
      await pause(lookMs, undefined, { ref: false, signal }).catch(() => {});
      if (over.signal.aborted) await end;
      if (signal.aborted) return "stopped";
      const state = await this.#look(membership, of, isOlder).catch((error: unknown) => {
        this.#options.log.debug("Kafka does not say how far a topic goes", { of, error });
        return "going on" as const;
      });
      if (state === "stalled") throw new Error("Kafka has entries and does not hand them out");
      if (state !== "going on") return state;
    }
  }

  async #look(
    membership: Membership,
    { topic }: OlderGeneration,
    isOlder: boolean,
  ): Promise<Outcome | "stalled" | "going on"> {
    const { admin, consume } = this.#options;
    const bounds = await fetchBounds(admin, topic);
    const ends = new Map(bounds.map(({ partition, high }) => [partition, high]));
    for (const queue of membership.queues) queue.noteEnd(ends.get(queue.partition) ?? 0n);
    if (membership.isStalled()) return "stalled";
    if (!isOlder) return (await this.#hasOlderGrown()) ? "older grew" : "going on";
    const done =
      consume.group === null
        ? new Map(membership.queues.map((queue) => [queue.partition, queue.done]))
        : await this.#committed(topic, consume.group);
    const isDrained = bounds.every(
      ({ partition, low, high }) => low === high || (done.get(partition) ?? -1n) >= high,
    );
    if (!isDrained) return "going on";
    this.#drained.set(topic, ends);
    return "drained";
  }

  /** Whether a generation took entries after it was read to its end: brokers hear of its seal a moment later. */
  async #hasOlderGrown(): Promise<boolean> {
    if (performance.now() - this.#newestSince > sealMs) return false;
    for (const [topic, ends] of this.#drained) {
      const bounds = await fetchBounds(this.#options.admin, topic);
      if (bounds.some(({ partition, high }) => high > (ends.get(partition) ?? 0n))) return true;
    }
    return false;
  }

  async #committed(topic: string, group: string): Promise<ReadonlyMap<number, bigint>> {
    const groupId = groupIdOf(topic, group);
    const [fetched] = await this.#options.admin.fetchOffsets({ groupId, topics: [topic] });
    return new Map(fetched?.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
  }

  #membershipOptions(
    { number, topic }: OlderGeneration,
    isOlder: boolean,
    done: Map<number, bigint>,
  ): MembershipOptions {
    const { onCommitted: _, ...quiet } = this.#options.consume;
    const { consume, generation: __, ...rest } = this.#options;
    return {
      ...rest,
      topic,
      generation: number,
      // An older generation's offsets would be taken for the newest one's.
      consume: isOlder ? quiet : consume,
      groupId:
        consume.group === null
          ? `${topic}.reader-${randomUUID()}`
          : groupIdOf(topic, consume.group),
      done,
    };
  }

  /** Throws what ends the consumer for good. */
  #countFailure(error: unknown): void {
    if (error instanceof UnreadableError) throw error;
    if (isOutage(error)) return;
    const now = performance.now();
    this.#failures = [...this.#failures.filter((at) => now - at < failuresWithinMs), now];
    if (this.#failures.length >= failuresMax) throw error;
  }
}

/** The group's name at Kafka: one for each generation, so that no member of one is given partitions of another. */
function groupIdOf(topic: string, group: string): string {
  return `${topic}.${group}`;
}
