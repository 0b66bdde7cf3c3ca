import { expect, test } from "vitest";

import { collect, gate, numbered, readAll, sleep, until } from "./testing.ts";
import type { Current } from "./testing.ts";

export function testBatches(current: Current): void {
  test("a batch holds consecutive entries of one partition and says where the partition ends", async () => {
    const { log } = current();
    await log.append(numbered(0, 100));
    const ends = await log.ends();
    const { batches, values } = await collect(log, null, { recordsMax: 7 });
    await until(() => values().length === 100);
    const next = new Map<number, bigint>();
    for (const { partition, records, end } of batches) {
      for (const { offset } of records) {
        expect(offset).toBe(next.get(partition) ?? 0n);
        next.set(partition, offset + 1n);
      }
      expect(end).toBe(ends.get(partition));
    }
    expect(batches.every(({ records }) => records.length > 0)).toBe(true);
  });

  test("no batch has more records than asked for", async () => {
    const { log } = current();
    await log.append(numbered(0, 50, { key: "k" }));
    const { batches, values } = await collect(log, "g", { recordsMax: 8 });
    await until(() => values().length === 50);
    expect(batches.map(({ records }) => records.length)).toEqual([8, 8, 8, 8, 8, 8, 2]);
  });

  test("no batch has more bytes than asked for, but a larger entry comes alone", async () => {
    const { log } = current();
    const sizes = [400, 400, 400, 2000, 100, 900, 1];
    await log.append(sizes.map((size) => ({ key: "k", value: Buffer.alloc(size) })));
    const { batches, values } = await collect(log, "g", { bytesMax: 1000 });
    await until(() => values().length === sizes.length);
    const perBatch = batches.map(({ records }) => records.map(({ value }) => value.length));
    expect(perBatch).toEqual([[400, 400], [400], [2000], [100, 900], [1]]);
  });

  test("entries that trickle in share a batch while the oldest may wait", async () => {
    const { log } = current();
    const { batches, values } = await collect(log, "g", { lingerMs: 60_000, recordsMax: 6 });
    for (let n = 0; n < 5; n += 1) await log.append(numbered(n, 1, { key: "k" }));
    await sleep(50);
    expect(batches.length).toBe(0);
    await log.append(numbered(5, 1, { key: "k" }));
    await until(() => values().length === 6);
    expect(batches.length).toBe(1);
  });

  test("a batch that is full by count or by bytes does not wait", async () => {
    const { log } = current();
    const byCount = await collect(log, "a", { lingerMs: 60_000, recordsMax: 5 });
    const byBytes = await collect(log, "b", { lingerMs: 60_000, bytesMax: 5000 });
    for (let n = 0; n < 5; n += 1) await log.append(numbered(n, 1, { key: "k", bytes: 1000 }));
    await until(() => byCount.values().length === 5 && byBytes.values().length === 5);
    expect(byCount.batches.length).toBe(1);
  });

  test("an entry waits for others no longer than asked", async () => {
    const { log } = current();
    const { values } = await collect(log, "g", { lingerMs: 100 });
    await log.append(numbered(0, 1));
    // How long it took says more of the machine; a wait for a second entry would have no end.
    await until(() => values().length > 0);
    expect(values()).toEqual(["0"]);
  });
}

export function testDelivery(current: Current): void {
  test("a consumer that waits is given what is appended then", async () => {
    const { log } = current();
    const { lines } = await collect(log, "g");
    await sleep(20);
    const positions = await log.append(numbered(0, 3));
    await until(() => lines().length === 3);
    const told = positions.map(({ partition, offset }, n) => `${partition}/${offset} ${n}`);
    expect(lines().toSorted()).toEqual(told.toSorted());
  });

  test("each entry is delivered once while batches are done", async () => {
    const { log } = current();
    const { values } = await collect(log, "g", { recordsMax: 3 });
    for (let n = 0; n < 100; n += 10) await log.append(numbered(n, 10));
    await until(() => values().length >= 100);
    await sleep(50);
    expect(values().map(Number).toSorted(ascending)).toEqual([...Array(100).keys()]);
  });

  test.each(["says retry", "rejects"] as const)(
    "a batch whose handler %s is delivered again, before anything behind it",
    async (failure) => {
      const { log } = current();
      let calls = 0;
      const { batches, values } = await collect(log, "g", {
        recordsMax: 2,
        async onBatch() {
          calls += 1;
          if (calls !== 2) return "done";
          if (failure === "rejects") throw new Error("no");
          return "retry";
        },
      });
      await log.append(numbered(0, 6, { key: "k" }));
      await until(() => batches.length === 4);
      expect(values()).toEqual(["0", "1", "2", "3", "2", "3", "4", "5"]);
    },
  );

  test("one batch is in hand at a time", async () => {
    const { log } = current();
    let inHand = 0;
    let most = 0;
    const { values } = await collect(log, "g", {
      recordsMax: 1,
      async onBatch() {
        inHand += 1;
        most = Math.max(most, inHand);
        await sleep(1);
        inHand -= 1;
        return "done";
      },
    });
    await log.append(numbered(0, 20));
    await until(() => values().length === 20);
    expect(most).toBe(1);
  });
}

