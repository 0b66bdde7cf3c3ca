import { afterAll, beforeAll, expect, test } from "vitest";

import type { Fault } from "../../clickhouse/dev-server/faults.ts";
import { startLoad } from "../faults/clients.ts";
import { untilTrue } from "../faults/wait.ts";
import type { StartedProcess } from "../processes/cluster.ts";
import { sumOf } from "./group.ts";
import { createRig, timesLogged } from "./rig.ts";
import type { Rig } from "./rig.ts";

const ackedMin = 300;

let rig: Rig;
let gateway: StartedProcess;
let writer: StartedProcess;
beforeAll(async () => {
  rig = await createRig();
  [gateway, writer] = await Promise.all([rig.start("gateway"), rig.start("writer")]);
});
afterAll(async () => await rig?.stop());

interface Case {
  readonly id: string;
  readonly what: string;
  readonly fault: Fault;
  /** Batches that the writer must have failed to store, each after a longer pause than the one before. */
  readonly failuresMin: number;
}

const insert = { match: "INSERT INTO sluice." } as const;
const cases: readonly Case[] = [
  { id: "C2", what: "is away", fault: { kind: "down" }, failuresMin: 6 },
  {
    id: "C3-lost",
    what: "stores rows and its answers are lost",
    fault: { kind: "lost", match: "INSERT INTO sluice.observations" },
    failuresMin: 4,
  },
  {
    id: "C4-252",
    what: "refuses inserts for too many parts",
    fault: { kind: "refuse", code: 252, ...insert },
    failuresMin: 6,
  },
  {
    id: "C4-241",
    what: "refuses inserts for want of memory",
    fault: { kind: "refuse", code: 241, ...insert },
    failuresMin: 3,
  },
  {
    id: "C4-242",
    what: "refuses inserts because its tables are read-only",
    fault: { kind: "refuse", code: 242, ...insert },
    failuresMin: 3,
  },
];

for (const { id, what, fault, failuresMin } of cases) {
  test(`${id}: while ClickHouse ${what} events are taken, and afterwards each is stored once, none parked`, async () => {
    const { book, ...one } = rig.begin(id);
    const failedBefore = timesLogged(writer, "batch not stored, it is tried again");
    const failures = (): number =>
      timesLogged(writer, "batch not stored, it is tried again") - failedBefore;
    const load = startLoad(gateway.url, book, { run: `${id}.load`, clients: 2, pauseMs: 150 });
    await untilTrue(() => book.acked >= ackedMin / 3);
    rig.cluster.clickhouse.setFault(fault);
    const struckAt = performance.now();
    const ackedBefore = book.acked;
    await untilTrue(() => failures() >= failuresMin && book.acked >= ackedBefore + ackedMin);
    const before = sumOf(await rig.group.committed());
    rig.cluster.clickhouse.setFault(null);
    const healedAt = performance.now();
    await rig.group.untilBeyond(before);
    const recoverMs = performance.now() - healedAt;
    await load.stop();
    const { problems } = await one.close({
      name: `${id} (${((healedAt - struckAt) / 1000).toFixed(0)} s)`,
      url: gateway.url,
      faults: failures(),
      floor: { acked: ackedMin, faults: failuresMin },
      recoverMs,
      healedAt,
    });
    expect(problems).toEqual([]);
  });
}

test("C3: while every insert takes 2 s longer the writer falls behind, and afterwards each event is stored once", async () => {
  const { book, ...one } = rig.begin("C3-slow");
  rig.cluster.clickhouse.setFault({ kind: "slow", ms: 2000, ...insert });
  const load = startLoad(gateway.url, book, { run: "C3-slow.load", clients: 2, pauseMs: 150 });
  await untilTrue(() => book.acked >= 2 * ackedMin);
  const behind = sumOf(await rig.group.ends()) - sumOf(await rig.group.committed());
  rig.cluster.clickhouse.setFault(null);
  const healedAt = performance.now();
  await load.stop();
  const { problems } = await one.close({
    name: "C3 inserts slow",
    url: gateway.url,
    faults: behind > 0n ? 1 : 0,
    floor: { acked: 2 * ackedMin, faults: 1 },
    healedAt,
  });
  expect(problems).toEqual([]);
});
