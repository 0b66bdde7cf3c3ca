import { open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";

import { syncDirectory } from "./durable-files.ts";
import { FrameCursor } from "./frame-cursor.ts";
import { UnreadableError } from "./port.ts";
import { readFully, writeFully } from "./segment-file.ts";
import type { LogFs, SegmentFile } from "./segment-file.ts";

/**
 * A segment file is a header and frames: `magic 8 bytes | format u32 | generation u32 | base u64 | crc32 u32`,
 * little-endian, the checksum over what stands before it. Its name is its base offset.
 */
export const segmentHeaderBytes = 28;
const checkedHeaderBytes = 24;
const magic = Buffer.from("SLUICLOG");
const formatVersion = 1;
const namePattern = /^\d{16}\.log$/;

export interface Segment {
  readonly path: string;
  /** Offset of its first entry. */
  readonly base: number;
  readonly generation: number;
  /** Offset after its last entry: the base of the next segment, where there is one. */
  end: number;
  /** Bytes in which its frames lie. What comes behind the frame that reaches `end` was never acknowledged. */
  bytes: number;
}

/**
 * Makes an empty segment durable under its name and opens it for writing. It takes the place of an empty
 * segment of the same base. When it rejects, the directory holds nothing that recovery would take amiss.
 */
export async function createSegment(
  fs: LogFs,
  dir: string,
  base: number,
  generation: number,
): Promise<{ segment: Segment; file: SegmentFile }> {
  const path = join(dir, `${base.toString().padStart(16, "0")}.log`);
  const draft = `${path}.tmp`;
  const file = await fs.open(draft, "w+");
  try {
    await writeFully(file, encodeHeader(base, generation), 0);
    await file.sync();
    await rename(draft, path);
    await syncDirectory(dir);
  } catch (error) {
    await file.close().catch(() => {});
    await rm(draft, { force: true }).catch(() => {});
    throw error;
  }
  return { segment: { path, base, generation, end: base, bytes: segmentHeaderBytes }, file };
}

/**
 * The segments of a directory, oldest first, headers checked. The next segment's base says where one ends:
 * a write that failed may have left frames behind that, and they are not part of the log.
 */
export async function listSegments(dir: string): Promise<Segment[]> {
  const names = (await readdir(dir)).filter((name) => namePattern.test(name)).toSorted();
  const segments: Segment[] = [];
  for (const name of names) {
    const segment = await readSegment(join(dir, name), Number.parseInt(name, 10));
    const before = segments.at(-1);
    if (before !== undefined) before.end = segment.base;
    segments.push(segment);
  }
  return segments;
}

/**
 * Opens the last segment for writing and gives it its true `end` and `bytes`. After a clean stop these are
 * known: `cleanEnd`. After a crash (null) it is the longest intact prefix; what is torn behind it is cut off.
 * The prefix is made durable before anybody may rely on it, because a process that was killed between write
 * and sync leaves frames that only memory holds.
 */
export async function recoverSegment(
  fs: LogFs,
  segment: Segment,
  cleanEnd: number | null,
): Promise<SegmentFile> {
  const file = await fs.open(segment.path, "r+");
  try {
    const { size } = await file.stat();
    const cursor = new FrameCursor(file, segmentHeaderBytes, segment.base);
    while (cursor.offset !== cleanEnd && (await cursor.next(size)) !== null);
    const isWhole =
      cleanEnd === null ? !(await cursor.isBreakInside(size)) : cursor.offset === cleanEnd;
    if (!isWhole) throw brokenInside(segment, cursor);
    if (cursor.at < size) await file.truncate(cursor.at);
    await file.datasync();
    segment.bytes = cursor.at;
    segment.end = cursor.offset;
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

function encodeHeader(base: number, generation: number): Buffer {
  const header = Buffer.alloc(segmentHeaderBytes);
  magic.copy(header);
  header.writeUInt32LE(formatVersion, 8);
  header.writeUInt32LE(generation, 12);
  header.writeBigUInt64LE(BigInt(base), 16);
  header.writeUInt32LE(crc32(header.subarray(0, checkedHeaderBytes)), checkedHeaderBytes);
  return header;
}

async function readSegment(path: string, base: number): Promise<Segment> {
  const file = await open(path, "r");
  try {
    const header = await readFully(file, 0, segmentHeaderBytes);
    if (
      header.length < segmentHeaderBytes ||
      !header.subarray(0, magic.length).equals(magic) ||
      header.readUInt32LE(checkedHeaderBytes) !== crc32(header.subarray(0, checkedHeaderBytes)) ||
      Number(header.readBigUInt64LE(16)) !== base
    ) {
      throw new UnreadableError(`${path} has a broken header: restore this file from a backup.`);
    }
    const format = header.readUInt32LE(8);
    if (format !== formatVersion) {
      throw new Error(
        `${path} has format ${format}, this version reads ${formatVersion}: start the version that wrote it.`,
      );
    }
    const { size } = await file.stat();
    return { path, base, generation: header.readUInt32LE(12), end: base, bytes: size };
  } finally {
    await file.close();
  }
}

function brokenInside({ path }: Segment, { at, offset }: FrameCursor): UnreadableError {
  return new UnreadableError(
    `${path} is broken at byte ${at} (offset ${offset}), before the end of what was acknowledged. Restore it from a backup, ` +
      `or give up offset ${offset} and all behind it: run "truncate -s ${at} ${path}" and delete the file "clean" beside it.`,
  );
}
