import { expect, test } from "vitest";

import { gate, numbered, sleep, until } from "../testing.ts";
import { AppendQueue } from "./append-queue.ts";
import type { Outgoing, Send } from "./append-queue.ts";

/** A send that keeps what it was given, and stores it. */
function store(hold: Promise<void> = Promise.resolve()) {
  const sends: { readonly partition: number; readonly values: readonly string[] }[][] = [];
  const next = new Map<number, number>();
  const under = new Map<number, number>();
  let most = 0;
  const send: Send = async (batches: readonly Outgoing[]) => {
    sends.push(
      batches.map(({ partition, entries }) => ({
        partition,
        values: entries.map(({ value }) => value.toString().trim()),
      })),
    );
    for (const { partition } of batches) {
      under.set(partition, (under.get(partition) ?? 0) + 1);
      most = Math.max(most, under.get(partition) ?? 0);
    }
    await hold;
    const offsets = new Map<number, bigint>();
    for (const { partition, entries } of batches) {
      const base = next.get(partition) ?? 0;
      offsets.set(partition, BigInt(base));
      next.set(partition, base + entries.length);
      under.set(partition, (under.get(partition) ?? 0) - 1);
    }
    return offsets;
  };
  return { send, sends, mostUnderWay: () => most };
}

test("callers of the same moment share a send, and each is told its own positions", async () => {
  const { send, sends } = store();
  const queue = new AppendQueue(3, send, () => {});
  const calls = Array.from({ length: 20 }, (_, n) => queue.append(numbered(n * 10, 10)));
  const told = (await Promise.all(calls)).flat();
  expect(sends.length).toBeLessThan(5);
  expect(new Set(told.map(({ partition, offset }) => `${partition}/${offset}`)).size).toBe(200);
  const stored = sends.flat();
  for (const [n, { partition, offset }] of told.entries()) {
    const values = stored.filter((batch) => batch.partition === partition).flatMap((b) => b.values);
    expect(values[Number(offset)]).toBe(String(n));
  }
  expect(queue.queuedBytes).toBe(0);
  await queue.drain();
});

test("no batch of a partition has more than 900 KiB, but a larger entry goes alone (K7)", async () => {
  const { send, sends } = store();
  const queue = new AppendQueue(1, send, () => {});
  const entries = [
    ...numbered(0, 30, { bytes: 100 << 10 }),
    ...numbered(30, 1, { bytes: 2 << 20 }),
  ];
  await queue.append([...entries, ...numbered(31, 1, { bytes: 10 })]);
  expect(sends.flat().map(({ values }) => values.length)).toEqual([8, 8, 8, 6, 1, 1]);
  expect(sends.flat().flatMap(({ values }) => values)).toEqual(
    Array.from({ length: 32 }, (_, n) => String(n)),
  );
  await queue.drain();
});

test("a partition has one batch under way, so that a retry inside a send changes no order", async () => {
  const { opened, open } = gate();
  const { send, sends, mostUnderWay } = store(opened);
  const queue = new AppendQueue(2, send, () => {});
  const calls = Array.from({ length: 10 }, async (_, n) => {
    await sleep(n * 3);
    return queue.append(numbered(n, 1, { key: "k" }));
  });
  await until(() => sends.length > 0);
  await sleep(40);
  expect(sends.length).toBe(1);
  open();
  await Promise.all(calls);
  expect(mostUnderWay()).toBe(1);
  await queue.drain();
});

test("a failed send rejects all of its callers, and what comes after is sent", async () => {
  let isFailing = true;
  const { send, sends } = store();
  const failures: unknown[] = [];
  const queue = new AppendQueue(
    1,
    async (batches) => {
      if (isFailing) throw new Error("no leader");
      return send(batches);
    },
    (error) => void failures.push(error?.kind ?? null),
  );
  const refused = await Promise.allSettled([
    queue.append(numbered(0, 3)),
    queue.append(numbered(3, 3)),
  ]);
  expect(refused.map((outcome) => outcome.status)).toEqual(["rejected", "rejected"]);
  expect(refused[0]).toMatchObject({ reason: { kind: "retryable" } });
  isFailing = false;
  await queue.append(numbered(6, 1));
  expect(sends.flat().flatMap(({ values }) => values)).toEqual(["6"]);
  expect(failures).toEqual(["retryable", null]);
  expect(queue.queuedBytes).toBe(0);
  await queue.drain();
});

test("a caller is answered by the deadline, and what was not sent by then never is", async () => {
  const { opened, open } = gate();
  const { send, sends } = store(opened);
  const queue = new AppendQueue(1, send, () => {}, 20);
  const first = queue.append(numbered(0, 1));
  await until(() => sends.length === 1);
  const second = queue.append(numbered(1, 1));
  const refusals = await Promise.allSettled([first, second]);
  for (const refusal of refusals)
    expect(refusal).toMatchObject({ status: "rejected", reason: { kind: "retryable" } });
  open();
  await queue.append(numbered(2, 1));
  expect(sends.flat().flatMap(({ values }) => values)).toEqual(["0", "2"]);
  expect(queue.queuedBytes).toBe(0);
  await queue.drain();
});
