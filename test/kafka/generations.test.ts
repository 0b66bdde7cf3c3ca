import kafkajs from "kafkajs";
import type { Admin } from "kafkajs";
import { afterAll, beforeAll, expect, test } from "vitest";

import type { EventLog } from "../../services/runtime/event-log/port.ts";
import { collect, numbered, until } from "../../services/runtime/event-log/testing.ts";
import { startKafka } from "./broker.ts";
import type { KafkaCluster } from "./broker.ts";
import { newStream, openTestLog, recordingLog } from "./testing.ts";

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

const open = (topic: string, options: Partial<Parameters<typeof openTestLog>[1]> = {}) =>
  openTestLog(cluster, { topic, ...options });

async function addPartitions(topic: string, count: number): Promise<void> {
  await admin.createPartitions({ topicPartitions: [{ topic, count }] });
}

async function deleteTopic(topic: string): Promise<void> {
  await admin.deleteTopics({ topics: [topic] });
  await expect.poll(() => admin.listTopics()).not.toContain(topic);
}

/** Everything that a group is given, as `generation value`, until there is so much of it. */
async function consumeAll(log: EventLog, count: number): Promise<string[]> {
  const { batches, consumer, values } = await collect(log, "g");
  await until(() => values().length >= count);
  await consumer.stop();
  return batches.flatMap(({ generation, records }) =>
    records.map(({ value }) => `${generation} ${value.toString()}`),
  );
}

test("the first one to open a stream makes its first generation, with settings that lose nothing", async () => {
  const topic = newStream();
  const log = await open(topic, { partitions: 5, retentionMs: 7_200_000 });
  expect([log.generation, (await log.ends()).size]).toEqual([1, 5]);
  await log.close();
  const names = [
    "cleanup.policy",
    "max.message.bytes",
    "min.insync.replicas",
    "retention.ms",
    "unclean.leader.election.enable",
  ];
  const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name: `${topic}.g1` };
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ ...resource, configNames: names }],
  });
  const found = resources[0]?.configEntries.map((entry) => [entry.configName, entry.configValue]);
  expect(Object.fromEntries(found ?? [])).toEqual({
    "cleanup.policy": "delete",
    "max.message.bytes": String(8 << 20),
    "min.insync.replicas": "1",
    "retention.ms": "7200000",
    "unclean.leader.election.enable": "false",
  });
});

test("several that open a new stream at once agree on one generation", async () => {
  const topic = newStream();
  const logs = await Promise.all([open(topic), open(topic), open(topic)]);
  expect(logs.map((log) => log.generation)).toEqual([1, 1, 1]);
  await Promise.all(logs.map((log) => log.close()));
});

test("a topic with unsafe settings is refused, with what was found, what is wanted and what to run", async () => {
  const topic = newStream();
  await admin.createTopics({
    waitForLeaders: true,
    topics: [
      {
        topic: `${topic}.g1`,
        numPartitions: 3,
        replicationFactor: 1,
        configEntries: [
          { name: "cleanup.policy", value: "compact" },
          { name: "retention.ms", value: "60000" },
        ],
      },
    ],
  });
  const refused = open(topic);
  await expect(refused).rejects.toThrow(
    "cleanup.policy=compact and needs delete: run kafka-configs",
  );
  await expect(refused).rejects.toThrow("retention.ms=60000 and needs 3600000");
  await expect(refused).rejects.toThrow("--add-config max.message.bytes=8388608");
});

test("more replicas than there are brokers are refused, naming the setting", async () => {
  await expect(open(newStream(), { replicationFactor: 3 })).rejects.toThrow(
    "SLUICE_KAFKA_REPLICATION",
  );
});

test("partitions that were added by hand are found, and the stream moves on to a new generation (design §2)", async () => {
  const topic = newStream();
  const before = await open(topic);
  await before.append(numbered(0, 20));
  await before.close();
  await addPartitions(`${topic}.g1`, 4);
  const { log: logger, lines } = recordingLog();
  // The setting is raised too, as by someone who thinks that this is how it is done.
  const after = await open(topic, { partitions: 4, log: logger });
  expect([after.generation, (await after.ends()).size]).toEqual([2, 4]);
  expect(lines.map(({ message }) => message).join()).toContain(
    "was made with 3 partitions and has 4: partitions were added by hand",
  );
  await after.append(numbered(20, 20));
  const all = await consumeAll(after, 40);
  expect(all.map((line) => line.split(" ")[0])).toEqual([
    ...Array(20).fill("1"),
    ...Array(20).fill("2"),
  ]);
  expect(new Set(all).size).toBe(40);
  await after.close();
});

