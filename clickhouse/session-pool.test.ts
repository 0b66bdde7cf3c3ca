import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { sessionPool } from "./session-pool.ts";

class FakeSession {
  closed = false;
  readonly number: number;
  constructor(number: number) {
    this.number = number;
  }
  close(): void {
    this.closed = true;
  }
}

function fakePool(sessionsMax: number) {
  const opened: FakeSession[] = [];
  const pool = sessionPool(async () => {
    const session = new FakeSession(opened.length);
    opened.push(session);
    return session;
  }, sessionsMax);
  return { opened, pool };
}

test("a session has one statement at a time, and statements go in the order of asking", async () => {
  const { opened, pool } = fakePool(2);
  const busy = new Set<FakeSession>();
  const order: number[] = [];
  await Promise.all(
    Array.from({ length: 50 }, (_, number) =>
      pool.run(async (session) => {
        expect(busy.has(session)).toBe(false);
        busy.add(session);
        order.push(number);
        await turn();
        busy.delete(session);
      }),
    ),
  );
  expect(order).toEqual(Array.from({ length: 50 }, (_, number) => number));
  expect(opened).toHaveLength(2);
});

test("a session whose statement failed is closed and never lent again", async () => {
  const { opened, pool } = fakePool(1);
  await pool.run(async () => {});
  await expect(pool.run(() => Promise.reject(new Error("refused")))).rejects.toThrow("refused");
  expect(opened[0]?.closed).toBe(true);
  expect(await pool.run(async (session) => session.number)).toBe(1);
  expect(opened).toHaveLength(2);
});

test("a session that cannot be opened fails its statement only", async () => {
  let attempts = 0;
  const pool = sessionPool(async () => {
    if (attempts++ === 0) throw new Error("no session");
    return new FakeSession(attempts);
  }, 1);
  await expect(pool.run(async () => 1)).rejects.toThrow("no session");
  expect(await pool.run(async () => 2)).toBe(2);
});

test("statements beyond those that may wait are refused as transient", async () => {
  const { pool } = fakePool(1);
  const signal = new AbortController();
  const first = pool.run(() => once(signal.signal, "abort"));
  const waiting = Array.from({ length: 1000 }, () => pool.run(async () => {}));
  await expect(pool.run(async () => {})).rejects.toMatchObject({ kind: "transient", code: 202 });
  signal.abort();
  await Promise.all([first, ...waiting]);
  await pool.run(async () => {});
});

test("close waits for what runs and what queues, then closes every session", async () => {
  const { opened, pool } = fakePool(2);
  const done: number[] = [];
  for (let number = 0; number < 5; number++) {
    void pool.run(async () => {
      await turn();
      done.push(number);
    });
  }
  await pool.close();
  expect(done).toHaveLength(5);
  expect(opened.map(({ closed }) => closed)).toEqual([true, true]);
});
