import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { openFileLog } from "./file-log.ts";
import type { FileLogOptions } from "./file-log.ts";
import type { EventLog } from "./port.ts";
import { Retention } from "./retention.ts";
import {
  collect,
  copyAsAfterKill,
  filesOf,
  gate,
  numbered,
  readAll,
  removeDirectories,
  sleep,
  temporaryDirectory,
  until,
} from "./testing.ts";
import type { Collector } from "./testing.ts";

let dirs: string[] = [];
let logs: EventLog[] = [];
beforeEach(async () => {
  dirs = [await temporaryDirectory()];
  logs = [];
});
afterEach(async () => {
  for (const log of logs) await log.close();
  await removeDirectories(dirs);
});

const keepAll = { keepBytes: 1 << 20, keepMs: 3_600_000 };
/** Longer than the log waits between two rounds of deleting. */
const aRoundMs = 1300;

test("consumed segments beyond the kept bytes are deleted, oldest first; what is not consumed stays", async () => {
  const log = await opened({ retention: { keepBytes: 2500, keepMs: 3_600_000 } });
  await appendOneByOne(log, 0, 40);
  expect((await segmentNames()).length).toBe(14);
  await sleep(aRoundMs);
  expect((await segmentNames()).length).toBe(14);
  const slow = await consumedUpTo(log, "slow", 21);
  await consumedUpTo(log, "quick", 40);
  await until(() => log.health().bytes < 10_000);
  await slow.consumer.stop();
  await sleep(aRoundMs);
  const kept = (await readAll(log)).map((line) => Number(line.split(" ")[1]));
  expect(kept).toEqual(Array.from({ length: 40 - (kept[0] ?? 0) }, (_, n) => n + (kept[0] ?? 0)));
  expect(kept[0]).toBeGreaterThan(0);
  expect(kept[0]).toBeLessThanOrEqual(21 - 6);
  const rest = await collect(log, "slow");
  await until(() => rest.values().length === 19);
  expect(rest.values()[0]).toBe("21");
});

test("consumed segments are deleted when they have been consumed for longer than they are kept", async () => {
  const patient = await opened({ retention: { keepBytes: 1 << 30, keepMs: 3_600_000 } });
  await appendOneByOne(patient, 0, 10);
  const before = await segmentNames();
  await consumedUpTo(patient, "g", 10);
  await sleep(aRoundMs);
  expect(await segmentNames()).toEqual(before);
  await patient.close();
  await opened({ retention: { keepBytes: 1 << 30, keepMs: 500 } });
  await expect.poll(segmentNames).toEqual(before.slice(-1));
});

test("a stream that is kept for ever keeps everything, and nothing in it counts as lag", async () => {
  const log = await opened({ retention: "forever", unconsumedBytesMax: 1000 });
  await appendOneByOne(log, 0, 20);
  expect(log.health().lag).toBe(0n);
  await sleep(aRoundMs);
  expect((await readAll(log)).length).toBe(20);
});

test("a reader without a group is not overtaken by the deleting of what others have consumed", async () => {
  const log = await opened({ retention: { keepBytes: 0, keepMs: 0 } });
  await appendOneByOne(log, 0, 20);
  const { opened: released, open: release } = gate();
  const slow = await collect(log, null, {
    recordsMax: 1,
    async onBatch() {
      await released;
      return "done";
    },
  });
  await consumedUpTo(log, "g", 20);
  await sleep(aRoundMs);
  release();
  await until(() => slow.values().length === 20);
  expect(slow.values().map(Number)).toEqual([...Array(20).keys()]);
});

test("a reader that starts while segments are being deleted keeps the rest of them", async () => {
  const dir = dirs[0] ?? "";
  const segments = [0, 10, 20, 30].map((base) => ({
    path: join(dir, `${base}`),
    base,
    end: base + 10,
    generation: 1,
    bytes: 100,
  }));
  let consumed = 40;
  const retention = new Retention(dir, { keepBytes: 0, keepMs: 0 }, segments);
  await retention.apply(() => {
    if (segments.length === 3) consumed = 10;
    return consumed;
  });
  expect(segments.map(({ base }) => base)).toEqual([10, 20, 30]);
});

test("after an unclean stop a group starts again at the oldest kept entry, after a clean one it does not", async () => {
  const log = await opened({ retention: keepAll });
  await appendOneByOne(log, 0, 10);
  await consumedUpTo(log, "g", 10);
  const dir = await killedCopy(dirs[0] ?? "");
  await log.close();
  const clean = await opened({ retention: keepAll });
  expect(clean.health().lag).toBe(0n);
  const again = await opened({ retention: keepAll, dir });
  const repeated = await collect(again, "g");
  await until(() => repeated.values().length === 10);
  expect(repeated.values()[0]).toBe("0");
});

