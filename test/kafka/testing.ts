import { connect } from "node:net";
import type { Socket } from "node:net";

import { openKafkaLog } from "../../services/runtime/event-log/kafka/kafka-log.ts";
import type { KafkaLogOptions } from "../../services/runtime/event-log/kafka/kafka-log.ts";
import type { EventLog } from "../../services/runtime/event-log/port.ts";
import { createLogger } from "../../services/runtime/logger.ts";
import type { Logger } from "../../services/runtime/logger.ts";
import type { KafkaCluster } from "./broker.ts";

/** The shortest session that brokers allow by default, so that a dead member holds nothing up for long. */
const sessionMs = 6000;

/** The connections of one client, which a test can cut as the death of its process would. */
export interface Network {
  readonly socketFactory: NonNullable<KafkaLogOptions["socketFactory"]>;
  /** Destroys what is open and lets nothing be opened any more. */
  cut(): void;
}

export function createNetwork(): Network {
  const sockets = new Set<Socket>();
  let isCut = false;
  return {
    socketFactory: ({ host, port, onConnect }) => {
      const socket = connect({ host, port }, onConnect);
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      if (isCut) socket.destroy(new Error("this process is dead"));
      return socket;
    },
    cut: () => {
      isCut = true;
      for (const socket of sockets) socket.destroy(new Error("this process is dead"));
    },
  };
}

let streams = 0;

/** A name that no other test of this process gives a stream. */
export function newStream(): string {
  streams += 1;
  return `test-${streams}.events`;
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
}

/** A logger and what it was told, from warnings on. */
export function recordingLog(): { readonly log: Logger; readonly lines: readonly LogLine[] } {
  const lines: LogLine[] = [];
  const write = (line: string): void => void lines.push(JSON.parse(line) as LogLine);
  return { log: createLogger({ level: "warn", format: "json", write }), lines };
}

/** Opens a stream of three partitions with one replica, unless the options say otherwise. */
export async function openTestLog(
  cluster: KafkaCluster,
  options: Partial<KafkaLogOptions> & { readonly topic: string },
): Promise<EventLog> {
  return openKafkaLog({
    brokers: cluster.addresses,
    partitions: 3,
    replicationFactor: 1,
    retentionMs: 3_600_000,
    compression: "gzip",
    sessionMs,
    log: recordingLog().log,
    ...options,
  });
}