export function testReadAhead(current: Current): void {
  test("with read-ahead the next full batch is handed out while one is in hand, and no further one", async () => {
    const { log } = current();
    const { opened, open } = gate();
    const done: string[] = [];
    const { batches, values } = await collect(log, "g", {
      recordsMax: 2,
      readAhead: true,
      async onBatch({ records: [first] }, _, earlier) {
        if (first?.offset === 0n) await opened;
        await earlier;
        done.push(String(first?.offset));
        return "done";
      },
    });
    await log.append(numbered(0, 8, { key: "k" }));
    await until(() => batches.length === 2);
    await sleep(20);
    expect([batches.length, done]).toEqual([2, []]);
    open();
    await until(() => done.length === 4);
    expect(done).toEqual(["0", "2", "4", "6"]);
    expect(values()).toEqual(["0", "1", "2", "3", "4", "5", "6", "7"]);
  });

  test("a batch that was read ahead is not committed when the one before it was given up", async () => {
    const { log, reopen } = current();
    await log.append(numbered(0, 4, { key: "k" }));
    const verdicts: string[] = [];
    const first = await collect(log, "g", {
      recordsMax: 2,
      readAhead: true,
      async onBatch({ records: [record] }, _, earlier) {
        if (record?.offset === 0n) return "retry";
        // It says "done" whatever became of the one before: that must not count.
        await earlier.catch(() => verdicts.push("given up"));
        return "done";
      },
    });
    await until(() => first.batches.some(({ records: [record] }) => record?.offset === 2n));
    await first.consumer.stop();
    expect(verdicts).toEqual(["given up"]);
    await log.close();
    const second = await collect(await reopen(), "g");
    await until(() => second.values().length === 4);
    expect(second.values()).toEqual(["0", "1", "2", "3"]);
  });
}

export function testStop(current: Current): void {
  test("stop aborts the signal, waits for the batch in hand and commits it", async () => {
    const { log, reopen } = current();
    await log.append(numbered(0, 4, { key: "k" }));
    const { opened, open } = gate();
    let aborted = false;
    const first = await collect(log, "g", {
      recordsMax: 2,
      async onBatch(_, signal) {
        signal.addEventListener("abort", () => (aborted = true));
        await opened;
        return "done";
      },
    });
    await until(() => first.batches.length === 1);
    const stopping = first.consumer.stop();
    await until(() => aborted);
    open();
    await stopping;
    await first.consumer.ended;
    await log.close();
    const second = await collect(await reopen(), "g");
    await until(() => second.values().length > 0);
    expect([first.values(), second.values()]).toEqual([
      ["0", "1"],
      ["2", "3"],
    ]);
  });
}

