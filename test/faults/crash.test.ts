import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";

import { percentile } from "./book.ts";
import { startLoad } from "./clients.ts";
import { randomOf } from "./events.ts";
import { eventIdsInLog } from "./log-files.ts";
import { slowInserts } from "./patches.ts";
import { countTraces, createRig, exportRows, variantForTest } from "./rig.ts";
import { untilTrue } from "./wait.ts";

const kills = 15;
const ackedMin = 500;
/** From its first answer on, a server is left alone for at most this long. */
const lifeMsMax = 800;

test("E1: kill -9 at random moments under load loses nothing that was acknowledged", async () => {
  const { place, book, ...rig } = await createRig();
  const random = randomOf("E1");
  const reopenMs: number[] = [];
  const killedAt: number[] = [];
  let server = await rig.start();
  const load = startLoad(place.url, book, { run: "E1", clients: 3, sdk: true, attemptsMax: 60 });
  for (let n = 0; n < kills; n += 1) {
    const startedAt = performance.now();
    await untilTrue(() => book.ackedAfter(startedAt) !== null);
    await pause(random() * lifeMsMax);
    killedAt.push(performance.now());
    await server.kill();
    server = await rig.start();
    reopenMs.push(server.readyMs);
  }
  const healedAt = performance.now();
  await untilTrue(() => book.ackedAfter(healedAt) !== null && book.acked >= ackedMin);
  await load.stop();
  const detectMs = killedAt.map((at) => book.failedAfter(at) ?? Infinity);
  const recoverMs = killedAt.map((at) => book.ackedAfter(at) ?? Infinity);
  const { problems } = await rig.close({
    name: `E1 kill -9 x${kills}`,
    faults: recoverMs.filter(Number.isFinite).length,
    floor: { acked: ackedMin, faults: kills, dupLog: 1 },
    detectMs: percentile(detectMs, 0.5),
    recoverMs: percentile(recoverMs, 1),
    healedAt,
  });
  console.log(
    `E1 reopen: p50 ${percentile(reopenMs, 0.5)?.toFixed(0)} ms, max ${percentile(reopenMs, 1)?.toFixed(0)} ms`,
  );
  expect(problems).toEqual([]);
});

/** How far the log runs ahead of a writer that stores nothing. */
const recordsMin = 6000;

test("E7: a log that is ahead of the engine is replayed after kill -9", async () => {
  const { place, book, ...rig } = await createRig();
  const stuck = await rig.start(await variantForTest(slowInserts(3_600_000)));
  const load = startLoad(place.url, book, { run: "E7", clients: 4, batchMax: 100, pauseMs: 0 });
  await untilTrue(() => book.acked >= recordsMin);
  await load.stop();
  const storedBefore = await countTraces(place);
  await stuck.kill();

  const startedAt = performance.now();
  await rig.start();
  const readyAt = performance.now();
  await exportRows(place);
  const drainedAt = performance.now();
  await exportRows(place);
  // The second one takes as long but has nothing to wait for.
  const replayMs = Math.max(1, drainedAt - readyAt - (performance.now() - drainedAt));
  const records = (await eventIdsInLog(place.dataDir)).length;
  const { problems } = await rig.close({
    name: "E7 log ahead, kill -9",
    faults: storedBefore === 0 ? 1 : 0,
    floor: { acked: recordsMin, faults: 1 },
    recoverMs: readyAt - startedAt,
  });
  console.log(
    `E7 replay: ${records} records in ${(replayMs / 1000).toFixed(2)} s, ${Math.round(records / (replayMs / 1000))} rec/s`,
  );
  expect(problems).toEqual([]);
});
