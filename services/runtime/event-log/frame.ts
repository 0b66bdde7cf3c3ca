import { crc32 } from "node:zlib";

/**
 * A frame is one commit group on disk, there as a whole or not at all:
 *
 *     length u32 | crc32 u32 | base offset u64 | count u32 | (length u32 | bytes)*
 *
 * Little-endian. The length counts, and the checksum covers, everything behind the checksum.
 */
export const frameHeaderBytes = 20;
const uncheckedBytes = 8;
const valueHeaderBytes = 4;

export interface Frame {
  /** Offset of its first entry. */
  readonly base: number;
  readonly count: number;
  /** Size of the whole frame. */
  readonly bytes: number;
  /** Its entries, `length u32 | bytes` each: a view into the buffer that was read. */
  readonly values: Buffer;
}

/** Size of a frame with so many entries of so many bytes in all. */
export function frameSize(count: number, valueBytes: number): number {
  return frameHeaderBytes + count * valueHeaderBytes + valueBytes;
}

/** Writes one frame of all values at the start of `into`, which must be large enough, and returns it. */
export function encodeFrame(
  into: Buffer,
  base: number,
  lists: Iterable<readonly { readonly value: Buffer }[]>,
): Buffer {
  let at = frameHeaderBytes;
  let count = 0;
  for (const list of lists) {
    for (const { value } of list) {
      into.writeUInt32LE(value.length, at);
      into.set(value, at + valueHeaderBytes);
      at += valueHeaderBytes + value.length;
    }
    count += list.length;
  }
  into.writeBigUInt64LE(BigInt(base), 8);
  into.writeUInt32LE(count, 16);
  into.writeUInt32LE(at - uncheckedBytes, 0);
  into.writeUInt32LE(crc32(into.subarray(uncheckedBytes, at)), 4);
  return into.subarray(0, at);
}

/** The size that the frame at this place claims to have; at least four bytes must be there. */
export function claimedFrameSize(buffer: Buffer, at: number): number {
  return uncheckedBytes + buffer.readUInt32LE(at);
}

/** The frame at this place, which must be there to its claimed size; null when it is not intact. */
export function decodeFrame(buffer: Buffer, at: number): Frame | null {
  const bytes = claimedFrameSize(buffer, at);
  if (bytes < frameHeaderBytes) return null;
  const checked = buffer.subarray(at + uncheckedBytes, at + bytes);
  if (crc32(checked) !== buffer.readUInt32LE(at + 4)) return null;
  return {
    base: Number(buffer.readBigUInt64LE(at + 8)),
    count: buffer.readUInt32LE(at + 16),
    bytes,
    values: buffer.subarray(at + frameHeaderBytes, at + bytes),
  };
}

/** The entry at this place of a frame's values: a view. */
export function valueAt(values: Buffer, at: number): Buffer {
  const start = at + valueHeaderBytes;
  return values.subarray(start, start + values.readUInt32LE(at));
}

/** Where the entry behind `value` starts, which itself was read at `at`. */
export function nextValueAt(at: number, value: Buffer): number {
  return at + valueHeaderBytes + value.length;
}
