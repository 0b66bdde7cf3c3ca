import { setTimeout as pause } from "node:timers/promises";

import { DbError } from "../../clickhouse/engine.ts";
import type { Db } from "../../clickhouse/engine.ts";
import { allIds } from "../../clickhouse/lookup.ts";
import { tableOf } from "../../schemas/entity-row.ts";
import type { Kind } from "../../schemas/facts.ts";
import type { Logger } from "../runtime/logger.ts";
import type { IdFilter } from "./id-filter.ts";
import { entityKey } from "./plan.ts";

export interface KnownIds {
  /**
   * Empties the filter and fills it anew, because other writers may have written meanwhile. Until that is done it covers
   * nothing. What this writer stores from now on it has to add itself.
   */
  refill(): void;
  stop(): Promise<void>;
}

const retryMs = 1_000;

/** Keeps the filter filled with every stored id, whichever partition is its own: it cannot tell them apart. */
export function knownIds(db: Db, filter: IdFilter, log: Logger): KnownIds {
  let current = new AbortController();
  let filling: Promise<void> = Promise.resolve();

  async function fill(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        // Only what is stored before the scan can be missing in the filter, and the scan finds that.
        filter.reset();
        await addAll(db, filter, signal);
        if (!signal.aborted) filter.complete();
        return;
      } catch (error) {
        const detail =
          error instanceof DbError ? { code: error.code, kind: error.kind } : { error };
        log.warn("known ids not read, it is tried again; meanwhile every id is looked up", detail);
        await pause(retryMs, undefined, { signal }).catch(() => {});
      }
    }
  }

  return {
    refill() {
      current.abort();
      current = new AbortController();
      const { signal } = current;
      // At once: a batch that comes in the same moment must not rely on what the filter held before.
      filter.reset();
      filling = filling.then(() => fill(signal));
    },
    async stop() {
      current.abort();
      await filling;
    },
  };
}

async function addAll(db: Db, filter: IdFilter, signal: AbortSignal): Promise<void> {
  for (const kind of ["trace", "observation", "score"] satisfies Kind[]) {
    for await (const ids of allIds(db, tableOf[kind])) {
      if (signal.aborted) return;
      for (const { project, id } of ids) filter.add(entityKey(kind, project, id));
    }
  }
}
