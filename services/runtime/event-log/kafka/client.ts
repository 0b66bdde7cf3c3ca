import kafkajs from "kafkajs";
import type { Kafka, KafkaConfig } from "kafkajs";

import type { LogFields, Logger } from "../../logger.ts";
import { installCodecs } from "./codec.ts";
import { patchKafkajs } from "./patches.ts";

export interface KafkaCluster {
  /** `host:port` of some brokers; the others are found through them. */
  readonly brokers: readonly string[];
  readonly security?: KafkaSecurity;
  readonly log: Logger;
  /** How connections are made; the system's own way when not given. Tests lose responses and hosts with it. */
  readonly socketFactory?: KafkaConfig["socketFactory"];
}

export interface KafkaSecurity {
  readonly ssl: boolean;
  readonly sasl: {
    readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
    readonly username: string;
    readonly password: string;
  } | null;
}

const connectionTimeoutMs = 3000;
const requestTimeoutMs = 5000;

/** A dead broker has to surface before the SDKs give up after 5 s; two more tries take two thirds of a second. */
export const retry = { retries: 2, initialRetryTime: 100, maxRetryTime: 1000 };

/** A client of the cluster; it connects when it is used. */
export function createClient(cluster: KafkaCluster): Kafka {
  patchKafkajs();
  installCodecs();
  return new kafkajs.Kafka({
    clientId: "sluice",
    brokers: [...cluster.brokers],
    ssl: cluster.security?.ssl ?? false,
    ...saslOf(cluster.security),
    connectionTimeout: connectionTimeoutMs,
    requestTimeout: requestTimeoutMs,
    retry,
    logLevel: kafkajs.logLevel.WARN,
    logCreator: () => (entry) => tell(cluster.log, entry),
    ...(cluster.socketFactory === undefined ? {} : { socketFactory: cluster.socketFactory }),
  });
}

function saslOf(security: KafkaSecurity | undefined): Pick<KafkaConfig, "sasl"> {
  if (security?.sasl == null) return {};
  const { mechanism, username, password } = security.sasl;
  switch (mechanism) {
    case "plain":
      return { sasl: { mechanism, username, password } };
    case "scram-sha-256":
      return { sasl: { mechanism, username, password } };
    case "scram-sha-512":
      return { sasl: { mechanism, username, password } };
  }
}

/** kafkajs calls an error what it tries again by itself: whoever gets the final failure tells of it. */
function tell(log: Logger, entry: { readonly namespace: string; readonly log: object }): void {
  const { message, timestamp: _, logger: __, stack: ___, ...fields } = entry.log as LogFields;
  log.debug(`kafkajs ${entry.namespace}: ${String(message)}`, fields);
}
