import { afterAll, beforeAll } from "vitest";

import {
  contractLimits,
  describeEventLog,
} from "../../services/runtime/event-log/event-log.contract.ts";
import type { KafkaLogOptions } from "../../services/runtime/event-log/kafka/kafka-log.ts";
import type { EventLog } from "../../services/runtime/event-log/port.ts";
import type { LogUnderTest } from "../../services/runtime/event-log/testing.ts";
import { startKafka } from "./broker.ts";
import type { KafkaCluster } from "./broker.ts";
import { createNetwork, newStream, openTestLog } from "./testing.ts";

let cluster: KafkaCluster;
beforeAll(async () => {
  cluster = await startKafka();
});
afterAll(async () => {
  await cluster.stop();
});

const variants: [string, Partial<KafkaLogOptions>][] = [
  ["Kafka, three partitions, gzip", { compression: "gzip" }],
  [
    "Kafka, one partition kept for ever",
    { partitions: 1, retentionMs: "forever", compression: "none" },
  ],
];

for (const [name, options] of variants) {
  describeEventLog(name, () => openSubject(options));
}

async function openSubject(options: Partial<KafkaLogOptions>): Promise<LogUnderTest> {
  const topic = newStream();
  const network = createNetwork();
  const logs: EventLog[] = [];
  const open = async (more: Partial<KafkaLogOptions> = {}): Promise<EventLog> => {
    const log = await openTestLog(cluster, { topic, ...contractLimits, ...options, ...more });
    logs.push(log);
    return log;
  };
  return {
    log: await open({ socketFactory: network.socketFactory }),
    reopen: () => open(),
    crash: async () => {
      network.cut();
      return open();
    },
    async dispose() {
      await Promise.all(logs.map((log) => log.close()));
    },
  };
}