test("raising the number of partitions begins a generation, and lowering it keeps the one that is", async () => {
  const topic = newStream();
  const three = await open(topic);
  await three.close();
  const five = await open(topic, { partitions: 5 });
  expect([five.generation, (await five.ends()).size]).toEqual([2, 5]);
  await five.close();
  // Else processes of two settings, in the middle of a roll-out, would outbid each other for ever.
  const { log: logger, lines } = recordingLog();
  const again = await open(topic, { log: logger });
  expect([again.generation, (await again.ends()).size]).toEqual([2, 5]);
  expect(lines.map(({ message }) => message).join()).toContain("asks for fewer");
  await again.close();
});

test("a topic that was made anew is found by what is stored, and positions do not repeat (design §2)", async () => {
  const topic = newStream();
  const first = await open(topic, { partitions: 1 });
  const [, , last] = await first.append(numbered(0, 3, { key: "k" }));
  const stored = { generation: 1, offset: last?.offset ?? 0n };
  await first.close();

  const same = await open(topic, { partitions: 1, after: stored });
  expect(same.generation).toBe(1);
  await same.close();

  await deleteTopic(`${topic}.g1`);
  const byOther = await open(topic, { partitions: 1 });
  await byOther.append(numbered(100, 1));
  await byOther.close();
  const { log: logger, lines } = recordingLog();
  const second = await open(topic, { partitions: 1, after: stored, log: logger });
  expect(second.generation).toBe(2);
  expect(lines.map(({ message }) => message).join()).toContain(
    `${topic}.g1 was made anew: its greatest next offset is 1, and offset 2 of it is stored`,
  );
  // What came before anyone noticed is delivered all the same.
  await second.append(numbered(200, 1));
  expect(await consumeAll(second, 2)).toEqual(["1 100", "2 200"]);
  await second.close();

  await deleteTopic(`${topic}.g1`);
  await deleteTopic(`${topic}.g2`);
  const third = await open(topic, { partitions: 1, after: { generation: 2, offset: 0n } });
  expect(third.generation).toBe(3);
  await third.close();
});

test("a stream that is kept for ever is not begun anew", async () => {
  const topic = newStream();
  const log = await open(topic, { partitions: 1, retentionMs: "forever" });
  await log.close();
  await addPartitions(`${topic}.g1`, 2);
  await expect(open(topic, { partitions: 1, retentionMs: "forever" })).rejects.toThrow(
    "kept for ever and cannot be begun anew",
  );
});

test("a generation that has a successor takes no more appends, and whoever has it open is told", async () => {
  const topic = newStream();
  let told = 0;
  const old = await open(topic, { onRetired: () => (told += 1) });
  await old.append(numbered(0, 5));
  const next = await open(topic, { partitions: 4 });
  await expect(old.append(numbered(5, 1))).rejects.toMatchObject({ kind: "retryable" });
  await expect.poll(() => told, { timeout: 30_000 }).toBe(1);
  expect(old.health()).toMatchObject({ writable: false });
  expect(old.health().reason).toContain("has begun, and this process is yet to follow");
  await next.append(numbered(10, 5));
  const all = await consumeAll(next, 10);
  expect(all.filter((line) => line.startsWith("1 ")).length).toBe(5);
  await Promise.all([old.close(), next.close()]);
});

test("nobody reads a generation before the one before it is committed to its end (design §2)", async () => {
  const topic = newStream();
  const old = await open(topic, { partitions: 1 });
  await old.append(numbered(0, 20));
  await old.close();
  const logs = await Promise.all([0, 1].map(() => open(topic, { partitions: 4 })));
  await logs[0]?.append(numbered(20, 20));
  let stuck = 0;
  let isStuck = true;
  /** In the order in which they were done, by whomever. */
  const done: string[] = [];
  for (const log of logs) {
    await collect(log, "g", {
      recordsMax: 1,
      async onBatch({ generation, records: [record] }) {
        const value = record?.value.toString() ?? "";
        if (value === "7" && isStuck) {
          stuck += 1;
          return "retry";
        }
        done.push(`${generation} ${value}`);
        return "done";
      },
    });
  }
  // One of the two has no partition of the old generation, and time enough to start with the new one.
  await until(() => stuck >= 6);
  expect(done.filter((line) => line.startsWith("2 "))).toEqual([]);
  isStuck = false;
  await until(() => new Set(done).size === 40);
  const generations = done.map((line) => line.split(" ")[0] ?? "");
  expect(generations).toEqual(generations.toSorted());
  await Promise.all(logs.map((log) => log.close()));
});
