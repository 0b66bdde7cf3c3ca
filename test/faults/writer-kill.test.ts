import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";

import type { Book } from "./book.ts";
import { startLoad } from "./clients.ts";
import { refusedInserts, slowInserts, writerDeaths } from "./patches.ts";
import { countTraces, createRig, variantForTest } from "./rig.ts";
import { logged } from "./server.ts";
import { untilTrue } from "./wait.ts";

/** Batches that the writer stores before it dies at its failpoint. */
const passes = 3;
const ackedMin = 300;

for (const [where, patch] of Object.entries(writerDeaths)) {
  test(`W1: a writer that dies ${where} stores every event once after the restart`, async () => {
    const { place, book, ...rig } = await createRig();
    const doomed = await rig.start(await variantForTest(patch(passes)));
    const load = startLoad(place.url, book, { run: "W1", clients: 3, attemptsMax: 60 });
    const { signal } = await doomed.exited;
    const diedAt = performance.now();
    await rig.start();
    await untilTrue(() => book.acked >= ackedMin && book.ackedAfter(diedAt) !== null);
    await load.stop();
    const { problems } = await rig.close({
      name: `W1 ${where}`,
      faults: signal === "SIGKILL" ? 1 : 0,
      floor: { acked: ackedMin, faults: 1 },
      detectMs: book.failedAfter(diedAt - 50),
      recoverMs: book.ackedAfter(diedAt),
      healedAt: performance.now(),
    });
    expect(problems).toEqual([]);
  });
}

test("W1: a SIGTERM while the writer is far behind loses nothing: the next start goes on", async () => {
  const { place, book, ...rig } = await createRig();
  const slow = await rig.start(await variantForTest(slowInserts(5000)));
  const load = startLoad(place.url, book, { run: "W1.behind", clients: 3 });
  await untilTrue(() => book.acked >= ackedMin);
  await load.stop();
  const storedBefore = await countTraces(place);
  const end = await slow.stop();
  expect(end).toMatchObject({ code: 0, signal: null });
  await rig.start();
  const { problems } = await rig.close({
    name: "W1 SIGTERM, writer behind",
    faults: storedBefore < tracesOf(book) ? 1 : 0,
    floor: { acked: ackedMin, faults: 1 },
    healedAt: performance.now(),
  });
  expect(problems).toEqual([]);
});

/** Of one batch, each after a longer wait than the one before. */
const refusalsMin = 5;

test("C4: while the engine refuses inserts the gateway goes on, and afterwards everything is stored, nothing parked", async () => {
  const { place, book, ...rig } = await createRig();
  const refusing = join(place.dataDir, "refusing");
  await writeFile(refusing, "");
  const server = await rig.start(await variantForTest(refusedInserts(refusing)));
  const refusals = (): number =>
    logged(server.stderr(), "batch not stored, it is tried again").length;
  const load = startLoad(place.url, book, { run: "C4", clients: 2, pauseMs: 50 });
  await untilTrue(() => book.acked >= ackedMin && refusals() >= refusalsMin);
  await load.stop();
  const storedBefore = await countTraces(place);
  await rm(refusing);
  const healedAt = performance.now();
  const { problems } = await rig.close({
    name: "C4 inserts refused",
    faults: storedBefore === 0 ? refusals() : 0,
    floor: { acked: ackedMin, faults: refusalsMin },
    healedAt,
  });
  expect(problems).toEqual([]);
});

function tracesOf(book: Book): number {
  return book.pages.filter(({ issued }) => issued.kind === "trace").length;
}
