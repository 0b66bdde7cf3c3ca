import { setTimeout as pause } from "node:timers/promises";

import type { Logger } from "../../logger.ts";
import { ConsumerLoop } from "../consumer.ts";
import type { ConsumeOptions } from "../port.ts";
import { PartitionQueue } from "./partition-queue.ts";

/** Pause before a commit that failed is tried again. */
const recommitMs = 500;

export interface AssignmentEvents {
  /** Entries were taken out of a queue. */
  readonly onTaken: () => void;
  /** Commits what lies before `done` of each queue. */
  readonly flush: (queues: readonly PartitionQueue[]) => Promise<void>;
  readonly log: Logger;
}

/** The partitions of one stay of the group in one shape: their queues, their delivery, their commits. */
export class Assignment {
  readonly queues: readonly PartitionQueue[];
  readonly #events: AssignmentEvents;
  readonly #dirty = new Set<PartitionQueue>();
  #loop: ConsumerLoop | null = null;
  #committing: Promise<void> | null = null;
  #isDropped = false;
  #isClosing = false;

  constructor(
    starts: readonly { partition: number; start: bigint; end: bigint }[],
    generation: number,
    events: AssignmentEvents,
  ) {
    this.#events = events;
    this.queues = starts.map((at) => {
      const queue: PartitionQueue = new PartitionQueue(at, generation, {
        onTaken: events.onTaken,
        onCommit: () => this.#noteCommit(queue),
        onClose: () => this.#close(),
      });
      return queue;
    });
  }

  get loop(): ConsumerLoop {
    if (this.#loop === null) throw new Error("The assignment has not begun.");
    return this.#loop;
  }

  queueOf(partition: number): PartitionQueue | undefined {
    return this.queues.find((queue) => queue.partition === partition);
  }

  /** Starts delivery; `onFailure` hears why it cannot go on. */
  begin(consume: ConsumeOptions, onFailure: (error: unknown) => void): void {
    this.#loop = new ConsumerLoop(this.queues, consume, () => {});
    this.#loop.ended.catch(onFailure);
  }

  /** From now on nothing is committed: the partitions may be another's. */
  drop(): void {
    this.#isDropped = true;
  }

  #noteCommit(queue: PartitionQueue): void {
    this.#dirty.add(queue);
    this.#committing ??= this.#commitAll().finally(() => {
      this.#committing = null;
    });
  }

  /** Commits until nothing is left to commit; what comes meanwhile goes with the next request. */
  async #commitAll(): Promise<void> {
    while (this.#dirty.size > 0 && !this.#isDropped) {
      const queues = [...this.#dirty];
      this.#dirty.clear();
      try {
        await this.#events.flush(queues);
      } catch (error) {
        for (const queue of queues) this.#dirty.add(queue);
        this.#events.log.debug("Kafka did not take a commit", { error });
        // Who hands over waits for no second try: what is not committed is delivered again.
        if (this.#isClosing) return;
        await pause(recommitMs);
      }
    }
  }

  async #close(): Promise<void> {
    this.#isClosing = true;
    await this.#committing;
    this.drop();
  }
}
