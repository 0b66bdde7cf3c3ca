import { setTimeout as pause } from "node:timers/promises";

import { expect, test } from "vitest";

import { startLoad } from "./clients.ts";
import type { Failure } from "./clients.ts";
import { judge } from "./oracle.ts";
import { gatewayDeaths } from "./patches.ts";
import { createRig, exportRows, variantForTest } from "./rig.ts";
import { untilTrue } from "./wait.ts";

/** Requests that the gateway gets through before it dies at its failpoint. */
const passes = 40;
const ackedMin = 300;

for (const [where, patch] of Object.entries(gatewayDeaths)) {
  test(`G1: a gateway that dies ${where} loses nothing that was acknowledged`, async () => {
    const { place, book, ...rig } = await createRig();
    const doomed = await rig.start(await variantForTest(patch(passes)));
    const load = startLoad(place.url, book, { run: "G1", clients: 3, attemptsMax: 60 });
    const { signal } = await doomed.exited;
    const diedAt = performance.now();
    await rig.start();
    await untilTrue(() => book.acked >= ackedMin && book.ackedAfter(diedAt) !== null);
    await load.stop();
    const { problems } = await rig.close({
      name: `G1 ${where}`,
      faults: signal === "SIGKILL" ? 1 : 0,
      floor: { acked: ackedMin, faults: 1 },
      detectMs: book.failedAfter(diedAt - 50),
      recoverMs: book.ackedAfter(diedAt),
      healedAt: performance.now(),
    });
    expect(problems).toEqual([]);
  });
}

test("G2: SIGTERM under load finishes every request that it took, and ends in time", async () => {
  const { place, book, ...rig } = await createRig();
  const server = await rig.start();
  const failures: Failure[] = [];
  const load = startLoad(place.url, book, {
    run: "G2",
    clients: 8,
    sdk: true,
    // One attempt, so that what was not answered stays so and can be looked for afterwards.
    attemptsMax: 1,
    onFailure: (failure) => failures.push(failure),
  });
  await untilTrue(() => book.acked >= ackedMin);
  const askedAt = performance.now();
  const end = await server.stop();
  await untilTrue(() => failures.length > 0);
  await load.stop();
  expect(end).toMatchObject({ code: 0, signal: null });

  await rig.start();
  const rows = await exportRows(place);
  // Refused for lack of a listener or with an answer is fine. Cut off is fine only when it was never taken.
  const cutOff = failures.filter(({ status, text }) => status === 0 && text !== "ECONNREFUSED");
  const stored = new Set(
    rows.flatMap((row) => Object.keys(row.metadata).map((mark) => `${row.id} ${mark}`)),
  );
  const resetThoughStored = cutOff.flatMap(({ sent }) =>
    sent.filter(({ event, mark }) => stored.has(`${event.body.id} ${mark}`)),
  );
  expect(resetThoughStored.map(({ event }) => event.id)).toEqual([]);
  expect(judge(book, rows).lostAcked).toEqual([]);
  const { problems } = await rig.close({
    name: "G2 SIGTERM under load",
    faults: failures.length,
    floor: { acked: ackedMin, faults: 1 },
    detectMs: book.failedAfter(askedAt),
    healedAt: performance.now(),
  });
  console.log(
    `G2 drain: ${(end.ms / 1000).toFixed(2)} s to exit 0; ${cutOff.length} requests cut off before they were taken`,
  );
  expect(problems).toEqual([]);
});

test("G2: a second SIGTERM under load kills the process instead of crashing the engine, and loses nothing", async () => {
  const { place, book, ...rig } = await createRig();
  const load = startLoad(place.url, book, { run: "G2b", clients: 6, attemptsMax: 60 });
  const ends: string[] = [];
  let wanted = 0;
  for (const gapMs of [10, 30, 60, 120]) {
    const server = await rig.start();
    wanted = book.acked + ackedMin / 4;
    await untilTrue(() => book.acked >= wanted);
    process.kill(server.pid, "SIGTERM");
    await pause(gapMs);
    const { code, signal } = await server.stop();
    ends.push(signal ?? `code ${code}`);
  }
  expect(ends.filter((end) => end !== "SIGKILL" && end !== "code 0")).toEqual([]);
  const diedAt = performance.now();
  await rig.start();
  await untilTrue(() => book.ackedAfter(diedAt) !== null);
  await load.stop();
  const { problems } = await rig.close({
    name: "G2 second SIGTERM under load",
    faults: ends.length,
    floor: { acked: ackedMin, faults: 4 },
    detectMs: null,
    recoverMs: book.ackedAfter(diedAt),
    healedAt: performance.now(),
  });
  expect(problems).toEqual([]);
});
