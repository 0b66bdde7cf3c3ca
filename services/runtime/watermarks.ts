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

/** The watermarks of a writer in this process. */
export interface LocalWatermarks extends Watermarks {
  /** Everything of the partition before `next` is stored. */
  advance(partition: number, next: bigint): void;
}

export function localWatermarks(log: Pick<EventLog, "generation" | "ends">): LocalWatermarks {
  const stored = new Map<number, bigint>();
  const waiters = new Set<() => void>();

  function missing({ offsets }: Position): bigint {
    let records = 0n;
    for (const [partition, offset] of offsets) {
      const ahead = offset + 1n - (stored.get(partition) ?? 0n);
      if (ahead > 0n) records += ahead;
    }
    return records;
  }

  async function reached(position: Position, timeoutMs: number): Promise<Progress> {
    const reason = strangeness(position, log.generation, await log.ends());
    if (reason !== null) return { status: "unknown", reason };
    if (timeoutMs > 0) await waitFor(() => missing(position) === 0n, timeoutMs, waiters);
    const records = missing(position);
    return records === 0n ? { status: "reached" } : { status: "behind", records };
  }

  async function pending(): Promise<Position | null> {
    const ends = [...(await log.ends())].filter(([partition, end]) => {
      return end > (stored.get(partition) ?? 0n);
    });
    const last = ends.map(([partition, end]) => ({ partition, offset: end - 1n }));
    return positionAfter(log.generation, last);
  }

  return {
    reached,
    pending,
    advance(partition, next) {
      stored.set(partition, next);
      for (const look of waiters) look();
    },
  };
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

/** Resolves when the condition holds or the time is over. `waiters` are called whenever it may have come true. */
async function waitFor(
  isTrue: () => boolean,
  timeoutMs: number,
  waiters: Set<() => void>,
): Promise<void> {
  if (isTrue()) return;
  await new Promise<void>((resolve) => {
    function finish(): void {
      clearTimeout(timer);
      waiters.delete(look);
      resolve();
    }
    function look(): void {
      if (isTrue()) finish();
    }
    const timer = setTimeout(finish, timeoutMs);
    waiters.add(look);
  });
}
