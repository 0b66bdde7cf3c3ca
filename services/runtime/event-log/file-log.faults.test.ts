import { open, stat } from "node:fs/promises";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { openFileLog } from "./file-log.ts";
import type { FileLogOptions } from "./file-log.ts";
import type { EventLog } from "./port.ts";
import type { LogFs, SegmentFile } from "./segment-file.ts";
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

let dirs: string[] = [];
let logs: EventLog[] = [];
let disk: FaultyDisk;
beforeEach(async () => {
  dirs = [await temporaryDirectory()];
  logs = [];
  disk = faultyDisk();
});
afterEach(async () => {
  disk.failing.clear();
  for (const log of logs) await log.close();
  await removeDirectories(dirs);
});

test("an entry is neither acknowledged nor delivered before its bytes are synced", async () => {
  const log = await opened();
  const { opened: released, open: release } = gate();
  disk.beforeSync = () => released;
  const { values } = await collect(log, null);
  let acknowledged = false;
  const append = log.append(numbered(0, 1)).then(() => (acknowledged = true));
  await until(() => disk.syncs > 0);
  await sleep(30);
  expect([acknowledged, values()]).toEqual([false, []]);
  release();
  await append;
  await until(() => values().length === 1);
});

test("a failed write is cut off at once", async () => {
  const log = await opened();
  await log.append(numbered(0, 3));
  const before = await sizeOfSegments();
  disk.failing.add("write");
  await expect(log.append(numbered(100, 3))).rejects.toMatchObject(refused);
  expect(await sizeOfSegments()).toBe(before);
  expect(log.health().bytes).toBe(before);
});

const refused = { name: "AppendError", kind: "retryable" };
const faults: readonly (readonly Fault[])[] = [
  ["write"],
  ["write", "truncate"],
  ["sync"],
  ["sync", "truncate"],
];

test.each(faults)(
  "after a failed %s %s %s nothing acknowledged is lost, nothing refused comes back, appends go on",
  async (...failing) => {
    const log = await opened();
    await log.append(numbered(0, 3));
    for (const fault of failing) disk.failing.add(fault);
    await expect(log.append(numbered(100, 3, { bytes: 500 }))).rejects.toMatchObject(refused);
    disk.failing.clear();
    const whileBroken = await opened(await copyAsAfterKill(dirs[0] ?? ""));
    expect((await readAll(whileBroken)).slice(0, 3)).toEqual(["0/0 0", "0/1 1", "0/2 2"]);
    await log.append(numbered(3, 2));
    const all = ["0/0 0", "0/1 1", "0/2 2", "0/3 3", "0/4 4"];
    expect(await readAll(log)).toEqual(all);
    expect(await readAll(await opened(await copyAsAfterKill(dirs[0] ?? "")))).toEqual(all);
    expect(disk.observed).toEqual(new Set(failing));
  },
);

test.each(["write", "sync"] as const)(
  "when %s fails, and cutting and rolling too, what is acknowledged before and after is kept in order",
  async (fault) => {
    const log = await opened();
    await log.append(numbered(0, 3));
    for (const failing of [fault, "truncate", "create"] as const) disk.failing.add(failing);
    await expect(log.append(numbered(100, 2))).rejects.toMatchObject(refused);
    await expect(log.append(numbered(200, 2))).rejects.toMatchObject(refused);
    expect(disk.observed.size).toBe(3);
    disk.failing.clear();
    // Killed now, refused entries may be in the log: they were written, and nothing came after them.
    const killed = await readAll(await opened(await copyAsAfterKill(dirs[0] ?? "")));
    expect(killed.slice(0, 3)).toEqual(["0/0 0", "0/1 1", "0/2 2"]);
    await log.append(numbered(3, 1));
    const all = ["0/0 0", "0/1 1", "0/2 2", "0/3 3"];
    expect(await readAll(log)).toEqual(all);
    expect(await readAll(await opened(await copyAsAfterKill(dirs[0] ?? "")))).toEqual(all);
  },
);

test("a file whose sync failed is never synced again", async () => {
  const log = await opened();
  await log.append(numbered(0, 1));
  disk.failing.add("sync");
  await expect(log.append(numbered(100, 1))).rejects.toMatchObject(refused);
  disk.failing.clear();
  await log.append(numbered(1, 1));
  expect(disk.syncedAfterFailure).toBe(0);
  expect((await filesOf(dirs[0] ?? "", ".log")).length).toBe(2);
});

test("callers that share a failed group are all refused, and those behind them are not", async () => {
  const log = await opened();
  disk.failing.add("sync");
  const together = Array.from({ length: 5 }, async (_, n) => log.append(numbered(n, 1)));
  const outcomes = await Promise.allSettled(together);
  disk.failing.clear();
  await log.append(numbered(10, 1));
  expect(outcomes.map(({ status }) => status)).toEqual(Array(5).fill("rejected"));
  expect(await readAll(log)).toEqual(["0/0 10"]);
});

