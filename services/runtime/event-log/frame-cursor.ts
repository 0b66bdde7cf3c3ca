import { claimedFrameSize, decodeFrame, frameHeaderBytes } from "./frame.ts";
import type { Frame } from "./frame.ts";
import { readFully } from "./segment-file.ts";
import type { SegmentFile } from "./segment-file.ts";

/**
 * Bytes of one read. A record in use holds the chunk that it was read in, so this also says how much
 * memory a kept record can pin (or its whole commit group, where that is larger).
 */
const chunkBytes = 1 << 20;

/** Reads the frames of a segment file one after another, in large chunks. */
export class FrameCursor {
  readonly #file: SegmentFile;
  #at: number;
  #offset: number;
  #chunk: Buffer | null = null;
  #chunkAt = 0;

  /** Starts at the frame at byte `at`, whose base offset must be `offset`. */
  constructor(file: SegmentFile, at: number, offset: number) {
    this.#file = file;
    this.#at = at;
    this.#offset = offset;
  }

  /** Byte at which the next frame starts. */
  get at(): number {
    return this.#at;
  }

  /** Offset that the next frame must start with. */
  get offset(): number {
    return this.#offset;
  }

  /**
   * The next frame, if it lies intact within the first `limit` bytes of the file; null if it does not,
   * and the cursor stays. A rejection leaves the cursor where it is, too.
   */
  async next(limit: number): Promise<Frame | null> {
    const frame = await this.#frameAtCursor(limit);
    if (frame === null || frame.base !== this.#offset || frame.count === 0) return null;
    this.#at += frame.bytes;
    this.#offset += frame.count;
    if (this.#chunk !== null && this.#at >= this.#chunkAt + this.#chunk.length) this.#chunk = null;
    return frame;
  }

  /**
   * Whether an intact, later frame follows the broken one at the cursor. Only one commit group is ever
   * under way, so what a crash tears is the last frame: behind a torn one there is nothing.
   */
  async isBreakInside(limit: number): Promise<boolean> {
    const head = await this.#load(frameHeaderBytes, limit);
    if (head === null) return false;
    const at = this.#at + claimedFrameSize(head, this.#at - this.#chunkAt);
    const behind = await new FrameCursor(this.#file, at, this.#offset).#frameAtCursor(limit);
    return behind !== null && behind.base > this.#offset;
  }

  async #frameAtCursor(limit: number): Promise<Frame | null> {
    const head = await this.#load(frameHeaderBytes, limit);
    if (head === null) return null;
    const whole = await this.#load(claimedFrameSize(head, this.#at - this.#chunkAt), limit);
    return whole === null ? null : decodeFrame(whole, this.#at - this.#chunkAt);
  }

  /** The chunk with at least `bytes` from the cursor on; null when the file has fewer up to `limit`. */
  async #load(bytes: number, limit: number): Promise<Buffer | null> {
    if (this.#at + bytes > limit) return null;
    if (this.#chunk !== null && this.#at + bytes <= this.#chunkAt + this.#chunk.length) {
      return this.#chunk;
    }
    const wanted = Math.max(bytes, Math.min(chunkBytes, limit - this.#at));
    const chunk = await readFully(this.#file, this.#at, wanted);
    if (chunk.length < bytes) return null;
    this.#chunk = chunk;
    this.#chunkAt = this.#at;
    return chunk;
  }
}
