import { afterAll, beforeAll, expect, test } from "vitest";

import { startLoad } from "../faults/clients.ts";
import type { StartedProcess } from "../processes/cluster.ts";
import { sumOf } from "./group.ts";
import { createRig, kill } from "./rig.ts";
import type { Rig } from "./rig.ts";

const ackedMin = 300;

let rig: Rig;
let gateway: StartedProcess;
beforeAll(async () => {
  rig = await createRig();
  gateway = await rig.start("gateway");
});
afterAll(async () => await rig?.stop());

const kills = 3;

test("W2: a writer that is killed again and again under load stores every event once", async () => {
  const { book, ...one } = rig.begin("W2");
  const load = startLoad(gateway.url, book, { run: "W2.load", clients: 2, pauseMs: 200 });
  let slowestMs = 0;
  let writer = await rig.start("writer");
  for (let n = 0; n < kills; n += 1) {
    // Killed while it works: not before it has stored something of this life.
    await rig.group.untilBeyond(sumOf(await rig.group.committed()));
    await kill(writer);
    const diedAt = performance.now();
    const before = sumOf(await rig.group.committed());
    writer = await rig.start("writer");
    await rig.group.untilBeyond(before);
    slowestMs = Math.max(slowestMs, performance.now() - diedAt);
  }
  await load.stop();
  const { problems } = await one.close({
    name: `W2 killed ${kills} times`,
    url: gateway.url,
    faults: kills,
    floor: { acked: ackedMin, faults: kills },
    recoverMs: slowestMs,
    healedAt: performance.now(),
  });
  await writer.stop();
  expect(problems).toEqual([]);
});
