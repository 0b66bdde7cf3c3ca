import { randomBytes } from "node:crypto";
import { appendFile, readFile, truncate, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";

import { postNew, startLoad } from "./clients.ts";
import { createIssuer } from "./events.ts";
import { framesOf, segmentFiles } from "./log-files.ts";
import { createRig } from "./rig.ts";
import { untilTrue } from "./wait.ts";

/** Events of each round. */
const ackedMin = 100;

/** What an interrupted write can leave behind the last frame that was synced. */
const tails: readonly { readonly name: string; readonly of: (frame: Buffer) => Buffer }[] = [
  { name: "a torn frame", of: (frame) => frame.subarray(0, Math.floor(frame.length / 2)) },
  { name: "a torn header", of: (frame) => frame.subarray(0, 7) },
  { name: "a frame with a flipped bit", of: (frame) => flipped(frame, frame.length - 3) },
  { name: "zeros", of: () => Buffer.alloc(4096) },
  { name: "garbage", of: () => randomBytes(5000) },
];

test("E2: what a crash leaves behind the last frame is cut off, and the log goes on from there", async () => {
  const { place, book, ...rig } = await createRig();
  let cut = 0;
  let server = await rig.start();
  for (const [n, tail] of tails.entries()) {
    const load = startLoad(place.url, book, { run: `E2.${n}`, clients: 2 });
    const before = book.acked;
    await untilTrue(() => book.acked >= before + ackedMin);
    await load.stop();
    await server.kill();

    const path = await lastSegment(place.dataDir);
    const intact = await readFile(path);
    const frames = framesOf(intact);
    const whole = frames.reduce((end, { at, size }) => Math.max(end, at + size), 0);
    const { at, size } = frames.at(-1) ?? { at: 0, size: 0 };
    await truncate(path, whole);
    await appendFile(path, tail.of(intact.subarray(at, at + size)));

    server = await rig.start();
    const opened = await readFile(path);
    // The registry and the events are two logs; nothing was sent yet, so this one ends where it was whole.
    const isPrefix = opened.equals(intact.subarray(0, whole));
    expect({ tail: tail.name, bytes: opened.length, isPrefix }).toEqual({
      tail: tail.name,
      bytes: whole,
      isPrefix: true,
    });
    cut += 1;
  }
  const { problems } = await rig.close({
    name: "E2 damaged tails",
    faults: cut,
    floor: { acked: 500, faults: tails.length },
    healedAt: performance.now(),
  });
  expect(problems).toEqual([]);
});

test("E2: a log that is broken before its end refuses to open, rather than drop what was acknowledged", async () => {
  const { place, book, ...rig } = await createRig();
  const server = await rig.start();
  const issuer = createIssuer("E2.inside", Date.now());
  for (let n = 0; n < 5; n += 1) await postNew(place.url, book, issuer, 10);
  await server.kill();

  const path = await lastSegment(place.dataDir);
  const intact = await readFile(path);
  const [, second] = framesOf(intact);
  if (!second) throw new Error("The log has too few frames to break one inside.");
  await writeFile(path, flipped(intact, second.at + second.size - 3));
  await expect(rig.start()).rejects.toThrow(`${path} is broken at byte ${second.at}`);

  await writeFile(path, intact);
  await rig.start();
  const { problems } = await rig.close({
    name: "E2 broken inside, restored",
    faults: 1,
    floor: { acked: 50, faults: 1 },
    healedAt: performance.now(),
  });
  expect(problems).toEqual([]);
});

async function lastSegment(dataDir: string): Promise<string> {
  const path = (await segmentFiles(dataDir)).at(-1);
  if (path === undefined) throw new Error("The event log has no segment.");
  return path;
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(at) ^ 0x10, at);
  return copy;
}
