import { AppendError } from "./port.ts";
import type { LogEntry } from "./port.ts";

export interface SizeLimits {
  /** Bytes of one entry. */
  readonly entryBytesMax: number;
  /** Bytes of one append. */
  readonly queueBytesMax: number;
}

/** The bytes of the entries' values. Throws a `too-large` AppendError for what a log with these limits never takes. */
export function sizeOfAppend(
  entries: readonly LogEntry[],
  { entryBytesMax, queueBytesMax }: SizeLimits,
): number {
  let bytes = 0;
  for (const { value } of entries) {
    if (value.length > entryBytesMax) {
      const message = `An entry has ${value.length} bytes; the event log takes at most ${entryBytesMax}.`;
      throw new AppendError("too-large", message);
    }
    bytes += value.length;
  }
  if (bytes <= queueBytesMax) return bytes;
  const message = `An append has ${bytes} bytes in all; the event log takes at most ${queueBytesMax}.`;
  throw new AppendError("too-large", message);
}
