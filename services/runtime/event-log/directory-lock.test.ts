import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { lockDirectory } from "./directory-lock.ts";
import { removeDirectories, temporaryDirectory } from "./testing.ts";

let dir: string;
beforeEach(async () => {
  dir = await temporaryDirectory();
});
afterEach(async () => {
  await removeDirectories([dir]);
});

test("a directory that is held is refused, with the holder's pid, its note and what to do", async () => {
  const lock = await lockDirectory(dir, { note: "standalone on port 3000" });
  const refused = lockDirectory(dir);
  await expect(refused).rejects.toThrow(`process ${process.pid} (standalone on port 3000)`);
  await expect(refused).rejects.toThrow("stop that process or choose another directory");
  await lock.release();
});

test("a released directory can be taken again, and nothing is left in it", async () => {
  for (let round = 0; round < 3; round += 1) await (await lockDirectory(dir)).release();
  expect(await readdir(dir)).toEqual([]);
});

test("a holder that lives in another process is respected, and one that died is not", async () => {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  const { pid = 0 } = child;
  const startedAt = await startOf(pid);
  await leaveLock({ pid, startedAt });
  await expect(lockDirectory(dir)).rejects.toThrow(`process ${pid}`);
  child.kill("SIGKILL");
  await once(child, "exit");
  await (await lockDirectory(dir)).release();
});

test.each([
  ["was started at another time, so that its pid is used again", { startedAt: "1" }],
  ["ran before the machine was started again", { bootId: "another boot" }],
  ["left a file that a power cut emptied", null],
])("a holder that %s does not count", async (_, change) => {
  await leaveLock(change);
  const lock = await lockDirectory(dir);
  await expect(lockDirectory(dir)).rejects.toThrow("is in use");
  await lock.release();
  expect(await readdir(dir)).toEqual([]);
});

test("of many starters at once exactly one takes a free directory, and one that a dead process held", async () => {
  for (let round = 0; round < 20; round += 1) {
    if (round % 2 === 1) await leaveLock({ startedAt: "1" });
    const starters = await Promise.allSettled(Array.from({ length: 8 }, () => lockDirectory(dir)));
    const won = starters.flatMap((starter) =>
      starter.status === "fulfilled" ? [starter.value] : [],
    );
    expect(won.length).toBe(1);
    await won[0]?.release();
  }
});

/** Leaves a lock as this process would, with some of it changed; null leaves an empty file. */
async function leaveLock(change: object | null): Promise<void> {
  const lock = await lockDirectory(dir);
  const [name = ""] = await readdir(dir);
  const text = await readFile(join(dir, name), "utf8");
  await lock.release();
  const changed = change === null ? "" : JSON.stringify({ ...JSON.parse(text), ...change });
  await writeFile(join(dir, name), changed);
}

async function startOf(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
}