export function testCommits(current: Current): void {
  test("a group goes on behind what it has done, also after the log was opened again", async () => {
    const { log, reopen } = current();
    await log.append(numbered(0, 10));
    const first = await collect(log, "g");
    await until(() => first.values().length === 10);
    await first.consumer.stop();
    await log.append(numbered(10, 10));
    const second = await collect(log, "g");
    await until(() => second.values().length === 10);
    await log.close();
    const again = await reopen();
    await again.append(numbered(20, 10));
    const third = await collect(again, "g");
    await until(() => third.values().length === 10);
    expect(second.values().map(Number).toSorted(ascending)[0]).toBe(10);
    expect(third.values().map(Number).toSorted(ascending)[0]).toBe(20);
  });

  test("what is not done is delivered again after the log was opened again", async () => {
    const { log, reopen } = current();
    await log.append(numbered(0, 5, { key: "k" }));
    const first = await collect(log, "g", { onBatch: async () => "retry" });
    await until(() => first.batches.length > 0);
    await log.close();
    const second = await collect(await reopen(), "g");
    await until(() => second.values().length >= 5);
    expect(second.values()).toEqual(["0", "1", "2", "3", "4"]);
  });

  test("nothing that was not done is left out after the process was killed", async () => {
    const { log, crash } = current();
    await log.append(numbered(0, 50));
    const done = new Set<string>();
    const first = await collect(log, "g", {
      recordsMax: 5,
      async onBatch({ records }) {
        if (done.size >= 20) return "retry";
        for (const { value } of records) done.add(value.toString());
        return "done";
      },
    });
    await until(() => done.size >= 20 && first.values().length > done.size);
    const again = await crash();
    const second = await collect(again, "g");
    const missing = (): string[] => {
      const seen = new Set([...done, ...second.values()]);
      return numbered(0, 50)
        .map(({ value }) => value.toString())
        .filter((value) => !seen.has(value));
    };
    await until(() => missing().length === 0);
    expect(missing()).toEqual([]);
  });
}

export function testProgress(current: Current): void {
  test("who consumes hears where each partition starts and how far it is done, and of nothing that is not", async () => {
    const { log, reopen } = current();
    await log.append(numbered(0, 30));
    const told = new Map<number, bigint>();
    const onCommitted = (partition: number, next: bigint): void => {
      // Never back, and never beyond what was handed out and done.
      expect(next).toBeGreaterThanOrEqual(told.get(partition) ?? 0n);
      told.set(partition, next);
    };
    let isRefusing = false;
    const onBatch = async (): Promise<"done" | "retry"> => (isRefusing ? "retry" : "done");
    await collect(log, "g", { recordsMax: 4, onBatch, onCommitted });
    const isTold = (ends: ReadonlyMap<number, bigint>): boolean =>
      [...ends].every(([partition, end]) => told.get(partition) === end);
    const done = await log.ends();
    await until(() => isTold(done));

    isRefusing = true;
    await log.append(numbered(30, 30));
    await log.close();
    expect(told).toEqual(done);
    told.clear();
    await collect(await reopen(), "g", { onBatch, onCommitted });
    expect(told).toEqual(done);
  });
}

export function testAssignment(current: Current): void {
  test("who consumes alone is given every partition, once and before its first batch", async () => {
    const { log } = current();
    await log.append(numbered(0, 30));
    const told: string[] = [];
    const { values } = await collect(log, "g", {
      onAssigned: (partitions) => void told.push(`given ${partitions.join()}`),
      onRevoked: (partitions) => void told.push(`lost ${partitions.join()}`),
      async onBatch() {
        told.push("batch");
        return "done";
      },
    });
    await until(() => values().length === 30);
    const all = [...(await log.ends()).keys()].toSorted(ascending).join();
    expect(told.slice(0, 2)).toEqual([`given ${all}`, "batch"]);
    expect(new Set(told)).toEqual(new Set([`given ${all}`, "batch"]));
  });
}

export function testGroupsBeside(current: Current): void {
  test("two groups each get everything, in their own time", async () => {
    const { log } = current();
    const quick = await collect(log, "quick");
    const slow = await collect(log, "slow", { recordsMax: 1 });
    await log.append(numbered(0, 30, { key: "k" }));
    await until(() => quick.values().length === 30 && slow.values().length === 30);
    expect(slow.values()).toEqual(quick.values());
  });

  test("without a group a consumer starts at the first entry each time, and counts for no lag", async () => {
    const { log } = current();
    await log.append(numbered(0, 10));
    const grouped = await collect(log, "g");
    await until(() => grouped.values().length === 10);
    const first = await readAll(log);
    expect(await readAll(log)).toEqual(first);
    await until(() => log.health().lag === 0n);
  });

  test("lag is what the slowest group has not done", async () => {
    const { log } = current();
    await log.append(numbered(0, 10));
    const quick = await collect(log, "quick");
    const slow = await collect(log, "slow", { onBatch: async () => "retry" });
    await until(() => quick.values().length === 10 && slow.values().length > 0);
    expect(log.health().lag).toBe(10n);
    expect(log.health()).toMatchObject({ writable: true, reason: null });
  });
}

function ascending(a: number, b: number): number {
  return a - b;
}
