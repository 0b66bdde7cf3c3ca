import { setTimeout as pause } from "node:timers/promises";

import type { Config } from "./config.ts";
import { isOutage } from "./event-log/kafka/errors.ts";
import { openKafkaLog } from "./event-log/kafka/kafka-log.ts";
import type { KafkaLogOptions } from "./event-log/kafka/kafka-log.ts";
import type { EventLog } from "./event-log/port.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Logger } from "./logger.ts";
import { openRegistry } from "./registry.ts";
import type { RegistryFold } from "./registry.ts";

export interface OpenLogOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly lifecycle: Lifecycle;
}

/** The registry of a cluster, folded to its end: the stream that all processes share, kept for ever in Kafka. */
export async function openClusterRegistry(options: OpenLogOptions): Promise<RegistryFold> {
  const { config, lifecycle } = options;
  const log = await openPatiently({
    ...ofCluster(options),
    topic: `${config.kafka.topicPrefix}.registry`,
    partitions: 1,
    retentionMs: "forever",
  });
  lifecycle.onClose("registry log", () => log.close());
  const fold = await openRegistry(log);
  lifecycle.onClose("registry", () => fold.close());
  return fold;
}

/** The events of a cluster. `onRetired` is told when a newer generation of them has begun. */
export async function openClusterEvents(
  options: OpenLogOptions,
  extra: Pick<KafkaLogOptions, "after" | "onRetired">,
): Promise<EventLog> {
  const { config, lifecycle } = options;
  const events = await openPatiently({
    ...ofCluster(options),
    ...extra,
    topic: `${config.kafka.topicPrefix}.events`,
    partitions: config.kafka.partitions,
    retentionMs: config.kafka.retentionHours * 3_600_000,
  });
  lifecycle.onClose("event log", () => events.close());
  return events;
}

/** How long a start waits for Kafka, which may be starting, too. */
const patienceMs = 60_000;
const retryMs = 1_000;

async function openPatiently(options: KafkaLogOptions): Promise<EventLog> {
  const deadline = performance.now() + patienceMs;
  for (let tries = 0; ; tries += 1) {
    try {
      return await openKafkaLog(options);
    } catch (error) {
      // kafkajs takes apart the answer that it did not get when no broker has one.
      const isAway = isOutage(error) || error instanceof TypeError;
      if (!isAway) throw error;
      if (performance.now() > deadline) {
        const brokers = options.brokers.join(",");
        const advice = "start it, or set SLUICE_KAFKA_BROKERS to where it is";
        throw new Error(`Kafka does not answer at ${brokers}: ${advice}`, { cause: error });
      }
      if (tries === 0) options.log.warn("Kafka does not answer yet, waiting for it", { error });
      await pause(retryMs);
    }
  }
}

function ofCluster({
  config,
  log,
}: OpenLogOptions): Omit<KafkaLogOptions, "topic" | "partitions" | "retentionMs"> {
  const { kafka } = config;
  return {
    ...kafkaAddress(config),
    replicationFactor: kafka.replication,
    compression: kafka.compression,
    queueBytesMax: kafka.queueBytesMax,
    log,
  };
}

/** Where the brokers of the settings are, and how to sign in. */
export function kafkaAddress({
  kafka,
}: Config): Required<Pick<KafkaLogOptions, "brokers" | "security">> {
  const { saslMechanism: mechanism, saslUsername: username, saslPassword: password } = kafka;
  const hasSasl = mechanism !== null && username !== null && password !== null;
  return {
    brokers: kafka.brokers ?? [],
    security: { ssl: kafka.ssl === "on", sasl: hasSasl ? { mechanism, username, password } : null },
  };
}
