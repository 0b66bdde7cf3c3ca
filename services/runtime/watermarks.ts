import { positionAfter } from "../../schemas/position.ts";
import type { Position } from "../../schemas/position.ts";
import type { EventLog } from "./event-log/port.ts";

/** How far the writer has stored the event log: everything before its watermarks is in ClickHouse and readable. */
export interface Watermarks {
  /**
   * Waits at most so many milliseconds until everything up to the position is stored; with 0 it only looks.
   * What lies behind a refused record is reached too: that one is parked.
   */
  reached(position: Position, timeoutMs: number): Promise<Progress>;
  /** The last of what is acknowledged by now; null when all of it is stored. */
  pending(): Promise<Position | null>;
}

export type Progress =
  | { readonly status: "reached" }
  /** So many records up to the position are not stored yet. */
  | { readonly status: "behind"; readonly records: bigint }
  /** The log has never given out this position. */
  | { readonly status: "unknown"; readonly reason: string };

/** By partition: everything before this offset is stored. A partition that is not there is not known to be begun. */
export type StoredOffsets = ReadonlyMap<number, bigint>;

/** Where {@link Watermarks} are known from. */
export interface StoredSource {
  stored(): Promise<StoredOffsets>;
  /** Tells what is stored whenever that may have changed, until the function that it returns is called. */
  watch(look: (stored: StoredOffsets) => void): () => void;
}

/** The watermarks of a log, told by a source. */
export function watermarksFrom(
  log: Pick<EventLog, "generation" | "ends">,
  source: StoredSource,
): Watermarks {
  return {
    async reached(position, timeoutMs) {
      const reason = strangeness(position, log.generation, await log.ends());
      if (reason !== null) return { status: "unknown", reason };
      const missing = (stored: StoredOffsets): bigint => missingIn(position, stored);
      let records = missing(await source.stored());
      if (records > 0n && timeoutMs > 0)
        records = await leastOf(source, missing, records, timeoutMs);
      return records === 0n ? { status: "reached" } : { status: "behind", records };
    },
    async pending() {
      // The ends first: what is stored by then counts, what is appended later does not.
      const ends = await log.ends();
      const stored = await source.stored();
      const last = [...ends]
        .filter(([partition, end]) => end > (stored.get(partition) ?? 0n))
        .map(([partition, end]) => ({ partition, offset: end - 1n }));
      return positionAfter(log.generation, last);
    },
  };
}

/** The watermarks of a writer in this process. */
export interface LocalWatermarks extends Watermarks {
  /** Everything of the partition before `next` is stored. */
  advance(partition: number, next: bigint): void;
}

export function localWatermarks(log: Pick<EventLog, "generation" | "ends">): LocalWatermarks {
  const stored = new Map<number, bigint>();
  const lookers = new Set<(stored: StoredOffsets) => void>();
  const source: StoredSource = {
    stored: async () => stored,
    watch(look) {
      lookers.add(look);
      return () => lookers.delete(look);
    },
  };
  return {
    ...watermarksFrom(log, source),
    advance(partition, next) {
      stored.set(partition, next);
      for (const look of lookers) look(stored);
    },
  };
}

function missingIn({ offsets }: Position, stored: StoredOffsets): bigint {
  let records = 0n;
  for (const [partition, offset] of offsets) {
    const ahead = offset + 1n - (stored.get(partition) ?? 0n);
    if (ahead > 0n) records += ahead;
  }
  return records;
}

/** Why the log cannot have given out this position; null when it can. */
function strangeness(
  { generation, offsets }: Position,
  current: number,
  ends: ReadonlyMap<number, bigint>,
): string | null {
  if (generation !== current) {
    return `it is of generation ${generation} of the event log, which is at ${current}`;
  }
  for (const [partition, offset] of offsets) {
    const end = ends.get(partition);
    if (end === undefined) return `the event log has no partition ${partition}`;
    if (offset >= end) return `the event log has nothing there yet`;
  }
  return null;
}

/** How many are missing when none are, or when the time is over. */
async function leastOf(
  source: StoredSource,
  missing: (stored: StoredOffsets) => bigint,
  now: bigint,
  timeoutMs: number,
): Promise<bigint> {
  let least = now;
  return await new Promise<bigint>((resolve) => {
    function finish(): void {
      clearTimeout(timer);
      unwatch();
      resolve(least);
    }
    const timer = setTimeout(finish, timeoutMs);
    const unwatch = source.watch((stored) => {
      least = missing(stored);
      if (least === 0n) finish();
    });
  });
}
