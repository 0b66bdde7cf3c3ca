import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

import kafkajs from "kafkajs";
import type { Admin } from "kafkajs";
import { afterAll, beforeAll, expect, test } from "vitest";

import { openDevServer } from "../../clickhouse/dev-server/dev-server.ts";
import type { DevServer } from "../../clickhouse/dev-server/dev-server.ts";
import { batchBytesMax } from "../../services/runtime/event-log/kafka/topics.ts";
import { collect, numbered } from "../../services/runtime/event-log/testing.ts";
import type { Finding } from "../../services/standalone/doctor-finding.ts";
import { startKafka } from "./broker.ts";
import type { KafkaCluster } from "./broker.ts";
import { openTestLog } from "./testing.ts";

const root = join(import.meta.dirname, "..", "..");
const prefix = "examined";
const topic = `${prefix}.events.g1`;

let directory: string;
let cluster: KafkaCluster;
let clickhouse: DevServer;
let admin: Admin;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-doctor-"));
  clickhouse = await openDevServer({
    directory: join(directory, "clickhouse"),
    port: 0,
    user: "default",
    password: "",
    memoryBytesMax: 1024 ** 3,
    statementsMax: 3,
  });
  cluster = await startKafka();
  const brokers = [...cluster.addresses];
  admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
});
afterAll(async () => {
  await admin.disconnect();
  await cluster.stop();
  await clickhouse.close();
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
});

interface Examined {
  readonly code: number | null;
  readonly report: { readonly ok: boolean; readonly findings: readonly Finding[] };
  /** The findings of one check. */
  of(check: string): readonly Finding[];
}

/** Runs the built command as an operator would. */
async function examine(env: Readonly<Record<string, string>> = {}): Promise<Examined> {
  const child = spawn(process.execPath, ["dist/services/cli.js", "doctor", "--json"], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      SLUICE_DATA_DIR: join(directory, "data"),
      SLUICE_KAFKA_BROKERS: cluster.addresses.join(","),
      SLUICE_KAFKA_TOPIC_PREFIX: prefix,
      SLUICE_KAFKA_PARTITIONS: "1",
      SLUICE_KAFKA_REPLICATION: "1",
      SLUICE_KAFKA_RETENTION_HOURS: "1",
      SLUICE_KEY_PEPPER: "5c".repeat(32),
      ...env,
    },
  });
  const ended = once(child, "exit") as Promise<[number | null]>;
  const report = JSON.parse(await text(child.stdout)) as Examined["report"];
  const [code] = await ended;
  return { code, report, of: (check) => report.findings.filter((one) => one.check === check) };
}

/** Examines until one check finds this: brokers take a moment to agree on what has changed. */
async function examinedAs(check: string, findings: readonly unknown[]): Promise<void> {
  await expect
    .poll(async () => (await examine()).of(check), { timeout: 120_000 })
    .toMatchObject(findings);
}

test("a new installation has nothing that fails: brokers, their release, and what is still to be made", async () => {
  const found = await examine({ SLUICE_CLICKHOUSE_URL: clickhouse.url });
  const release = cluster.version.startsWith("3.") ? "3.8 or 3.9" : "4.0 or newer";
  expect(found.of("kafka.reach")).toMatchObject([
    { level: "ok", about: `${cluster.addresses.join(",")} answers, Kafka ${release}` },
  ]);
  expect(found.of("kafka.cluster")).toMatchObject([{ level: "ok" }]);
  expect(found.of("kafka.topics").map(({ level }) => level)).toEqual(["warn", "warn"]);
  expect(found.of("clickhouse.reach")).toMatchObject([{ level: "ok" }]);
  expect(found.of("clickhouse.migrations")).toMatchObject([{ level: "warn" }]);
  // How full this machine's disk is, is not for this test to say.
  const failed = found.report.findings.filter(
    (one) => one.level === "fail" && !one.about.includes("are free on the disk"),
  );
  expect(failed).toEqual([]);
});

test("more replicas than brokers fail", async () => {
  const found = await examine({ SLUICE_KAFKA_REPLICATION: "3" });
  expect(found.of("kafka.cluster")).toMatchObject([{ level: "fail" }]);
  expect(found.code).toBe(1);
});

test("entries that wait, with no writer or with one, and entries that were deleted before they were stored", async () => {
  const registry = await openTestLog(cluster, {
    topic: `${prefix}.registry`,
    partitions: 1,
    retentionMs: "forever",
  });
  const log = await openTestLog(cluster, { topic: `${prefix}.events`, partitions: 1 });
  try {
    await log.append(numbered(0, 5));
    const notStored = `entries of ${topic} are not stored yet`;
    await examinedAs("kafka.topics", [{ level: "ok" }, { level: "ok" }]);
    await examinedAs("kafka.lag", [
      { level: "fail", about: `5 ${notStored}, and no writer is running` },
    ]);
    const waiting = await examine();
    expect({ ok: waiting.report.ok, code: waiting.code }).toEqual({ ok: false, code: 1 });

    const writer = await collect(log, "writer");
    await examinedAs("kafka.lag", [{ level: "ok", about: `0 ${notStored}` }]);
    await writer.consumer.stop();
    await examinedAs("kafka.lag", [{ level: "warn" }]);

    await log.append(numbered(5, 5));
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "8" }] });
    await examinedAs("kafka.lag", [
      { level: "fail", about: expect.stringContaining("Kafka has deleted 3 before they were") },
    ]);
  } finally {
    await log.close();
    await registry.close();
  }
});

test("a topic that was set otherwise fails, with the command that repairs it", async () => {
  await admin.alterConfigs({
    validateOnly: false,
    resources: [
      {
        type: kafkajs.ConfigResourceTypes.TOPIC,
        name: topic,
        configEntries: [
          { name: "retention.ms", value: "1000" },
          { name: "max.message.bytes", value: String(batchBytesMax) },
          { name: "unclean.leader.election.enable", value: "false" },
        ],
      },
    ],
  });
  await expect
    .poll(async () => (await examine()).of("kafka.topics"), { timeout: 120_000 })
    .toContainEqual({
      check: "kafka.topics",
      level: "fail",
      about: `The topic ${topic} has retention.ms=1000 and needs 3600000`,
      advice: expect.stringMatching(/^run kafka-configs\.sh .*retention\.ms=3600000$/),
    });
});
