import { setTimeout as pause } from "node:timers/promises";

import kafkajs from "kafkajs";
import type { Admin } from "kafkajs";

/** The stream's first generation, and the group of its writers. */
export const topic = "sluice.events.g1";
const groupId = `${topic}.writer`;

export type Offsets = ReadonlyMap<number, bigint>;

/** How far the writers are, as Kafka knows it. */
export interface WriterGroup {
  /** By partition; what was never committed is missing. Committed means inserted. */
  committed(): Promise<Offsets>;
  /** By partition, the offset that the next record gets. */
  ends(): Promise<Offsets>;
  /** Resolves once all that the log holds is committed. */
  untilDrained(): Promise<void>;
  /** Resolves once more is committed than this sum of offsets. */
  untilBeyond(sum: bigint): Promise<void>;
  /** Does something to Kafka by its administration, through a client of its own. */
  administer<Result>(work: (admin: Admin, groupId: string) => Promise<Result>): Promise<Result>;
}

const lookMs = 100;
/** Against waiting for ever: the longest known wait is a session and the restart of a broker. */
const waitMsMax = 150_000;

export function writerGroup(brokers: readonly string[]): WriterGroup {
  async function administer<Result>(
    work: (admin: Admin, group: string) => Promise<Result>,
  ): Promise<Result> {
    const { Kafka, logLevel } = kafkajs;
    const client = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
    const admin = client.admin({ retry: { retries: 2 } });
    try {
      await admin.connect();
      return await work(admin, groupId);
    } finally {
      await admin.disconnect();
    }
  }

  async function committed(): Promise<Offsets> {
    const fetched = await administer((admin) => admin.fetchOffsets({ groupId, topics: [topic] }));
    const partitions = fetched.flatMap((one) => one.partitions);
    const known = partitions.map(({ partition, offset }) => [partition, BigInt(offset)] as const);
    return new Map(known.filter(([, offset]) => offset >= 0n));
  }

  async function ends(): Promise<Offsets> {
    const bounds = await administer((admin) => admin.fetchTopicOffsets(topic));
    return new Map(bounds.map(({ partition, high }) => [partition, BigInt(high)]));
  }

  return {
    committed,
    ends,
    administer,
    async untilDrained() {
      await until("all is committed", async () => {
        // In this order: what is committed at an earlier moment cannot be overtaken by the later look at the ends.
        const done = await committed();
        return [...(await ends())].every(([partition, end]) => (done.get(partition) ?? 0n) === end);
      });
    },
    async untilBeyond(sum) {
      await until(`more than ${sum} records are committed`, async () => {
        return sumOf(await committed()) > sum;
      });
    },
  };
}

export function sumOf(offsets: Offsets): bigint {
  return [...offsets.values()].reduce((sum, offset) => sum + offset, 0n);
}

/** A look that fails, as when the broker is still starting, counts as not yet. */
async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + waitMsMax;
  let cause: unknown;
  for (;;) {
    try {
      if (await isSo()) return;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`It did not come to pass in ${waitMsMax} ms that ${what}.`, { cause });
    }
    await pause(lookMs);
  }
}
