import kafkajs from "kafkajs";
import type { Admin } from "kafkajs";
import { afterAll, beforeAll, expect, test } from "vitest";

import { UnreadableError } from "../../services/runtime/event-log/port.ts";
import type { LogBatch } from "../../services/runtime/event-log/port.ts";
import { collect, gate, numbered, sleep, until } from "../../services/runtime/event-log/testing.ts";
import { startKafka } from "./broker.ts";
import type { KafkaCluster } from "./broker.ts";
import { createNetwork, newStream, openTestLog } from "./testing.ts";

let cluster: KafkaCluster;
let admin: Admin;
beforeAll(async () => {
  cluster = await startKafka();
  const brokers = [...cluster.addresses];
  admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
});
afterAll(async () => {
  await admin.disconnect();
  await cluster.stop();
});

async function deleteBefore(
  topic: string,
  partitions: { partition: number; offset: string }[],
): Promise<void> {
  // The request goes by what the client knows of the topic, and does not ask for it.
  await admin.fetchTopicOffsets(topic);
  await admin.deleteTopicRecords({ topic, partitions });
}

/** Follows what one consumer is told of its partitions. */
function ownership() {
  const owned = new Set<number>();
  return {
    owned,
    onAssigned: (partitions: readonly number[]) => partitions.forEach((p) => owned.add(p)),
    onRevoked: (partitions: readonly number[]) => partitions.forEach((p) => owned.delete(p)),
  };
}

test("consumers of one group share the partitions, and hand one over only between batches", async () => {
  const topic = newStream();
  const logs = await Promise.all(
    [0, 1, 2].map(() => openTestLog(cluster, { topic, partitions: 6 })),
  );
  const inHand = new Map<number, number>();
  let overlaps = 0;
  let strangers = 0;
  const seen = new Set<string>();
  const join = async (index: number) => {
    const { owned, ...told } = ownership();
    const log = logs[index];
    if (log === undefined) throw new Error("no such log");
    const collector = await collect(log, "g", {
      ...told,
      recordsMax: 20,
      async onBatch({ partition, records }: LogBatch) {
        if (!owned.has(partition)) strangers += 1;
        if (inHand.has(partition)) overlaps += 1;
        inHand.set(partition, index);
        await sleep(15);
        inHand.delete(partition);
        for (const { value } of records) seen.add(value.toString());
        return "done";
      },
    });
    return { ...collector, owned };
  };
  let n = 0;
  const append = async (count: number) => {
    for (let done = 0; done < count; done += 50, n += 50) await logs[0]?.append(numbered(n, 50));
  };
  const first = await join(0);
  expect(first.owned).toEqual(new Set([0, 1, 2, 3, 4, 5]));
  await append(1000);
  const second = await join(1);
  await append(500);
  const third = await join(2);
  await append(500);
  await until(() => [first, second, third].every(({ owned }) => owned.size === 2));
  await append(500);
  await second.consumer.stop();
  await until(() => first.owned.size + third.owned.size === 6);
  await append(500);
  await until(() => seen.size === n);
  expect([n, overlaps, strangers]).toEqual([3000, 0, 0]);
  // Nothing was handed out twice: each hand-over committed what was done.
  const delivered = [first, second, third].flatMap(({ values }) => values());
  expect(delivered.length).toBe(n);
  await Promise.all(logs.map((log) => log.close()));
});

test("what a dead consumer had in hand goes to another one, and its late commit moves nothing", async () => {
  const topic = newStream();
  const network = createNetwork();
  const dying = await openTestLog(cluster, { topic, socketFactory: network.socketFactory });
  const log = await openTestLog(cluster, { topic });
  await log.append(numbered(0, 30));
  const { opened, open } = gate();
  const first = await collect(dying, "g", {
    async onBatch() {
      await opened;
      return "done";
    },
  });
  await until(() => first.batches.length > 0);
  network.cut();
  const second = await collect(log, "g");
  await until(() => second.values().length === 30);
  open();
  await log.append(numbered(30, 30));
  await until(() => second.values().length === 60);
  expect(new Set(second.values()).size).toBe(60);
  await Promise.all([dying.close(), log.close()]);
});

test("entries that retention took before they were consumed are told of, and not skipped (matrix B8)", async () => {
  const topic = newStream();
  const log = await openTestLog(cluster, { topic, partitions: 1 });
  await log.append(numbered(0, 10));
  const first = await collect(log, "g", { recordsMax: 4 });
  await until(() => first.values().length === 10);
  await first.consumer.stop();
  await log.append(numbered(10, 10));
  const partitions = [{ partition: 0, offset: "15" }];
  await deleteBefore(`${topic}.g1`, partitions);
  const refused = collect(log, "g");
  await expect(refused).rejects.toBeInstanceOf(UnreadableError);
  await expect(refused).rejects.toThrow("5 entries of");
  // The loss is somebody's decision, by the command that the error names.
  await expect(refused).rejects.toThrow(`--group ${topic}.g1.g --topic ${topic}.g1:0`);
  await admin.setOffsets({ groupId: `${topic}.g1.g`, topic: `${topic}.g1`, partitions });
  const again = await collect(log, "g");
  await until(() => again.values().length === 5);
  expect(again.values()[0]).toBe("15");
  await log.close();
});

test("entries that are deleted ahead of a consumer at work are told of too, also after it began anew", async () => {
  const topic = newStream();
  const log = await openTestLog(cluster, { topic, partitions: 1 });
  await log.append(numbered(0, 4));
  const { opened, open } = gate();
  const first = await collect(log, "g", {
    recordsMax: 1,
    async onBatch({ records: [record] }) {
      if (record?.offset === 1n) await opened;
      return "done";
    },
  });
  await until(() => first.batches.length === 2);
  // More than is fetched ahead, so that what is deleted was not fetched.
  const large = numbered(4, 40, { bytes: 1 << 20 });
  for (const entry of large) await log.append([entry]);
  await deleteBefore(`${topic}.g1`, [{ partition: 0, offset: "43" }]);
  open();
  await expect(first.consumer.ended).rejects.toBeInstanceOf(UnreadableError);
  await expect(collect(log, "g")).rejects.toBeInstanceOf(UnreadableError);
  await log.close();
});

test("a group whose offsets were reset is given everything again (matrix B7)", async () => {
  const topic = newStream();
  const log = await openTestLog(cluster, { topic });
  await log.append(numbered(0, 30));
  const first = await collect(log, "g");
  await until(() => first.values().length === 30);
  await first.consumer.stop();
  await admin.deleteGroups([`${topic}.g1.g`]);
  const second = await collect(log, "g");
  await until(() => second.values().length === 30);
  expect(second.values().toSorted()).toEqual(first.values().toSorted());
  await log.close();
});