test("a group whose offset was saved starts again too, and a clean stop in between does not end that", async () => {
  const first = await opened({ retention: keepAll });
  await appendOneByOne(first, 0, 10);
  await consumedUpTo(first, "g", 10);
  await expect.poll(() => filesOf(dirs[0] ?? "", ".offset")).toEqual(["g.offset"]);
  const dir = await killedCopy(dirs[0] ?? "");
  const second = await opened({ retention: keepAll, dir, unconsumedBytesMax: 1000 });
  expect(second.health().lag).toBe(10n);
  // What was consumed once and is repeated now does not stand in the way of new entries.
  await second.append(numbered(10, 1));
  await consumedUpTo(second, "g", 4);
  await second.close();
  const third = await opened({ retention: keepAll, dir });
  const rest = await collect(third, "g");
  await until(() => rest.values().length === 7);
  expect(rest.values().map(Number)).toEqual([4, 5, 6, 7, 8, 9, 10]);
});

test.each([
  { after: undefined, generation: 1 },
  { after: { generation: 1, offset: 9n }, generation: 1 },
  { after: { generation: 1, offset: 10n }, generation: 2 },
  { after: { generation: 4, offset: 3n }, generation: 5 },
])(
  "a log of ten entries opened after $after.generation/$after.offset writes generation $generation",
  async ({ after, generation }) => {
    const first = await opened({ retention: keepAll });
    await first.append(numbered(0, 10));
    await first.close();
    const second = await opened({ retention: keepAll, ...(after === undefined ? {} : { after }) });
    await second.append(numbered(10, 1));
    await second.close();
    const third = await opened({ retention: keepAll });
    const { batches } = await collect(third, null);
    await until(() => batches.at(-1)?.records.at(-1)?.offset === 10n);
    expect(third.generation).toBe(generation);
    expect(batches.at(-1)?.generation).toBe(generation);
    expect(batches[0]?.generation).toBe(1);
    const sizes = batches.map(({ records }) => records.length);
    expect(sizes).toEqual(generation === 1 ? [11] : [10, 1]);
  },
);

test("an empty log opened after a known position starts at a later generation", async () => {
  const log = await opened({ retention: keepAll, after: { generation: 7, offset: 123n } });
  expect(await log.append(numbered(0, 1))).toEqual([{ partition: 0, offset: 0n }]);
  const { batches } = await collect(log, null);
  await until(() => batches.length === 1);
  expect(batches[0]?.generation).toBe(8);
});

test("a group that stands behind the end of the log means lost entries and is an error", async () => {
  const log = await opened({ retention: keepAll });
  await log.append(numbered(0, 3));
  await log.close();
  const offset = join(dirs[0] ?? "", "writer.offset");
  await writeFile(offset, "4\n");
  await expect(opened({ retention: keepAll })).rejects.toThrow("stands at offset 4");
  await rm(offset);
  expect((await readAll(await opened({ retention: keepAll }))).length).toBe(3);
});

test("a directory is open once, and a group is consumed once", async () => {
  const log = await opened({ retention: keepAll });
  await expect(opened({ retention: keepAll })).rejects.toThrow(`process ${process.pid}`);
  const { consumer } = await collect(log, "g");
  await expect(collect(log, "g")).rejects.toThrow("consumed already");
  await expect(collect(log, "../g")).rejects.toThrow("no name for a group");
  await consumer.stop();
  await collect(log, "g");
});

async function opened(
  options: Partial<FileLogOptions> & Pick<FileLogOptions, "retention">,
): Promise<EventLog> {
  const log = await openFileLog({
    dir: dirs[0] ?? "",
    segmentBytes: 1000,
    diskFloorBytes: 0,
    ...options,
  });
  logs.push(log);
  return log;
}

async function killedCopy(dir: string): Promise<string> {
  const copy = await copyAsAfterKill(dir);
  dirs.push(copy);
  return copy;
}

async function segmentNames(): Promise<string[]> {
  return filesOf(dirs[0] ?? "", ".log");
}

/** Three entries fill a segment of 1000 bytes. */
async function appendOneByOne(log: EventLog, from: number, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await log.append(numbered(from + n, 1, { bytes: 280 }));
}

/** Consumes until so many entries are done, and stops. */
async function consumedUpTo(log: EventLog, group: string, count: number): Promise<Collector> {
  let done = 0;
  const collector = await collect(log, group, {
    recordsMax: 1,
    async onBatch() {
      if (done === count) return "retry";
      done += 1;
      return "done";
    },
  });
  await until(() => done === count);
  await collector.consumer.stop();
  return collector;
}
