import { open } from "node:fs/promises";

import type { PartitionReader, PartitionSlice } from "./consumer.ts";
import { isMissing } from "./durable-files.ts";
import { FrameCursor } from "./frame-cursor.ts";
import { nextValueAt, valueAt } from "./frame.ts";
import type { Origins } from "./origins.ts";
import { UnreadableError } from "./port.ts";
import type { LogRecord } from "./port.ts";
import type { SegmentFile } from "./segment-file.ts";
import { segmentHeaderBytes } from "./segment.ts";
import type { Segment } from "./segment.ts";

export interface FileReaderOptions {
  /** Told the offset behind what is done. */
  readonly onCommit: (next: number) => void;
  /** Where to ask for what the entries were made from; null to do without. */
  readonly origins: Origins | null;
}

/** Reads a file log's entries in order, from the segment files. */
export class FileReader implements PartitionReader {
  readonly partition = 0;
  readonly start: bigint;
  readonly #segments: readonly Segment[];
  readonly #options: FileReaderOptions;
  /** Offset of the entry to read next. */
  #offset: number;
  #source: Source | null = null;
  /** The frame in hand and how far it is read; null between frames. */
  #rest: { readonly values: Buffer; at: number } | null = null;

  /** Reads from `offset` on. The list of segments may grow, and lose what lies before the reader. */
  constructor(segments: readonly Segment[], offset: number, options: FileReaderOptions) {
    this.start = BigInt(offset);
    this.#segments = segments;
    this.#offset = offset;
    this.#options = options;
  }

  get offset(): number {
    return this.#offset;
  }

  waiting(): { records: number; bytes: number } {
    const last = this.#segments.at(-1);
    if (last === undefined) return { records: 0, bytes: 0 };
    const records = last.end - this.#offset;
    if (this.#source?.segment !== last) {
      return { records, bytes: this.#offset < last.base ? Infinity : last.bytes };
    }
    const inHand = this.#rest === null ? 0 : this.#rest.values.length - this.#rest.at;
    return { records, bytes: inHand + last.bytes - this.#source.cursor.at };
  }

  end(): bigint {
    return BigInt(this.#segments.at(-1)?.end ?? 0);
  }

  commit(next: bigint): void {
    this.#options.onCommit(Number(next));
  }

  async close(): Promise<void> {
    await this.#source?.file.close();
    this.#source = null;
    this.#rest = null;
  }

  async read(recordsMax: number, bytesMax: number): Promise<PartitionSlice> {
    const records: LogRecord[] = [];
    const { generation } = (await this.#load()).segment;
    let bytesLeft = bytesMax;
    while (bytesLeft > 0) {
      bytesLeft -= this.#take(records, recordsMax, bytesLeft);
      if (this.#rest !== null || records.length >= recordsMax) break;
      if (this.waiting().records === 0) break;
      try {
        if ((await this.#load()).segment.generation !== generation) break;
      } catch {
        // What was read is delivered; the next read meets the error again.
        break;
      }
    }
    return { generation, records };
  }

  /** Moves entries of the frame in hand to `records` and returns their bytes; one entry always fits. */
  #take(records: LogRecord[], recordsMax: number, bytesMax: number): number {
    let taken = 0;
    for (let rest = this.#rest; rest !== null && records.length < recordsMax; rest = this.#rest) {
      const value = valueAt(rest.values, rest.at);
      if (records.length > 0 && taken + value.length > bytesMax) break;
      const origin = this.#options.origins?.take(this.#offset);
      const record = { offset: BigInt(this.#offset), value };
      records.push(origin === undefined ? record : { ...record, origin });
      taken += value.length;
      this.#offset += 1;
      rest.at = nextValueAt(rest.at, value);
      if (rest.at === rest.values.length) this.#rest = null;
    }
    return taken;
  }

  /** Makes sure that the frame with the next entry is in hand. */
  async #load(): Promise<Source> {
    for (;;) {
      const source = await this.#sourceOfNext();
      if (this.#rest !== null) return source;
      const { segment, cursor } = source;
      const frame = await cursor.next(segment.bytes);
      if (frame === null) throw unreadable(segment, cursor);
      const skipped = this.#offset - frame.base;
      if (skipped >= frame.count) continue;
      let at = 0;
      for (let n = 0; n < skipped; n += 1) at = nextValueAt(at, valueAt(frame.values, at));
      this.#rest = { values: frame.values, at };
    }
  }

  /** The segment that holds the next entry, opened. */
  async #sourceOfNext(): Promise<Source> {
    if (this.#source !== null && this.#offset < this.#source.segment.end) return this.#source;
    await this.close();
    const segment = this.#segments.find(
      ({ base, end }) => base <= this.#offset && this.#offset < end,
    );
    if (segment === undefined) {
      throw new UnreadableError(`No segment holds offset ${this.#offset}: was a file deleted?`);
    }
    const file = await openToRead(segment);
    const cursor = new FrameCursor(file, segmentHeaderBytes, segment.base);
    this.#source = { segment, file, cursor };
    return this.#source;
  }
}

interface Source {
  readonly segment: Segment;
  readonly file: SegmentFile;
  readonly cursor: FrameCursor;
}

async function openToRead(segment: Segment): Promise<SegmentFile> {
  try {
    return await open(segment.path, "r");
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new UnreadableError(`${segment.path} is gone: restore it from a backup.`, {
      cause: error,
    });
  }
}

function unreadable({ path, end }: Segment, { at, offset }: FrameCursor): UnreadableError {
  return new UnreadableError(
    `${path} is broken at byte ${at}: offsets ${offset} to ${end - 1} cannot be read. Restore the file from a backup.`,
  );
}
