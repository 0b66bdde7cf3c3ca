import { readdir } from "node:fs/promises";
import { join } from "node:path";

import { readText, replaceFile } from "./durable-files.ts";

/** How far a consumer group has come. */
export interface GroupOffset {
  /** Everything before this offset is done, for the consumer in this process. */
  committed: number;
  /**
   * What the group's file says, -1 without one. Less than `committed` until it is saved; more after an unclean
   * stop, while what was already done is repeated.
   */
  saved: number;
}

const suffix = ".offset";

/** The groups whose offset files are in a directory. */
export async function readOffsets(dir: string): Promise<Map<string, GroupOffset>> {
  const groups = new Map<string, GroupOffset>();
  for (const name of await readdir(dir)) {
    if (!name.endsWith(suffix)) continue;
    const text = (await readText(join(dir, name))) ?? "";
    if (!/^\d+\n$/.test(text)) {
      throw new Error(
        `${join(dir, name)} holds no offset: delete it to deliver all kept entries again.`,
      );
    }
    const saved = Number.parseInt(text, 10);
    groups.set(name.slice(0, -suffix.length), { committed: saved, saved });
  }
  return groups;
}

/** Makes a group's offset durable. */
export async function saveOffset(dir: string, group: string, offset: number): Promise<void> {
  await replaceFile(offsetPath(dir, group), `${offset}\n`);
}

export function offsetPath(dir: string, group: string): string {
  return join(dir, `${group}${suffix}`);
}
