import { setTimeout as pause } from "node:timers/promises";

import type { Admin } from "kafkajs";

import type { Config } from "../runtime/config.ts";
import { createClient } from "../runtime/event-log/kafka/client.ts";
import { isOutage } from "../runtime/event-log/kafka/errors.ts";
import { newestGeneration } from "../runtime/event-log/kafka/generations.ts";
import { fetchBounds, readTopic, settingComplaints } from "../runtime/event-log/kafka/topics.ts";
import type { TopicShape } from "../runtime/event-log/kafka/topics.ts";
import type { Logger } from "../runtime/logger.ts";
import { kafkaAddress } from "../runtime/open-log.ts";
import { fail, ok, reasonOf, warn } from "./doctor-finding.ts";
import type { Finding } from "./doctor-finding.ts";
import { fetchApiVersions, releaseOf } from "./doctor-kafka-versions.ts";

/** Looks at the brokers that the settings name, at the topics, and at how far the writers are. */
export async function checkKafka(config: Config, log: Logger): Promise<readonly Finding[]> {
  const reached = await Promise.all(
    (config.kafka.brokers ?? []).map((broker) => checkBroker(broker, config)),
  );
  if (reached.every(({ level }) => level === "fail")) return reached;
  const admin = createClient({ ...kafkaAddress(config), log }).admin();
  const findings = [...reached];
  try {
    await admin.connect();
    const { brokers } = await admin.describeCluster();
    findings.push(judgeBrokers(brokers.length, config));
    findings.push(...(await checkStream(admin, config, "registry")));
    findings.push(...(await checkStream(admin, config, "events")));
    return findings;
  } catch (error) {
    const advice =
      "check SLUICE_KAFKA_SSL and _SASL_…, that this machine reaches the addresses that brokers advertise, and the user's rights";
    return [...findings, fail("kafka.cluster", reasonOf(error), advice)];
  } finally {
    await admin.disconnect().catch(() => {});
  }
}

async function checkBroker(broker: string, { kafka }: Config): Promise<Finding> {
  try {
    const release = releaseOf(await fetchApiVersions(broker, { ssl: kafka.ssl === "on" }));
    return release === null
      ? warn(
          "kafka.reach",
          `${broker} answers, older than 3.8`,
          "upgrade it: Sluice is tested with Kafka 3.9 and 4",
        )
      : ok("kafka.reach", `${broker} answers, Kafka ${release}`);
  } catch (error) {
    const advice = "start it, or set SLUICE_KAFKA_BROKERS (and SLUICE_KAFKA_SSL)";
    return fail("kafka.reach", `${broker} does not answer (${reasonOf(error)})`, advice);
  }
}

function judgeBrokers(count: number, { kafka }: Config): Finding {
  const about = `brokers in the cluster: ${count}`;
  return count < kafka.replication
    ? fail(
        "kafka.cluster",
        `${about}, where SLUICE_KAFKA_REPLICATION asks for ${kafka.replication}`,
        "add brokers, or set it to how many there are",
      )
    : ok("kafka.cluster", about);
}

/** One of the two streams: the settings and replicas of its newest topic, and the writers' lag on the events. */
async function checkStream(
  admin: Admin,
  { kafka }: Config,
  name: "registry" | "events",
): Promise<readonly Finding[]> {
  const stream = `${kafka.topicPrefix}.${name}`;
  const generation = await newestGeneration(admin, stream);
  if (generation === 0) {
    const about = `there is no topic of ${stream} yet`;
    return [warn("kafka.topics", about, "start a gateway or a writer, which makes it")];
  }
  const topic = `${stream}.g${generation}`;
  const shape: TopicShape = {
    partitions: name === "registry" ? 1 : kafka.partitions,
    replicationFactor: kafka.replication,
    retentionMs: name === "registry" ? "forever" : kafka.retentionHours * 3_600_000,
  };
  const state = await readTopic(admin, topic);
  const complaints = settingComplaints(topic, state, shape).map((complaint) => {
    const [about = "", advice = ""] = complaint.split(/: (?=run )/);
    return fail("kafka.topics", about, advice);
  });
  const findings = [...complaints, ...(await checkReplicas(admin, topic, kafka.replication))];
  if (findings.length === 0)
    findings.push(
      ok("kafka.topics", `${topic} is set as needed (partitions: ${state.partitions})`),
    );
  if (name === "events") findings.push(await checkLag(admin, topic));
  return findings;
}

async function checkReplicas(
  admin: Admin,
  topic: string,
  wanted: number,
): Promise<readonly Finding[]> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  const partitions = topics[0]?.partitions ?? [];
  const behind = partitions.filter(({ isr, replicas }) => isr.length < replicas.length).length;
  const fewest = Math.min(...partitions.map(({ replicas }) => replicas.length));
  const findings: Finding[] = [];
  if (fewest < wanted)
    findings.push(
      warn(
        "kafka.replicas",
        `${topic} has ${fewest} replicas and SLUICE_KAFKA_REPLICATION asks for ${wanted}`,
        "run kafka-reassign-partitions.sh: the setting counts only when a topic is made",
      ),
    );
  if (behind > 0)
    findings.push(
      warn(
        "kafka.replicas",
        `${behind} of ${partitions.length} partitions of ${topic} lack replicas in sync`,
        "look for a broker that is down or slow",
      ),
    );
  return findings;
}

/** The first question about a group lets a new cluster make its topic of offsets, which takes longer than kafkajs waits. */
const patienceMs = 20_000;
const retryMs = 250;

async function patiently<Result>(ask: () => Promise<Result>): Promise<Result> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isOutage(error) || performance.now() > deadline) throw error;
    }
    await pause(retryMs);
  }
}

/** How the writers stand: entries that they have before them, and entries that were deleted before they came to them. */
async function checkLag(admin: Admin, topic: string): Promise<Finding> {
  const groupId = `${topic}.writer`;
  const check = "kafka.lag";
  const [bounds, [fetched], { groups }] = await patiently(() =>
    Promise.all([
      fetchBounds(admin, topic),
      admin.fetchOffsets({ groupId, topics: [topic] }),
      admin.describeGroups([groupId]),
    ]),
  );
  const committed = new Map(
    fetched?.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]),
  );
  let lag = 0n;
  let lost = 0n;
  for (const { partition, low, high } of bounds) {
    // -1 where nothing was committed, or so long ago that Kafka has forgotten it: then nothing is known to be lost.
    const next = committed.get(partition) ?? -1n;
    if (next >= 0n && next < low) lost += low - next;
    lag += high - (next > low ? next : low);
  }
  const about = `${lag} entries of ${topic} are not stored yet`;
  if (lost > 0n)
    return fail(
      check,
      `${about}, and Kafka has deleted ${lost} before they were`,
      "raise SLUICE_KAFKA_RETENTION_HOURS above the longest outage of ClickHouse; those entries are lost",
    );
  if ((groups[0]?.members.length ?? 0) > 0) return ok(check, about);
  return lag === 0n
    ? warn(check, `${about}, and no writer is running`, "start one: sluice writer")
    : fail(check, `${about}, and no writer is running`, "start one: sluice writer");
}
