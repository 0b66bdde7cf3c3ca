import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { AppendError } from "./port.ts";
import type { LogPosition } from "./port.ts";
import {
  testAssignment,
  testBatches,
  testCommits,
  testDelivery,
  testReadAhead,
  testGroupsBeside,
  testProgress,
  testStop,
} from "./delivery.contract.ts";
import { collect, numbered, readAll, until } from "./testing.ts";
import type { Current, LogUnderTest } from "./testing.ts";

/** Limits that the log under test is to be opened with. */
export const contractLimits = { entryBytesMax: 64 << 10, queueBytesMax: 1 << 20 };

/** What every implementation of the port guarantees. */
export function describeEventLog(name: string, open: () => Promise<LogUnderTest>): void {
  describe(`event log: ${name}`, () => {
    let subject: LogUnderTest;
    beforeEach(async () => {
      subject = await open();
    });
    afterEach(async () => {
      await subject.dispose();
    });
    const current: Current = () => subject;
    testAppend(current);
    testRefusals(current);
    testDurability(current);
    testBatches(current);
    testDelivery(current);
    testReadAhead(current);
    testStop(current);
    testCommits(current);
    testProgress(current);
    testAssignment(current);
    testGroupsBeside(current);
    testClose(current);
  });
}

function testAppend(current: Current): void {
  test("offsets of a partition start at 0 and have no gaps", async () => {
    const { log } = current();
    const first = await log.append(numbered(0, 30));
    const second = await log.append(numbered(30, 30));
    for (const offsets of byPartition([...first, ...second]).values()) {
      expect(offsets).toEqual(offsets.map((_, n) => BigInt(n)));
    }
  });

  test("entries with equal keys share a partition and keep the order of their call", async () => {
    const { log } = current();
    const positions = await log.append(numbered(0, 50, { key: "trace-1" }));
    expect(byPartition(positions).size).toBe(1);
    const values = (await readAll(log)).map((line) => line.split(" ")[1]);
    expect(values).toEqual(numbered(0, 50).map(({ value }) => value.toString()));
  });

  test("every entry of concurrent callers is delivered at the position that its caller was told", async () => {
    const { log } = current();
    const told = await Promise.all(
      Array.from({ length: 40 }, async (_, caller) => {
        const positions = await log.append(numbered(caller * 10, 10));
        return positions.map(
          ({ partition, offset }, n) => `${partition}/${offset} ${caller * 10 + n}`,
        );
      }),
    );
    expect((await readAll(log)).toSorted()).toEqual(told.flat().toSorted());
  });

  test("values come back byte for byte, empty ones and any bytes included", async () => {
    const { log } = current();
    const values = [
      Buffer.alloc(0),
      Buffer.from(Array.from({ length: 256 }, (_, n) => n)),
      Buffer.alloc(contractLimits.entryBytesMax, 0xff),
      Buffer.alloc(0),
    ];
    await log.append(values.map((value) => ({ key: "k", value })));
    const { batches } = await collect(log, null);
    await until(() => batches.flatMap(({ records }) => records).length === values.length);
    expect(batches.flatMap(({ records }) => records.map(({ value }) => value))).toEqual(values);
  });
}

function testRefusals(current: Current): void {
  test("an entry that is too large is refused for good, and nothing of its call is stored", async () => {
    const { log } = current();
    const large = { key: "k", value: Buffer.alloc(contractLimits.entryBytesMax + 1) };
    const refused = log.append([...numbered(0, 2), large]);
    await expect(refused).rejects.toMatchObject({ name: "AppendError", kind: "too-large" });
    await log.append(numbered(7, 1));
    expect((await readAll(log)).map((line) => line.split(" ")[1])).toEqual(["7"]);
  });

  test("more than may wait is refused for now, and what was accepted is stored", async () => {
    const { log } = current();
    const bytes = contractLimits.entryBytesMax;
    const outcomes = await Promise.allSettled(
      numbered(0, 64, { bytes }).map(async (entry) => log.append([entry])),
    );
    const accepted = outcomes.flatMap(({ status }, n) => (status === "fulfilled" ? [`${n}`] : []));
    const refused = outcomes.flatMap((outcome) =>
      outcome.status === "rejected" ? [outcome.reason] : [],
    );
    expect(accepted.length).toBeGreaterThan(0);
    expect(refused.length).toBeGreaterThan(0);
    for (const error of refused) expect(error).toMatchObject({ kind: "retryable" });
    await log.append(numbered(100, 1));
    const values = (await readAll(log)).map((line) => line.split(" ")[1] ?? "");
    expect(values).toEqual(expect.arrayContaining([...accepted, "100"]));
  });

  test("appending nothing gives no positions", async () => {
    expect(await current().log.append([])).toEqual([]);
  });
}