test("a segment that cannot be made leaves nothing behind, and the log goes on when it can", async () => {
  const log = await opened(dirs[0], { segmentBytes: 200 });
  await log.append(numbered(0, 2, { bytes: 80 }));
  disk.failing.add("create");
  await expect(log.append(numbered(100, 2, { bytes: 80 }))).rejects.toMatchObject(refused);
  expect(await filesOf(dirs[0] ?? "", ".tmp")).toEqual([]);
  disk.failing.clear();
  await log.append(numbered(2, 2, { bytes: 80 }));
  expect(await readAll(log)).toEqual(["0/0 0", "0/1 1", "0/2 2", "0/3 3"]);
});

test("after a failed write the log says that it is not writable, and takes it back by itself", async () => {
  const log = await opened();
  disk.failing.add("write");
  await expect(log.append(numbered(0, 1))).rejects.toMatchObject(refused);
  expect(log.health()).toMatchObject({ writable: false });
  expect(log.health().reason).toContain("no space");
  await until(() => log.health().writable);
});

test("below the disk floor appends are refused with the reason, until there is room", async () => {
  const log = await opened(dirs[0], { diskFloorBytes: 1000 });
  await log.append(numbered(0, 1));
  disk.freeBytes = 999;
  await until(() => !log.health().writable);
  const append = log.append(numbered(1, 1));
  await expect(append).rejects.toMatchObject(refused);
  await expect(append).rejects.toThrow("999 bytes free, less than 1000");
  disk.freeBytes = 1000;
  await until(() => log.health().writable);
  await log.append(numbered(1, 1));
  expect(await readAll(log)).toEqual(["0/0 0", "0/1 1"]);
});

test("beyond the cap of what is not consumed appends are refused, until it is consumed", async () => {
  const log = await opened(dirs[0], { unconsumedBytesMax: 10_000, segmentBytes: 3000 });
  let taken = 0;
  const refusal = await (async () => {
    for (;;) {
      const [entry] = numbered(taken, 1, { bytes: 500 });
      if (entry === undefined) throw new Error("no entry");
      try {
        await log.append([entry]);
      } catch (error) {
        return error;
      }
      taken += 1;
    }
  })();
  expect(refusal).toMatchObject(refused);
  expect(String(refusal)).toContain("not consumed yet, more than 10000");
  expect(taken).toBeGreaterThan(10);
  const { values } = await collect(log, "g");
  await until(() => values().length === taken && log.health().writable);
  await log.append(numbered(taken, 1));
  await until(() => values().length === taken + 1);
  expect(values().map(Number)).toEqual([...Array(taken + 1).keys()]);
});

test("a log that cannot be opened is not left locked", async () => {
  disk.failing.add("create");
  await expect(opened()).rejects.toThrow("no space");
  disk.failing.clear();
  await (await opened()).append(numbered(0, 1));
});

async function opened(dir = dirs[0] ?? "", extra: Partial<FileLogOptions> = {}): Promise<EventLog> {
  if (!dirs.includes(dir)) dirs.push(dir);
  const log = await openFileLog({
    dir,
    retention: { keepBytes: 1 << 20, keepMs: 60_000 },
    diskFloorBytes: 0,
    fs: disk.fs,
    ...extra,
  });
  logs.push(log);
  return log;
}

async function sizeOfSegments(): Promise<number> {
  const dir = dirs[0] ?? "";
  const sizes = (await filesOf(dir, ".log")).map(
    async (name) => (await stat(join(dir, name))).size,
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

type Fault = "write" | "truncate" | "sync" | "create";

interface FaultyDisk {
  readonly fs: LogFs;
  /** What fails from now on. */
  readonly failing: Set<Fault>;
  /** What has failed so far. */
  readonly observed: Set<Fault>;
  freeBytes: number;
  beforeSync: () => Promise<void>;
  syncs: number;
  syncedAfterFailure: number;
}

/** The real file system, except that it does what a full or broken disk does: half a write, then an error. */
function faultyDisk(): FaultyDisk {
  const faulty: FaultyDisk = {
    failing: new Set(),
    observed: new Set(),
    freeBytes: 1e12,
    beforeSync: async () => {},
    syncs: 0,
    syncedAfterFailure: 0,
    fs: {
      freeBytes: async () => faulty.freeBytes,
      async open(path, flags) {
        if (path.endsWith(".tmp")) failIf("create", "ENOSPC: no space left");
        return withFaults(await open(path, flags));
      },
    },
  };
  function failIf(fault: Fault, message: string): void {
    if (!faulty.failing.has(fault)) return;
    faulty.observed.add(fault);
    throw new Error(message);
  }
  function withFaults(file: SegmentFile): SegmentFile {
    let syncFailed = false;
    return {
      async write(from, start, bytes, at) {
        if (bytes === 1) failIf("write", "ENOSPC: no space left");
        const some = faulty.failing.has("write") ? Math.ceil(bytes / 2) : bytes;
        return file.write(from, start, some, at);
      },
      async truncate(size) {
        failIf("truncate", "EIO: cannot truncate");
        await file.truncate(size);
      },
      async datasync() {
        faulty.syncs += 1;
        if (syncFailed) faulty.syncedAfterFailure += 1;
        await faulty.beforeSync();
        syncFailed ||= faulty.failing.has("sync");
        failIf("sync", "EIO: cannot sync");
        await file.datasync();
      },
      read: (into, start, bytes, at) => file.read(into, start, bytes, at),
      sync: () => file.sync(),
      stat: () => file.stat(),
      close: () => file.close(),
    };
  }
  return faulty;
}
