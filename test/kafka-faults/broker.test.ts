import { setTimeout as pause } from "node:timers/promises";

import { afterAll, beforeAll, expect, test } from "vitest";

import { startLoad } from "../faults/clients.ts";
import type { Failure } from "../faults/clients.ts";
import { mutants } from "../faults/patches.ts";
import { untilTrue } from "../faults/wait.ts";
import type { KafkaBroker } from "../kafka/broker.ts";
import type { StartedProcess } from "../processes/cluster.ts";
import { createRig } from "./rig.ts";
import type { Rig } from "./rig.ts";

const ackedMin = 300;
const refusalsMin = 10;

let rig: Rig;
let broker: KafkaBroker;
let gateway: StartedProcess;
beforeAll(async () => {
  rig = await createRig();
  const [only] = rig.cluster.kafka.brokers;
  if (only === undefined) throw new Error("a cluster has a broker");
  broker = only;
  [gateway] = await Promise.all([rig.start("gateway"), rig.start("writer")]);
});
afterAll(async () => await rig?.stop());

/** All that a client may be told while Kafka does not take events: to come again, at once. */
function unexpected(failures: readonly Failure[]): string[] {
  return failures
    .filter(({ status, headers }) => status !== 503 || headers?.get("retry-after") !== "1")
    .map(({ status, text }) => `${status} ${text}`);
}

test("B1: while the only broker is dead events are refused with 503 and Retry-After, and nothing acknowledged is lost", async () => {
  const { book, ...one } = rig.begin("B1");
  const failures: Failure[] = [];
  const onFailure = (failure: Failure): void => void failures.push(failure);
  const load = startLoad(gateway.url, book, {
    run: "B1.load",
    clients: 4,
    pauseMs: 100,
    onFailure,
  });
  await untilTrue(() => book.acked >= ackedMin);
  await broker.kill();
  const diedAt = performance.now();
  await untilTrue(() => failures.length >= refusalsMin);
  const detectMs = book.failedAfter(diedAt);
  await broker.start();
  const healedAt = performance.now();
  await untilTrue(() => book.ackedAfter(healedAt) !== null);
  const ackedAgain = book.acked;
  await untilTrue(() => book.acked >= ackedAgain + ackedMin);
  await load.stop();
  const { problems } = await one.close({
    name: "B1 broker killed",
    url: gateway.url,
    faults: failures.length,
    floor: { acked: 2 * ackedMin, faults: refusalsMin },
    detectMs,
    recoverMs: book.ackedAfter(healedAt),
    healedAt,
  });
  expect(unexpected(failures)).toEqual([]);
  expect(problems).toEqual([]);
});

const hangMs = 6000;

test("B3: while the broker hangs every request is acknowledged or refused with 503, and late answers lose nothing", async () => {
  const { book, ...one } = rig.begin("B3");
  const failures: Failure[] = [];
  const onFailure = (failure: Failure): void => void failures.push(failure);
  const load = startLoad(gateway.url, book, {
    run: "B3.load",
    clients: 4,
    pauseMs: 100,
    onFailure,
  });
  await untilTrue(() => book.acked >= ackedMin);
  broker.pause();
  const hungAt = performance.now();
  await pause(hangMs);
  await untilTrue(() => failures.length > 0);
  broker.resume();
  const healedAt = performance.now();
  await untilTrue(() => book.ackedAfter(healedAt) !== null);
  const ackedAgain = book.acked;
  await untilTrue(() => book.acked >= ackedAgain + ackedMin);
  await load.stop();
  const { problems } = await one.close({
    name: `B3 broker hung ${hangMs / 1000} s`,
    url: gateway.url,
    faults: failures.length,
    floor: { acked: 2 * ackedMin, faults: 1 },
    detectMs: book.failedAfter(hungAt),
    recoverMs: book.ackedAfter(healedAt),
    healedAt,
  });
  const slowestMs = Math.max(...failures.map(({ ms }) => ms));
  console.log(`B3: the slowest refusal took ${(slowestMs / 1000).toFixed(2)} s`);
  expect(unexpected(failures)).toEqual([]);
  expect(problems).toEqual([]);
});

test("a gateway that acknowledges before Kafka does is caught (ack before the append)", async () => {
  const { book, ...one } = rig.begin("mutant");
  const hasty = await rig.start("gateway", mutants["ack before the append"]);
  const load = startLoad(hasty.url, book, { run: "mutant.load", clients: 4, pauseMs: 100 });
  await untilTrue(() => book.acked >= ackedMin);
  await broker.kill();
  const before = book.acked;
  await untilTrue(() => book.acked >= before + ackedMin);
  await load.stop();
  await hasty.stop();
  await broker.start();
  const { problems } = await one.close({
    name: "mutant: ack before the append",
    url: gateway.url,
    faults: 1,
    floor: { acked: 2 * ackedMin, faults: 1 },
  });
  expect(problems).toContainEqual(expect.stringMatching(/^LOST_ACKED/));
});
