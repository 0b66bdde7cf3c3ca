import kafkajs from "kafkajs";
import { expect, test } from "vitest";

import { partitionOf } from "./partitioner.ts";

test("a key has the partition that kafkajs and Kafka's own clients give it", () => {
  const theirs = kafkajs.Partitioners.DefaultPartitioner();
  for (const count of [1, 3, 12]) {
    const partitionMetadata = Array.from({ length: count }, (_, partitionId) => ({
      partitionId,
      leader: 1,
      partitionErrorCode: 0,
      replicas: [1],
      isr: [1],
    }));
    for (let n = 0; n < 200; n += 1) {
      // Every length of the last word, and bytes above 127.
      const key = Buffer.from(`${"é-trace:".repeat(n % 5)}${n}`);
      const expected = theirs({ topic: "t", partitionMetadata, message: { key, value: null } });
      expect(partitionOf(key, count)).toBe(expected);
    }
  }
});
