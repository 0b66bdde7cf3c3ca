import { connect } from "node:net";

import { afterAll, beforeAll, expect, test } from "vitest";

import { AppendError } from "../../services/runtime/event-log/port.ts";
import type { EventLog } from "../../services/runtime/event-log/port.ts";
import { collect, numbered, readAll, until } from "../../services/runtime/event-log/testing.ts";
import { startKafka } from "./broker.ts";
import type { KafkaBroker, KafkaCluster } from "./broker.ts";
import { newStream, openTestLog } from "./testing.ts";

let cluster: KafkaCluster;
let broker: KafkaBroker;
beforeAll(async () => {
  cluster = await startKafka();
  const [only] = cluster.brokers;
  if (only === undefined) throw new Error("a cluster has a broker");
  broker = only;
});
afterAll(async () => {
  await cluster.stop();
});

/** Appends entries one after the other from several callers until it is stopped, and keeps what was answered. */
function appendAll(log: EventLog, from: number) {
  const acked = new Set<string>();
  const refused: unknown[] = [];
  const stopping = new AbortController();
  let n = from;
  const caller = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const entries = numbered(n, 5);
      n += 5;
      try {
        await log.append(entries);
        for (const { value } of entries) acked.add(value.toString());
      } catch (error) {
        refused.push(error);
      }
    }
  };
  const callers = Promise.all(Array.from({ length: 4 }, caller));
  return {
    acked,
    refused,
    async stop() {
      stopping.abort();
      await callers;
    },
  };
}

async function storedValues(log: EventLog): Promise<readonly string[]> {
  return (await readAll(log)).map((line) => line.split(" ")[1] ?? "");
}

/** Waits until the log takes entries again. */
async function untilWritable(log: EventLog): Promise<void> {
  const take = async (): Promise<string> => {
    try {
      await log.append(numbered(999_999, 1));
      return "taken";
    } catch (error) {
      return String(error);
    }
  };
  await expect.poll(take, { timeout: 60_000, interval: 100 }).toBe("taken");
}

function missingOf(acked: ReadonlySet<string>, stored: readonly string[]): string[] {
  const there = new Set(stored);
  return [...acked].filter((value) => !there.has(value));
}

test("while the broker is down appends are refused for now, and nothing acknowledged is lost (matrix B1)", async () => {
  const log = await openTestLog(cluster, { topic: newStream() });
  const { values } = await collect(log, "g");
  const load = appendAll(log, 0);
  await until(() => load.acked.size >= 500);
  await broker.kill();
  await until(() => load.refused.length >= 20);
  expect(log.health().writable).toBe(false);
  await broker.start();
  const before = load.acked.size;
  await until(() => load.acked.size >= before + 500);
  await load.stop();
  await until(() => missingOf(load.acked, values()).length === 0);
  expect(load.refused.every((error) => error instanceof AppendError)).toBe(true);
  expect(new Set(load.refused.map((error) => Reflect.get(Object(error), "kind")))).toEqual(
    new Set(["retryable"]),
  );
  expect(missingOf(load.acked, await storedValues(log))).toEqual([]);
  await log.close();
});

test("a broker that hangs makes appends be refused for now, and its late answers lose nothing (matrix B3)", async () => {
  const log = await openTestLog(cluster, { topic: newStream() });
  const load = appendAll(log, 0);
  await until(() => load.acked.size >= 200);
  broker.pause();
  await until(() => load.refused.length >= 4);
  broker.resume();
  await untilWritable(log);
  const before = load.acked.size;
  await until(() => load.acked.size >= before + 200);
  await load.stop();
  expect(load.refused[0]).toMatchObject({ name: "AppendError", kind: "retryable" });
  expect(missingOf(load.acked, await storedValues(log))).toEqual([]);
  await log.close();
});

test("lost responses lose nothing acknowledged: they store some entries twice (matrix B4)", async () => {
  let answers = 0;
  let lost = 0;
  let isLossy = false;
  const log = await openTestLog(cluster, {
    topic: newStream(),
    partitions: 1,
    socketFactory: ({ host, port, onConnect }) => {
      const socket = connect({ host, port }, onConnect);
      const emit = socket.emit.bind(socket);
      socket.emit = (event: string | symbol, ...args: unknown[]) => {
        answers += event === "data" ? 1 : 0;
        if (event !== "data" || !isLossy || answers % 7 !== 0) return emit(event, ...args);
        lost += 1;
        socket.destroy(new Error("response lost"));
        return true;
      };
      return socket;
    },
  });
  isLossy = true;
  const load = appendAll(log, 0);
  await until(() => lost >= 30 && load.acked.size >= 1000);
  isLossy = false;
  await load.stop();
  const stored = await storedValues(log);
  expect(missingOf(load.acked, stored)).toEqual([]);
  expect(stored.length).toBeGreaterThan(new Set(stored).size);
  await log.close();
});

test("with three brokers the loss of a leader loses nothing, and two of three take no appends (matrix B2)", async () => {
  const three = await startKafka({ brokers: 3 });
  try {
    const [first, second] = three.brokers;
    const log = await openTestLog(three, { topic: newStream(), replicationFactor: 3 });
    const { values } = await collect(log, "g");
    const load = appendAll(log, 0);
    await until(() => load.acked.size >= 300);
    await first?.kill();
    // Whichever partitions it led have new leaders when all keys are taken again.
    await untilWritable(log);
    const afterOne = load.acked.size;
    await until(() => load.acked.size >= afterOne + 300);
    await second?.kill();
    const refusedBefore = load.refused.length;
    await until(() => load.refused.length >= refusedBefore + 8);
    await Promise.all([first?.start(), second?.start()]);
    await untilWritable(log);
    const afterBoth = load.acked.size;
    await until(() => load.acked.size >= afterBoth + 300);
    await load.stop();
    await until(() => missingOf(load.acked, values()).length === 0);
    expect(missingOf(load.acked, await storedValues(log))).toEqual([]);
    await log.close();
  } finally {
    await three.stop();
  }
});
