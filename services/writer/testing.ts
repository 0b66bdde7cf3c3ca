import { ConsumerLoop } from "../runtime/event-log/consumer.ts";
import type { PartitionReader } from "../runtime/event-log/consumer.ts";
import { openMemoryLog } from "../runtime/event-log/memory-log.ts";
import type { MemoryTopic } from "../runtime/event-log/memory-log.ts";
import type { ConsumeOptions, EventLog } from "../runtime/event-log/port.ts";

/** Consumers of one group, each of which sees the log as if it were in a process of its own. */
export interface Group {
  /** The log of one more member; it is given partitions by `assign`, and none before. */
  join(): EventLog;
  /** Which partitions each member has from now on, in the order of their joining; batches in hand are finished first. */
  assign(shares: readonly (readonly number[])[]): Promise<void>;
  /** Whether all that the topic holds is committed. */
  isDrained(): boolean;
}

interface Member {
  options: ConsumeOptions | null;
  loop: ConsumerLoop | null;
  partitions: readonly number[];
}

export async function openGroup(topic: MemoryTopic): Promise<Group & Pick<EventLog, "append">> {
  const log = await openMemoryLog({ partitions: topic.partitions.length, topic });
  const members: Member[] = [];
  const committed = topic.partitions.map(() => 0n);

  async function append(...args: Parameters<EventLog["append"]>) {
    const positions = await log.append(...args);
    for (const { loop } of members) loop?.wake();
    return positions;
  }

  async function revoke(member: Member): Promise<void> {
    await member.loop?.stop();
    if (member.loop) member.options?.onRevoked?.(member.partitions);
    member.loop = null;
  }

  return {
    append,
    isDrained: () => topic.partitions.every(({ length }, n) => committed[n] === BigInt(length)),
    join() {
      const member: Member = { options: null, loop: null, partitions: [] };
      members.push(member);
      return {
        generation: topic.generation,
        append,
        ends: () => log.ends(),
        health: () => log.health(),
        close: async () => {},
        async consume(options) {
          member.options = options;
          return { stop: () => revoke(member), ended: new Promise(() => {}) };
        },
      };
    },
    async assign(shares) {
      for (const member of members) await revoke(member);
      for (const [n, member] of members.entries()) {
        member.partitions = shares[n] ?? [];
        if (!member.options || member.partitions.length === 0) continue;
        const readers = member.partitions.map((partition) => readerOf(topic, partition, committed));
        member.loop = new ConsumerLoop(readers, member.options, () => {});
      }
    },
  };
}

function readerOf({ generation, partitions }: MemoryTopic, partition: number, committed: bigint[]) {
  const entries = partitions[partition] ?? [];
  const start = committed[partition] ?? 0n;
  let at = Number(start);
  const reader: PartitionReader = {
    partition,
    start,
    waiting: () => ({ records: entries.length - at, bytes: entries.length - at }),
    async read(recordsMax) {
      const records = entries.slice(at, at + recordsMax);
      at += records.length;
      return { generation, records };
    },
    end: () => BigInt(entries.length),
    commit(next) {
      committed[partition] = next;
    },
    close: async () => {},
  };
  return reader;
}
