import { DbError } from "../../clickhouse/engine.ts";
import type { Db } from "../../clickhouse/engine.ts";
import { insertWatermarks } from "../../clickhouse/watermarks.ts";
import type { EventLog } from "../runtime/event-log/port.ts";
import type { Logger } from "../runtime/logger.ts";

export interface WatermarkPublisher {
  /** Everything of the partition before `next` is stored. Returns at once; readers elsewhere know soon after. */
  advance(partition: number, next: bigint): void;
  /** Publishes what is not yet, if the database takes it, and stops. */
  close(): Promise<void>;
}

/** Between two inserts while there is more to store: each is a part of the table. */
const busyMs = 200;
/** Between two inserts when nothing is left to store: somebody may wait for just that. */
const idleMs = 50;

/**
 * Tells readers in other processes how far the log is stored, by way of the database. What cannot be published is
 * tried again; meanwhile readers take the writer to be further behind than it is.
 */
export function publishWatermarks(
  db: Db,
  events: Pick<EventLog, "generation" | "health">,
  log: Logger,
): WatermarkPublisher {
  let unpublished = new Map<number, bigint>();
  let publishing: Promise<void> | null = null;
  let timer: NodeJS.Timeout | null = null;
  let lastAt = -Infinity;
  let isFailing = false;
  let isClosed = false;

  async function publish(): Promise<void> {
    const offsets = unpublished;
    unpublished = new Map();
    try {
      await insertWatermarks(db, events.generation, offsets);
      isFailing = false;
    } catch (error) {
      // What came meanwhile is newer.
      unpublished = new Map([...offsets, ...unpublished]);
      const detail = error instanceof DbError ? { code: error.code, kind: error.kind } : { error };
      if (!isFailing) log.warn("watermarks not published, it is tried again", detail);
      isFailing = true;
    }
    lastAt = performance.now();
  }

  function schedule(): void {
    if (isClosed || publishing !== null || unpublished.size === 0) return;
    if (timer !== null) clearTimeout(timer);
    const isIdle = !isFailing && events.health().lag === 0n;
    const waitMs = lastAt + (isIdle ? idleMs : busyMs) - performance.now();
    timer = setTimeout(run, Math.max(0, waitMs));
  }

  function run(): void {
    timer = null;
    publishing = publish().finally(() => {
      publishing = null;
      schedule();
    });
  }

  return {
    advance(partition, next) {
      unpublished.set(partition, next);
      schedule();
    },
    async close() {
      isClosed = true;
      if (timer !== null) clearTimeout(timer);
      await publishing;
      if (unpublished.size > 0) await publish();
    },
  };
}
