import { afterAll, beforeAll, expect, test } from "vitest";

import { startLoad } from "../faults/clients.ts";
import { mutants, slowInserts, writerDeaths } from "../faults/patches.ts";
import { untilTrue } from "../faults/wait.ts";
import type { StartedProcess } from "../processes/cluster.ts";
import { sumOf } from "./group.ts";
import { createRig, endOf, kill } from "./rig.ts";
import type { Rig } from "./rig.ts";

/** Batches that the writer stores before it dies at its failpoint. */
const passes = 3;
const ackedMin = 300;

let rig: Rig;
let gateway: StartedProcess;
beforeAll(async () => {
  rig = await createRig();
  gateway = await rig.start("gateway");
});
afterAll(async () => await rig?.stop());

const deaths = [
  "before insert",
  "between the tables' inserts",
  "after insert, before commit",
] as const;

for (const [n, where] of deaths.entries()) {
  test(`W1: a writer that dies ${where} stores every event once after the restart`, async () => {
    const { book, ...one } = rig.begin(`W1-${n}`);
    const doomed = await rig.start("writer", writerDeaths[where](passes));
    const load = startLoad(gateway.url, book, { run: `W1-${n}.load`, clients: 2, pauseMs: 200 });
    const signal = await endOf(doomed);
    const diedAt = performance.now();
    const before = sumOf(await rig.group.committed());
    const writer = await rig.start("writer");
    await rig.group.untilBeyond(before);
    const recoverMs = performance.now() - diedAt;
    await untilTrue(() => book.acked >= ackedMin);
    await load.stop();
    const { problems } = await one.close({
      name: `W1 ${where}`,
      url: gateway.url,
      faults: signal === "SIGKILL" ? 1 : 0,
      floor: { acked: ackedMin, faults: 1 },
      recoverMs,
      healedAt: performance.now(),
    });
    await writer.stop();
    expect(problems).toEqual([]);
  });
}

test("a writer that commits before it inserts is caught (commit before insert)", async () => {
  const { book, ...one } = rig.begin("mutant");
  const doomed = await rig.start("writer", slowInserts(60_000), mutants["commit before insert"]);
  const before = sumOf(await rig.group.committed());
  const load = startLoad(gateway.url, book, { run: "mutant.load", clients: 2, pauseMs: 100 });
  await untilTrue(() => book.acked >= ackedMin);
  await load.stop();
  await rig.group.untilBeyond(before);
  await kill(doomed);
  const writer = await rig.start("writer");
  const { problems } = await one.close({
    name: "mutant: commit before insert",
    url: gateway.url,
    faults: 1,
    floor: { acked: ackedMin, faults: 1 },
  });
  await writer.stop();
  expect(problems).toContainEqual(expect.stringMatching(/^LOST_ACKED/));
});