function testDurability(current: Current): void {
  test("an acknowledged entry is there after the log was closed and opened again", async () => {
    const { log, reopen } = current();
    await log.append(numbered(0, 20));
    const before = await readAll(log);
    await log.close();
    const again = await reopen();
    expect(await readAll(again)).toEqual(before);
  });

  test("an acknowledged entry is there after the process was killed", async () => {
    const { log, crash } = current();
    await log.append(numbered(0, 20));
    const before = await readAll(log);
    expect(await readAll(await crash())).toEqual(before);
  });

  test("a log that was opened again goes on at the next offset, in the same generation", async () => {
    const { log, reopen } = current();
    const { generation } = log;
    await log.append(numbered(0, 20));
    const ends = await log.ends();
    await log.close();
    const again = await reopen();
    expect(await again.ends()).toEqual(ends);
    await again.append(numbered(20, 20));
    const { batches, values } = await collect(again, null);
    await until(() => values().length === 40);
    expect(again.generation).toBe(generation);
    expect(new Set(batches.map((batch) => batch.generation))).toEqual(new Set([generation]));
  });

  test("ends gives every partition, with the offset that its next entry will get", async () => {
    const { log } = current();
    const empty = await log.ends();
    expect(empty.size).toBeGreaterThan(0);
    expect([...empty.values()].every((end) => end === 0n)).toBe(true);
    const positions = await log.append(numbered(0, 50));
    const ends = await log.ends();
    for (const [partition, offsets] of byPartition(positions)) {
      expect(ends.get(partition)).toBe(BigInt(offsets.length));
    }
  });
}

function testClose(current: Current): void {
  test("close waits for appends in flight, and they are stored", async () => {
    const { log, reopen } = current();
    const appends = numbered(0, 20).map(async (entry) => log.append([entry]));
    await log.close();
    const settled = await Promise.allSettled(appends);
    const stored = settled.filter(({ status }) => status === "fulfilled").length;
    expect(stored).toBe(20);
    expect((await readAll(await reopen())).length).toBe(20);
  });

  test("close stops consumers after the batch in hand", async () => {
    const { log } = current();
    await log.append(numbered(0, 10, { key: "k" }));
    let finished = 0;
    const { batches, consumer } = await collect(log, "g", {
      recordsMax: 1,
      async onBatch(_, signal) {
        await until(() => signal.aborted);
        finished += 1;
        return "done";
      },
    });
    await until(() => batches.length === 1);
    await log.close();
    await consumer.ended;
    expect([batches.length, finished]).toEqual([1, 1]);
  });

  test("a closed log refuses appends and consumers, says so, and may be closed again", async () => {
    const { log } = current();
    await log.close();
    const refused = log.append(numbered(0, 1));
    await expect(refused).rejects.toBeInstanceOf(AppendError);
    await expect(refused).rejects.toMatchObject({ kind: "closed" });
    await expect(collect(log, "g")).rejects.toThrow("closed");
    expect(log.health().writable).toBe(false);
    await log.close();
  });
}

function byPartition(positions: readonly LogPosition[]): Map<number, bigint[]> {
  const map = new Map<number, bigint[]>();
  for (const { partition, offset } of positions) {
    map.set(partition, [...(map.get(partition) ?? []), offset]);
  }
  return map;
}
