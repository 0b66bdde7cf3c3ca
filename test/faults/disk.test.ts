import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

import { startLoad } from "./clients.ts";
import type { Failure } from "./clients.ts";
import { eventLogDir } from "./log-files.ts";
import { createRig } from "./rig.ts";
import { inject } from "./strace.ts";
import { untilTrue } from "./wait.ts";

const MiB = 1 << 20;

test("E3: a full disk is answered with 503 and Retry-After, and the log goes on once there is room", async () => {
  const { place, book, ...rig } = await createRig({ SLUICE_DISK_FLOOR_BYTES: "0" });
  const disk = mountSmallDisk(eventLogDir(place.dataDir), 6 * MiB);
  await rig.start();
  const failures: Failure[] = [];
  const load = startLoad(place.url, book, {
    run: "E3",
    clients: 4,
    batchMax: 100,
    onFailure: (failure) => failures.push(failure),
  });
  const startedAt = performance.now();
  await untilTrue(() => failures.length >= 20);
  const detectMs = book.failedAfter(startedAt);
  const healedAt = performance.now();
  disk.resize(256 * MiB);
  await untilTrue(() => book.ackedAfter(healedAt) !== null && book.acked >= 1000);
  await load.stop();

  expectRetryLater(failures);
  const recoverMs = book.ackedAfter(healedAt);
  const { problems } = await rig.close({
    name: "E3 ENOSPC",
    faults: failures.length,
    floor: { acked: 1000, faults: 20 },
    detectMs,
    recoverMs,
    healedAt,
  });
  expect(problems).toEqual([]);
});

test("E3: below the floor of free space nothing is taken, and above it everything is again", async () => {
  const { place, book, ...rig } = await createRig({ SLUICE_DISK_FLOOR_BYTES: "32MiB" });
  mountSmallDisk(eventLogDir(place.dataDir), 128 * MiB);
  await rig.start();
  const failures: Failure[] = [];
  const load = startLoad(place.url, book, {
    run: "E3.floor",
    clients: 2,
    onFailure: (failure) => failures.push(failure),
  });
  await untilTrue(() => book.acked >= 100);
  const ballast = join(eventLogDir(place.dataDir), "ballast");
  const filledAt = performance.now();
  writeFileSync(ballast, Buffer.alloc(110 * MiB));
  await untilTrue(() => failures.length >= 10);
  const detectMs = book.failedAfter(filledAt);
  rmSync(ballast);
  const healedAt = performance.now();
  await untilTrue(() => book.ackedAfter(healedAt) !== null);
  await load.stop();

  expectRetryLater(failures);
  const { problems } = await rig.close({
    name: "E3 below the floor",
    faults: failures.length,
    floor: { acked: 100, faults: 10 },
    detectMs,
    recoverMs: book.ackedAfter(healedAt),
    healedAt,
  });
  expect(problems).toEqual([]);
});

test("E4: writes whose fsync fails are refused, and nothing acknowledged depends on them", async () => {
  const { place, book, ...rig } = await createRig();
  const server = await rig.start();
  const failures: Failure[] = [];
  const load = startLoad(place.url, book, {
    run: "E4",
    clients: 3,
    attemptsMax: 60,
    onFailure: (failure) => failures.push(failure),
  });
  await untilTrue(() => book.acked >= 100);
  const brokenAt = performance.now();
  const injection = await inject(server.pid, "fdatasync", "error=EIO:when=1..2");
  await untilTrue(() => failures.length >= 3 && injection.hits() >= 3);
  const hits = await injection.end();
  const healedAt = performance.now();
  await untilTrue(() => book.ackedAfter(healedAt) !== null);
  expectRetryLater(failures);
  // The cut of what failed must hold for whoever opens the log next, too.
  await server.kill();
  await rig.start();
  const reopenedAt = performance.now();
  await untilTrue(() => book.ackedAfter(reopenedAt) !== null);
  await load.stop();
  const { problems } = await rig.close({
    name: "E4 fsync EIO, kill -9",
    faults: hits,
    floor: { acked: 100, faults: 3 },
    detectMs: book.failedAfter(brokenAt),
    recoverMs: book.ackedAfter(healedAt),
    healedAt,
  });
  console.log(`E4 EIO: ${hits} fsyncs failed, ${failures.length} requests refused`);
  expect(problems).toEqual([]);
});

const slowMs = 200;

test("E4: a slow fsync makes the answers slow and nothing else, also when the process is killed meanwhile", async () => {
  const { place, book, ...rig } = await createRig();
  const server = await rig.start();
  const injection = await inject(server.pid, "fdatasync", `delay_enter=${slowMs * 1000}`);
  const load = startLoad(place.url, book, { run: "E4.slow", clients: 8, attemptsMax: 60 });
  await untilTrue(() => book.acked >= 200);
  await server.kill();
  const hits = await injection.end();
  const killedAt = performance.now();
  await rig.start();
  await untilTrue(() => book.ackedAfter(killedAt) !== null);
  await load.stop();
  const p99 = book.ackMsP99() ?? Infinity;
  const { problems } = await rig.close({
    name: `E4 fsync +${slowMs} ms, kill -9`,
    faults: hits,
    floor: { acked: 200, faults: 5 },
    recoverMs: book.ackedAfter(killedAt),
    healedAt: killedAt,
  });
  expect(p99).toBeGreaterThan(slowMs);
  expect(problems).toEqual([]);
});

/** Every refusal is one that the SDKs repeat: 503, JSON, with the wait named (reliability §4.2). */
function expectRetryLater(failures: readonly Failure[]): void {
  for (const { status, headers, text } of failures) {
    expect({ status, retryAfter: headers?.get("retry-after") }).toEqual({
      status: 503,
      retryAfter: "1",
    });
    expect(JSON.parse(text)).toMatchObject({ error: "ServiceUnavailableError" });
  }
}

/** A directory with a disk of its own in memory, gone when the running test ends. */
function mountSmallDisk(dir: string, bytes: number): { resize(bytes: number): void } {
  mkdirSync(dir, { recursive: true });
  asRoot("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "sluice-faults", dir]);
  onTestFinished(() => asRoot("umount", ["-l", dir]));
  return { resize: (size) => asRoot("mount", ["-o", `remount,size=${size}`, dir]) };
}

function asRoot(command: string, args: readonly string[]): void {
  try {
    execFileSync(command, args, { stdio: "pipe" });
  } catch (error) {
    throw new Error("The cases of a full disk mount a tmpfs: run them as root, as CI does.", {
      cause: error,
    });
  }
}
