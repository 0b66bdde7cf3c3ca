import { beforeEach, expect, onTestFinished, test } from "vitest";

import type { Position } from "../../schemas/position.ts";
import { createMemoryTopic, openMemoryLog } from "./event-log/memory-log.ts";
import type { EventLog } from "./event-log/port.ts";
import { gate, numbered, until } from "./event-log/testing.ts";
import { localWatermarks } from "./watermarks.ts";
import type { LocalWatermarks } from "./watermarks.ts";

/** Longer than any test: a wait that ends earlier was ended by the watermark. */
const longMs = 60_000;
const generation = 3;

let log: EventLog;
let marks: LocalWatermarks;

beforeEach(async () => {
  log = await openMemoryLog({ partitions: 2, topic: createMemoryTopic(2, generation) });
  marks = localWatermarks(log);
  // The keys fall into both partitions: ten entries and more in each.
  await log.append(numbered(0, 40));
});

function at(...offsets: readonly (readonly [partition: number, offset: bigint])[]): Position {
  return { generation, offsets: new Map(offsets) };
}

test("a position is reached once everything up to it is stored, in every partition that it names", async () => {
  expect(await marks.reached(at([0, 4n], [1, 2n]), 0)).toEqual({ status: "behind", records: 8n });
  marks.advance(0, 5n);
  expect(await marks.reached(at([0, 4n]), 0)).toEqual({ status: "reached" });
  expect(await marks.reached(at([0, 5n]), 0)).toEqual({ status: "behind", records: 1n });
  expect(await marks.reached(at([0, 4n], [1, 2n]), 0)).toEqual({ status: "behind", records: 3n });
  marks.advance(1, 3n);
  expect(await marks.reached(at([0, 4n], [1, 2n]), 0)).toEqual({ status: "reached" });
});

test("who waits is woken by the watermark that passes the position, and by none before", async () => {
  let reached = false;
  const waiting = marks.reached(at([0, 9n], [1, 4n]), longMs).then((progress) => {
    reached = true;
    return progress;
  });
  for (const next of [1n, 9n, 10n]) marks.advance(0, next);
  marks.advance(1, 4n);
  await marks.pending();
  expect(reached).toBe(false);
  marks.advance(1, 9n);
  expect(await waiting).toEqual({ status: "reached" });
});

test("a wait ends when its time is over, and says how much is missing then", async () => {
  const waiting = marks.reached(at([0, 9n]), 50);
  marks.advance(0, 4n);
  expect(await waiting).toEqual({ status: "behind", records: 6n });
});

test.each([
  ["another generation", { generation: 2, offsets: new Map([[0, 0n]]) }, /generation 2 .* at 3/],
  ["a partition that is not there", at([0, 0n], [7, 0n]), /no partition 7/],
  ["an entry that nobody has written", at([0, 1_000n]), /nothing there/],
])("%s is unknown at once, not waited for", async (_what, position, reason) => {
  expect(await marks.reached(position, longMs)).toEqual({
    status: "unknown",
    reason: expect.stringMatching(reason),
  });
});

test("pending names the ends of the partitions that are not stored, and is null when all are", async () => {
  const ends = await log.ends();
  const [first = 0n, second = 0n] = [ends.get(0), ends.get(1)];
  expect(await marks.pending()).toEqual(at([0, first - 1n], [1, second - 1n]));
  marks.advance(0, first);
  expect(await marks.pending()).toEqual(at([1, second - 1n]));
  marks.advance(1, second);
  expect(await marks.pending()).toBeNull();
  await log.append(numbered(0, 1));
  expect(await marks.pending()).not.toBeNull();
});

test("the watermarks of a consumer stand where its group stood at the start, and pass a batch once it is done", async () => {
  const { opened, open } = gate();
  let isInHand = false;
  const options = { group: "writer", recordsMax: 100, bytesMax: 1 << 20, lingerMs: 0 };
  const consumer = await log.consume({
    ...options,
    async onBatch() {
      isInHand = true;
      await opened;
      return "done";
    },
    onCommitted: (partition, next) => marks.advance(partition, next),
  });
  onTestFinished(() => consumer.stop());
  const pending = await marks.pending();
  expect(pending).not.toBeNull();
  await until(() => isInHand);
  expect(await marks.pending()).toEqual(pending);
  open();
  expect(await marks.reached(pending ?? at(), longMs)).toEqual({ status: "reached" });
  await consumer.stop();

  const later = localWatermarks(log);
  const again = await log.consume({
    ...options,
    onBatch: async () => "done",
    onCommitted: (partition, next) => later.advance(partition, next),
  });
  onTestFinished(() => again.stop());
  expect(await later.pending()).toBeNull();
});
