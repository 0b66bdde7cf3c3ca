import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";

import { percentile } from "./book.ts";
import { startLoad } from "./clients.ts";
import { randomOf } from "./events.ts";
import { eventIdsInLog } from "./log-files.ts";
import { slowInserts } from "./patches.ts";
import { createRig, exportRows, variantForTest } from "./rig.ts";

const kills = 15;
const lifeMsMin = 100;
const lifeMsMax = 900;

test("E1: kill -9 at random moments under load loses nothing that was acknowledged", async () => {
  const { place, book, ...rig } = await createRig();
  const random = randomOf("E1");
  const reopenMs: number[] = [];
  const recoverMs: number[] = [];
  const detectMs: number[] = [];
  let server = await rig.start();
  const load = startLoad(place.url, book, { run: "E1", clients: 3, sdk: true, attemptsMax: 40 });
  for (let n = 0; n < kills; n += 1) {
    await pause(lifeMsMin + random() * (lifeMsMax - lifeMsMin));
    const killedAt = performance.now();
    await server.kill();
    server = await rig.start();
    reopenMs.push(server.readyMs);
    await pause(lifeMsMin);
    detectMs.push(book.failedAfter(killedAt) ?? Infinity);
    recoverMs.push(book.ackedAfter(killedAt) ?? Infinity);
  }
  await load.stop();
  const { problems } = await rig.close({
    name: `E1 kill -9 x${kills}`,
    faults: detectMs.filter(Number.isFinite).length,
    floor: { acked: 2000, faults: kills, dupLog: 1 },
    detectMs: percentile(detectMs, 0.5),
    recoverMs: percentile(recoverMs, 1),
    healedAt: performance.now(),
  });
  console.log(`E1 reopen ms: ${reopenMs.map((ms) => ms.toFixed(0)).join(" ")}`);
  expect(problems).toEqual([]);
});

/** The log runs ahead for this long, with a writer that stores nothing. */
const aheadMs = 4000;
const recordsMin = 3000;

test("E7: a log that is ahead of the engine is replayed after kill -9", async () => {
  const { place, book, ...rig } = await createRig();
  const stuck = await rig.start(await variantForTest(slowInserts(3_600_000)));
  const load = startLoad(place.url, book, { run: "E7", clients: 4, batchMax: 100, pauseMs: 0 });
  await pause(aheadMs);
  await load.stop();
  await stuck.kill();

  const startedAt = performance.now();
  await rig.start();
  const readyAt = performance.now();
  const stored = await exportRows(place);
  const replayMs = performance.now() - readyAt;
  const records = (await eventIdsInLog(place.dataDir)).length;
  const { problems } = await rig.close({
    name: "E7 log ahead, kill -9",
    faults: stored.length > 0 ? 1 : 0,
    floor: { acked: recordsMin, faults: 1 },
    recoverMs: readyAt - startedAt,
    healedAt: startedAt,
  });
  console.log(
    `E7 replay: ${records} records in ${(replayMs / 1000).toFixed(2)} s, ${Math.round(records / (replayMs / 1000))} rec/s`,
  );
  expect(problems).toEqual([]);
});
