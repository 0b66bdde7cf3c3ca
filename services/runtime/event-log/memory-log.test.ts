import { contractLimits, describeEventLog } from "./event-log.contract.ts";
import { createMemoryTopic, openMemoryLog } from "./memory-log.ts";
import type { EventLog } from "./port.ts";

describeEventLog("memory log of three partitions", async () => {
  const topic = createMemoryTopic(3);
  const logs: EventLog[] = [];
  async function open(from: typeof topic): Promise<EventLog> {
    const log = await openMemoryLog({ partitions: 3, topic: from, ...contractLimits });
    logs.push(log);
    return log;
  }
  return {
    log: await open(topic),
    reopen: () => open(topic),
    crash: () => open(structuredCopy(topic)),
    async dispose() {
      for (const log of logs) await log.close();
    },
  };
});

/** The killed log lives on in this process and must not commit for its successor. */
function structuredCopy(topic: ReturnType<typeof createMemoryTopic>): typeof topic {
  return {
    generation: topic.generation,
    partitions: topic.partitions.map((records) => [...records]),
    committed: new Map([...topic.committed].map(([group, offsets]) => [group, [...offsets]])),
  };
}
