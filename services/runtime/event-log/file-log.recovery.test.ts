import {
  appendFile,
  copyFile,
  open,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";

import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";

import { openFileLog } from "./file-log.ts";
import type { FileLogOptions } from "./file-log.ts";
import { UnreadableError } from "./port.ts";
import type { EventLog } from "./port.ts";
import {
  collect,
  copyAsAfterKill,
  filesOf,
  numbered,
  readAll,
  removeDirectories,
  temporaryDirectory,
} from "./testing.ts";

let dirs: string[] = [];
let logs: EventLog[] = [];
beforeEach(() => {
  dirs = [];
  logs = [];
});
afterEach(async () => {
  for (const log of logs) await log.close();
  await removeDirectories(dirs);
});

test("any torn, flipped, zeroed or overwritten tail leaves the exact prefix, and appends go on behind it", async () => {
  const { dir, ends, bytes } = await writtenLog(12);
  const segment = join(dir, "0000000000000000.log");
  const lastFrameAt = ends.at(-2)?.bytes ?? 0;
  const damaged = fc.record({
    kind: fc.constantFrom("torn", "flipped", "zeroed", "overwritten", "appended"),
    place: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    garbage: fc.uint8Array({ minLength: 1, maxLength: 200 }),
  });
  let cases = 0;
  await fc.assert(
    fc.asyncProperty(damaged, async ({ kind, place, garbage }) => {
      const headerBytes = 28;
      const from = kind === "flipped" ? lastFrameAt : headerBytes;
      const at = from + Math.floor(place * (bytes.length - from));
      const tail = {
        torn: Buffer.alloc(0),
        flipped: flipBit(bytes.subarray(at), garbage[0] ?? 0),
        zeroed: Buffer.alloc(bytes.length - at),
        overwritten: Buffer.from(garbage),
        appended: Buffer.concat([bytes.subarray(at), garbage]),
      }[kind];
      const file = Buffer.concat([bytes.subarray(0, at), tail]);
      await writeFile(segment, file);
      await rm(join(dir, "clean"), { force: true });

      // What is written over the tail may begin with the very bytes that stood there.
      const same = bytes.findIndex((byte, index) => byte !== file[index]);
      const intact = ends.findLast((end) => same < 0 || end.bytes <= same);
      const count = intact?.count ?? 0;
      const log = await opened({ dir });
      expect((await stat(segment)).size).toBe(log.health().bytes);
      const prefix = expected(0, count);
      expect(await readAll(log)).toEqual(prefix);
      await log.append(numbered(count, 3));
      await log.close();
      const again = await opened({ dir });
      expect(await readAll(again)).toEqual(expected(0, count + 3));
      await again.close();
      logs = [];
      cases += 1;
    }),
    { numRuns: 200, endOnFailure: true },
  );
  expect(cases).toBe(200);
}, 300_000);

test("a broken entry with acknowledged ones behind it is an error that says what to do, not a shorter log", async () => {
  const { dir, ends } = await writtenLog(5);
  await damage(join(dir, "0000000000000000.log"), (ends[1]?.bytes ?? 0) + 30);
  await expect(openFileLog(options(dir))).rejects.toThrow(UnreadableError);
  await expect(openFileLog(options(dir))).rejects.toThrow(/truncate -s \d+ .*0000\.log/);
});

test("after a clean stop a shorter log is an error, however often it is opened", async () => {
  const { dir, ends } = await writtenLog(5, "clean");
  await truncate(join(dir, "0000000000000000.log"), ends[3]?.bytes ?? 0);
  for (let attempt = 0; attempt < 2; attempt += 1) {
    await expect(openFileLog(options(dir))).rejects.toThrow(UnreadableError);
  }
});

test("after a clean stop a log whose segments are gone is an error", async () => {
  const { dir } = await writtenLog(2, "clean");
  await rm(join(dir, "0000000000000000.log"));
  await expect(openFileLog(options(dir))).rejects.toThrow("has lost its segments");
});

test("a broken entry in an older segment ends its consumer with an error, after what comes before it", async () => {
  const { dir } = await writtenLog(12, "killed", 500);
  const [first = "", second = ""] = await filesOf(dir, ".log");
  await damage(join(dir, first), 300);
  const log = await opened({ dir });
  const { consumer, values } = await collect(log, "g");
  await expect(consumer.ended).rejects.toThrow(UnreadableError);
  const delivered = values().map(Number);
  expect(delivered).toEqual(expectedNumbers(delivered.length));
  expect(delivered.length).toBeGreaterThan(0);
  expect(delivered.length).toBeLessThan(Number.parseInt(second, 10));
});

test("a segment that is missing between others ends its consumer with an error", async () => {
  const { dir } = await writtenLog(20, "killed", 500);
  const names = await filesOf(dir, ".log");
  expect(names.length).toBeGreaterThan(3);
  await rm(join(dir, names[1] ?? ""));
  const log = await opened({ dir });
  const { consumer, values } = await collect(log, null);
  await expect(consumer.ended).rejects.toThrow(UnreadableError);
  expect(values().map(Number)).toEqual(expectedNumbers(Number.parseInt(names[1] ?? "", 10)));
});

test.each([0, 9, 13, 20, 25])("a header with a broken byte %i is an error", async (at) => {
  const { dir } = await writtenLog(2);
  await damage(join(dir, "0000000000000000.log"), at);
  await expect(openFileLog(options(dir))).rejects.toThrow("broken header");
});

test("what lies behind an older segment's end, torn or intact, is no part of the log", async () => {
  const { dir } = await writtenLog(12, "killed", 500);
  const [first = "", second = ""] = await filesOf(dir, ".log");
  const secondBytes = await readFile(join(dir, second));
  // The frame that a failed sync left behind, had it not been cut off: same base as the next segment.
  await appendFile(join(dir, first), secondBytes.subarray(28));
  await appendFile(join(dir, first), Buffer.from("torn"));
  const log = await opened({ dir });
  expect(await readAll(log)).toEqual(expected(0, 24));
});

test("a segment that a crash left without its name is forgotten", async () => {
  const { dir } = await writtenLog(3);
  await copyFile(join(dir, "0000000000000000.log"), join(dir, "0000000000000006.log.tmp"));
  const log = await opened({ dir });
  expect(await readAll(log)).toEqual(expected(0, 6));
  expect(await filesOf(dir, ".tmp")).toEqual([]);
});

function options(dir: string): FileLogOptions {
  return { dir, retention: { keepBytes: 1 << 20, keepMs: 60_000 }, diskFloorBytes: 0 };
}

async function opened(extra: Partial<FileLogOptions> & { readonly dir: string }) {
  const log = await openFileLog({ ...options(extra.dir), ...extra });
  logs.push(log);
  return log;
}

/** A log of so many appends of two entries, left clean or killed, with the end of each append in its first segment. */
async function writtenLog(
  appends: number,
  stop: "clean" | "killed" = "killed",
  segmentBytes = 1e6,
) {
  const live = await temporaryDirectory();
  const log = await openFileLog({ ...options(live), segmentBytes });
  const segment = join(live, "0000000000000000.log");
  const ends: { bytes: number; count: number }[] = [];
  for (let n = 0; n < appends; n += 1) {
    await log.append(numbered(n * 2, 2, { bytes: 20 + n * 7 }));
    ends.push({ bytes: (await readFile(segment)).length, count: n * 2 + 2 });
  }
  const copy = await copyAsAfterKill(live);
  await log.close();
  dirs.push(live, copy);
  const dir = stop === "clean" ? live : copy;
  return { dir, ends, bytes: await readFile(join(dir, "0000000000000000.log")) };
}

function expectedNumbers(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n);
}

function expected(from: number, count: number): string[] {
  return expectedNumbers(count - from).map((n) => `0/${from + n} ${from + n}`);
}

function flipBit(bytes: Buffer, random: number): Buffer {
  const flipped = Buffer.from(bytes);
  flipped.writeUInt8(flipped.readUInt8(0) ^ (1 << (random % 8)), 0);
  return flipped;
}

async function damage(path: string, at: number): Promise<void> {
  const file = await open(path, "r+");
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at);
  await file.write(flipBit(buffer, 3), 0, 1, at);
  await file.close();
}
