import { randomUUID } from "node:crypto";
import { link, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { hasCode, readText } from "./durable-files.ts";

export interface DirectoryLock {
  release(): Promise<void>;
}

/** Who holds a lock, so that others can tell whether that process still lives. */
interface Holder {
  readonly pid: number;
  /** Changes at every start of the machine; null where the system does not tell. */
  readonly bootId: string | null;
  /** Start of the process in ticks since boot, because pids are used again; null where the system does not tell. */
  readonly startedAt: string | null;
  readonly note: string;
}

interface LockFile {
  readonly path: string;
  readonly number: number;
  /** Null when it cannot be read: written by a machine that lost power. */
  readonly holder: Holder | null;
}

/**
 * Takes a directory for this process alone, until released or until the process is dead. Rejects when a living
 * process holds it. Only processes that see each other's pids are told apart: not two containers on one volume.
 *
 * A lock is a file `lock.<n>`. A dead holder's file is not replaced but followed by `lock.<n+1>`, which only one
 * of several starters can make: there is no moment at which one breaks the lock that another has just taken.
 */
export async function lockDirectory(
  dir: string,
  owner: { readonly note?: string } = {},
): Promise<DirectoryLock> {
  await mkdir(dir, { recursive: true });
  const draft = join(dir, `lock-${process.pid}-${randomUUID()}.draft`);
  const self: Holder = { ...(await describeProcess(process.pid)), note: owner.note ?? "" };
  await writeFile(draft, JSON.stringify(self));
  try {
    for (;;) {
      const path = await tryToLock(dir, draft);
      if (path !== null) return { release: () => rm(path, { force: true }) };
    }
  } finally {
    await rm(draft, { force: true });
  }
}

/** The path of the lock; null when another starter was quicker. */
async function tryToLock(dir: string, draft: string): Promise<string | null> {
  const before = await listLocks(dir);
  await refuseWhenHeld(dir, before);
  const number = Math.max(0, ...before.map((lock) => lock.number)) + 1;
  const path = join(dir, `lock.${number}`);
  try {
    // Linking a finished file: nobody ever reads a lock that is half written.
    await link(draft, path);
  } catch (error) {
    if (hasCode(error, "EEXIST")) return null;
    throw error;
  }
  const others = (await listLocks(dir)).filter((lock) => lock.number !== number);
  try {
    // A starter that slept since it listed the directory may come late and under another number.
    await refuseWhenHeld(dir, others);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  for (const stale of others) await rm(stale.path, { force: true });
  return path;
}

async function listLocks(dir: string): Promise<LockFile[]> {
  const locks: LockFile[] = [];
  for (const name of await readdir(dir)) {
    const number = /^lock\.(\d+)$/.exec(name)?.[1];
    if (number === undefined) continue;
    const path = join(dir, name);
    const text = await readText(path);
    if (text !== null) locks.push({ path, number: Number(number), holder: parseHolder(text) });
  }
  return locks;
}

async function refuseWhenHeld(dir: string, locks: readonly LockFile[]): Promise<void> {
  for (const { path, holder } of locks) {
    if (holder === null || !(await isAlive(holder))) continue;
    const note = holder.note === "" ? "" : ` (${holder.note})`;
    throw new Error(
      `${dir} is in use by process ${holder.pid}${note}: stop that process or choose another directory. ` +
        `If it has nothing to do with this directory, delete ${path}.`,
    );
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  const now = await describeProcess(holder.pid);
  if (holder.bootId !== now.bootId) return false;
  if (holder.startedAt !== null) return holder.startedAt === now.startedAt;
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, "EPERM");
  }
}

async function describeProcess(pid: number): Promise<Omit<Holder, "note">> {
  const bootId = await readProc("/proc/sys/kernel/random/boot_id");
  const stat = await readProc(`/proc/${pid}/stat`);
  // The second field is the program's name in brackets and may hold anything; fields are counted after it.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  const [state] = fields;
  const isDead = state === "Z" || state === "X";
  return { pid, bootId: bootId?.trim() ?? null, startedAt: isDead ? null : (fields[19] ?? null) };
}

/** A file of Linux's /proc; null when the process is gone or the system has no /proc. */
async function readProc(path: string): Promise<string | null> {
  return await readFile(path, "utf8").catch(() => null);
}

function parseHolder(text: string): Holder | null {
  try {
    const holder: Partial<Holder> = JSON.parse(text);
    if (typeof holder.pid !== "number") return null;
    const { pid, bootId = null, startedAt = null, note = "" } = holder;
    return { pid, bootId, startedAt, note };
  } catch {
    return null;
  }
}
