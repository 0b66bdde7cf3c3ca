import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";

import { readText, replaceFile, syncDirectory } from "./durable-files.ts";
import { offsetPath, readOffsets } from "./offsets.ts";
import type { GroupOffset } from "./offsets.ts";
import { UnreadableError } from "./port.ts";
import type { LogFs } from "./segment-file.ts";
import { SegmentWriter } from "./segment-writer.ts";
import { createSegment, listSegments, recoverSegment } from "./segment.ts";
import type { Segment } from "./segment.ts";

/** What the directory of a file log holds, opened for writing. */
export interface LogState {
  /** Oldest first, at least one; the last one is written to. */
  readonly segments: Segment[];
  readonly writer: SegmentWriter;
  readonly groups: Map<string, GroupOffset>;
}

export interface OpenStateOptions {
  readonly dir: string;
  readonly segmentBytes: number;
  readonly fs: LogFs;
  readonly after?: { readonly generation: number; readonly offset: bigint };
}

/** Written when the log is closed, and removed when it is opened: without it, the last stop was not clean. */
const cleanMark = "clean";

/** Recovers the directory's state, as {@link openFileLog} promises it. */
export async function openState(options: OpenStateOptions): Promise<LogState> {
  const { dir } = options;
  await removeDrafts(dir);
  const cleanEnd = await readCleanMark(dir);
  const segments = await listSegments(dir);
  if (segments.length === 0 && cleanEnd !== null) {
    throw new UnreadableError(
      `${dir} has lost its segments: restore it, or empty it to start anew.`,
    );
  }
  const writer = await openWriter(options, segments, cleanEnd);
  try {
    const groups = await openGroups(dir, segments, cleanEnd !== null);
    // Last, because a start that failed must find the mark again; durable before anything is acknowledged.
    await rm(join(dir, cleanMark), { force: true });
    await syncDirectory(dir);
    return { segments, writer, groups };
  } catch (error) {
    await writer.close();
    throw error;
  }
}

/** Says that the log was closed in order, and where it ended. */
export async function markClean(dir: string, end: number): Promise<void> {
  await replaceFile(join(dir, cleanMark), `${end}\n`);
}

async function openWriter(
  options: OpenStateOptions,
  segments: Segment[],
  cleanEnd: number | null,
): Promise<SegmentWriter> {
  const { dir, fs, segmentBytes, after } = options;
  const last = segments.at(-1);
  const { segment, file } =
    last === undefined
      ? await createSegment(fs, dir, 0, 1)
      : { segment: last, file: await recoverSegment(fs, last, cleanEnd) };
  if (last === undefined) segments.push(segment);
  const writer = new SegmentWriter({ fs, dir, segments, segmentBytes }, segment, file);
  try {
    if (after !== undefined && !exceeds(segment, after)) await writer.roll(after.generation + 1);
    return writer;
  } catch (error) {
    await writer.close();
    throw error;
  }
}

/** Whether the next position of a log that ends in this segment is greater than the given one. */
function exceeds(last: Segment, after: { generation: number; offset: bigint }): boolean {
  if (last.generation !== after.generation) return last.generation > after.generation;
  return BigInt(last.end) > after.offset;
}

async function openGroups(
  dir: string,
  segments: readonly Segment[],
  isClean: boolean,
): Promise<Map<string, GroupOffset>> {
  const groups = await readOffsets(dir);
  const first = segments[0]?.base ?? 0;
  const end = segments.at(-1)?.end ?? 0;
  for (const [group, offset] of groups) {
    if (offset.saved > end || (isClean && offset.saved < first)) {
      throw new UnreadableError(
        `The group ${group} stands at offset ${offset.saved} but ${dir} holds ${first} to ${end}: ` +
          `restore what is missing, or delete ${offsetPath(dir, group)} to accept the loss.`,
      );
    }
    if (!isClean) offset.committed = first;
  }
  return groups;
}

async function readCleanMark(dir: string): Promise<number | null> {
  const text = await readText(join(dir, cleanMark));
  return text === null ? null : Number.parseInt(text, 10);
}

/** What a crash left of files that had not got their names yet. */
async function removeDrafts(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (name.endsWith(".tmp")) await rm(join(dir, name), { force: true });
  }
}
