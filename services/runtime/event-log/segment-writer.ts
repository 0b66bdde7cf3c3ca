import { writeFully } from "./segment-file.ts";
import type { LogFs, SegmentFile } from "./segment-file.ts";
import { createSegment } from "./segment.ts";
import type { Segment } from "./segment.ts";

export interface SegmentWriterOptions {
  readonly fs: LogFs;
  readonly dir: string;
  /** Oldest first, the last one is written to. The writer adds to this list. */
  readonly segments: Segment[];
  /** A segment that would grow beyond this is closed, unless it is empty. */
  readonly segmentBytes: number;
}

/** Appends frames to the last segment, one at a time, and keeps the acknowledged prefix whole when the disk fails. */
export class SegmentWriter {
  readonly #options: SegmentWriterOptions;
  #file: SegmentFile;
  #active: Segment;
  #mustRoll = false;

  /** Writes to the last segment, whose handle is now the writer's to close. */
  constructor(options: SegmentWriterOptions, active: Segment, file: SegmentFile) {
    this.#options = options;
    this.#active = active;
    this.#file = file;
  }

  /** The segment that is written to. */
  get active(): Segment {
    return this.#active;
  }

  /**
   * Appends a frame that starts at the active segment's `end`. It is durable when this resolves; when it
   * rejects, the log is as it was before, and the next call may succeed.
   */
  async append(frame: Buffer, count: number): Promise<void> {
    const { bytes, base, end } = this.#active;
    const full = end > base && bytes + frame.length > this.#options.segmentBytes;
    if (this.#mustRoll || full) await this.roll(this.#active.generation);
    await this.#write(frame);
    await this.#sync();
    this.#active.bytes += frame.length;
    this.#active.end += count;
  }

  /** Goes on in a new segment. When it rejects, the old one is still in use. */
  async roll(generation: number): Promise<void> {
    const { fs, dir, segments } = this.#options;
    const old = this.#active;
    const { segment, file } = await createSegment(fs, dir, old.end, generation);
    if (old.end === old.base) segments.pop();
    segments.push(segment);
    const oldFile = this.#file;
    this.#active = segment;
    this.#file = file;
    this.#mustRoll = false;
    await oldFile.close().catch(() => {});
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #write(frame: Buffer): Promise<void> {
    try {
      await writeFully(this.#file, frame, this.#active.bytes);
    } catch (error) {
      // A torn frame in the middle of the file would end the log there for the next reader.
      await this.#file.truncate(this.#active.bytes).catch(() => {
        this.#mustRoll = true;
      });
      throw error;
    }
  }

  async #sync(): Promise<void> {
    try {
      await this.#file.datasync();
    } catch (error) {
      // After a failed sync the kernel may call pages clean that the disk never got, so a second sync
      // proves nothing. The base of the next segment then says where this one ends, cut or not.
      this.#mustRoll = true;
      await this.#file.truncate(this.#active.bytes).catch(() => {});
      await this.roll(this.#active.generation).catch(() => {});
      throw error;
    }
  }
}
