import { setTimeout as pause } from "node:timers/promises";

import kafkajs from "kafkajs";
import type { Admin } from "kafkajs";

import { protocolType } from "./errors.ts";

const { ConfigResourceTypes, ConfigSource } = kafkajs;

/** What a topic of Sluice has to be like. */
export interface TopicShape {
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly retentionMs: number | "forever";
}

/** The greatest batch that brokers take: far above the 900 KiB that one send makes, for entries that are larger. */
export const batchBytesMax = 8 << 20;

/**
 * Remembers how many partitions a topic was made with: Kafka has no place for notes, and this setting does nothing
 * in a topic that is not compacted. With it, partitions that were added by hand are noticed.
 */
const partitionsNote = "min.compaction.lag.ms";

/**
 * No batch is so small: with it a topic takes no more appends, and can still be read. (Asking for more in-sync replicas
 * than there are would not do: brokers lower that to the number of replicas.)
 */
const sealed = { name: "max.message.bytes", value: "1" };

const leaderlessTypes = new Set([
  "UNKNOWN_TOPIC_OR_PARTITION",
  "LEADER_NOT_AVAILABLE",
  "NOT_LEADER_FOR_PARTITION",
]);
const leaderMs = 3000;
const lookMs = 100;

export interface TopicState {
  readonly partitions: number;
  /** How many partitions it was made with; null when it was not made by Sluice. */
  readonly madeWith: number | null;
  /** Takes no more appends, because a newer generation follows. */
  readonly isSealed: boolean;
  readonly settings: ReadonlyMap<string, string>;
}

/** Makes a topic; false when there is one of that name already. */
export async function createTopic(
  admin: Admin,
  topic: string,
  shape: TopicShape,
): Promise<boolean> {
  const settings = [...wantedSettings(shape), [partitionsNote, String(shape.partitions)]] as const;
  try {
    return await admin.createTopics({
      topics: [
        {
          topic,
          numPartitions: shape.partitions,
          replicationFactor: shape.replicationFactor,
          configEntries: settings.map(([name = "", value = ""]) => ({ name, value })),
        },
      ],
      // A broker that has not heard of the topic yet would fail it: whoever needs the topic waits for it.
      waitForLeaders: false,
    });
  } catch (error) {
    const type = protocolType(error);
    if (type === "TOPIC_ALREADY_EXISTS") return false;
    if (type !== "INVALID_REPLICATION_FACTOR") throw error;
    const message = `Kafka has fewer than ${shape.replicationFactor} brokers for the replicas of ${topic}: add brokers, or set SLUICE_KAFKA_REPLICATION to how many there are.`;
    throw new Error(message, { cause: error });
  }
}

export async function readTopic(admin: Admin, topic: string): Promise<TopicState> {
  const resource = { type: ConfigResourceTypes.TOPIC, name: topic };
  const [metadata, described] = await Promise.all([
    admin.fetchTopicMetadata({ topics: [topic] }),
    admin.describeConfigs({ resources: [resource], includeSynonyms: false }),
  ]);
  const entries = described.resources[0]?.configEntries ?? [];
  const settings = new Map(entries.map(({ configName, configValue }) => [configName, configValue]));
  const note = Number(settings.get(partitionsNote) ?? 0);
  return {
    partitions: metadata.topics[0]?.partitions.length ?? 0,
    madeWith: note > 0 ? note : null,
    isSealed: settings.get(sealed.name) === sealed.value,
    settings,
  };
}

export interface Bounds {
  readonly partition: number;
  /** The offset of the first kept entry. */
  readonly low: bigint;
  /** The offset that the next entry will get. */
  readonly high: bigint;
}

/**
 * Where each partition of a topic begins and ends. While a topic is new, or a leader moves, it asks again for so long,
 * in milliseconds; kafkajs would fail at once.
 */
export async function fetchBounds(
  admin: Admin,
  topic: string,
  patienceMs = leaderMs,
): Promise<readonly Bounds[]> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      const offsets = await admin.fetchTopicOffsets(topic);
      return offsets.map(({ partition, low, high }) => {
        return { partition, low: BigInt(low), high: BigInt(high) };
      });
    } catch (error) {
      if (!isLeaderless(error) || performance.now() > deadline) throw error;
    }
    await pause(lookMs);
  }
}

/** Whether a broker has not heard yet of a topic or of its leaders, or of new ones. */
export function isLeaderless(error: unknown): boolean {
  return leaderlessTypes.has(protocolType(error));
}

/** What is wrong with a topic's settings, each with the command that repairs it. */
export function settingComplaints(
  topic: string,
  state: TopicState,
  shape: TopicShape,
): readonly string[] {
  return wantedSettings(shape).flatMap(([name = "", wanted = ""]) => {
    const found = state.settings.get(name);
    if (found === undefined || isGoodEnough(name, found, wanted)) return [];
    const repair = `kafka-configs.sh --bootstrap-server HOST:PORT --alter --entity-type topics --entity-name ${topic} --add-config ${name}=${wanted}`;
    return [`The topic ${topic} has ${name}=${found} and needs ${wanted}: run ${repair}`];
  });
}

/** Lets a topic take no more appends, for good. What it holds can be read on. */
export async function sealTopic(admin: Admin, topic: string): Promise<void> {
  const resource = { type: ConfigResourceTypes.TOPIC, name: topic };
  const described = await admin.describeConfigs({ resources: [resource], includeSynonyms: false });
  // The request replaces all settings of the topic's own, so those that are to stay go with it.
  const own = (described.resources[0]?.configEntries ?? []).filter(
    ({ configSource, configName }) =>
      configSource === ConfigSource.TOPIC_CONFIG && configName !== sealed.name,
  );
  const kept = own.map(({ configName, configValue }) => ({ name: configName, value: configValue }));
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ ...resource, configEntries: [...kept, sealed] }],
  });
}

function wantedSettings({ replicationFactor, retentionMs }: TopicShape): readonly string[][] {
  return [
    ["cleanup.policy", "delete"],
    ["retention.ms", retentionMs === "forever" ? "-1" : String(retentionMs)],
    ["retention.bytes", "-1"],
    ["min.insync.replicas", replicationFactor >= 3 ? "2" : "1"],
    ["unclean.leader.election.enable", "false"],
    ["max.message.bytes", String(batchBytesMax)],
  ];
}

/** More safety than wanted is no complaint: a longer retention, more replicas, larger batches. */
function isGoodEnough(name: string, found: string, wanted: string): boolean {
  if (name === "cleanup.policy" || name === "unclean.leader.election.enable")
    return found === wanted;
  const [has, needs] = [found, wanted].map((text) => (text === "-1" ? Infinity : Number(text)));
  return (has ?? 0) >= (needs ?? 0);
}
