import { setTimeout as pause } from "node:timers/promises";

import type { Db } from "../../clickhouse/engine.ts";
import { publishedWatermarks } from "../../clickhouse/watermarks.ts";
import type { EventLog } from "../runtime/event-log/port.ts";
import { watermarksFrom } from "../runtime/watermarks.ts";
import type { StoredOffsets, Watermarks } from "../runtime/watermarks.ts";

/** Between two looks at the table, and only while somebody waits. */
const pollMs = 75;

/**
 * The watermarks of writers in other processes, as they publish them to the database. Those who wait share one poll of
 * it, and those who ask at once one read.
 */
export function storedWatermarks(
  db: Db,
  events: Pick<EventLog, "generation" | "ends">,
): Watermarks {
  const lookers = new Set<(stored: StoredOffsets) => void>();
  let reading: Promise<StoredOffsets> | null = null;
  let isPolling = false;

  /** One that began before the question may miss what came since: then a reader waits a little longer than needed. */
  function stored(): Promise<StoredOffsets> {
    reading ??= publishedWatermarks(db, events.generation).finally(() => {
      reading = null;
    });
    return reading;
  }

  async function poll(): Promise<void> {
    if (isPolling) return;
    isPolling = true;
    while (lookers.size > 0) {
      await pause(pollMs);
      // Nothing is known while the database does not answer; who waits says so when the time is over.
      const found = lookers.size > 0 ? await stored().catch(() => null) : null;
      if (found !== null) for (const look of lookers) look(found);
    }
    isPolling = false;
  }

  return watermarksFrom(events, {
    stored,
    watch(look) {
      lookers.add(look);
      void poll();
      return () => lookers.delete(look);
    },
  });
}
