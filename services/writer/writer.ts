import type { Db } from "../../clickhouse/engine.ts";
import type { EventLog } from "../runtime/event-log/port.ts";
import type { Logger } from "../runtime/logger.ts";
import type { RegistryFold } from "../runtime/registry.ts";
import type { LocalWatermarks } from "../runtime/watermarks.ts";
import { entityCache } from "./entity-cache.ts";
import { batchHandler } from "./handle-batch.ts";
import { idFilter } from "./id-filter.ts";
import { knownIds } from "./known-ids.ts";
import { pricer } from "./pricer.ts";
import { openAiCounter } from "./tokenizer.ts";

export interface WriterLimits {
  readonly rowsMax: number;
  readonly bytesMax: number;
  readonly lingerMs: number;
  readonly cacheBytesMax: number;
  readonly filterBytesMax: number;
  /** Of a text whose tokens are counted; 0 counts none. */
  readonly tokenizeBytesMax: number;
}

export interface WriterDeps {
  readonly events: EventLog;
  readonly registry: RegistryFold;
  readonly db: Db;
  readonly limits: WriterLimits;
  readonly log: Logger;
  /** Told how far the log is stored. */
  readonly watermarks?: Pick<LocalWatermarks, "advance">;
  readonly now?: () => number;
}

export interface Writer {
  /** Finishes what it has in hand, commits it, and stops. */
  stop(): Promise<void>;
  /** Resolves when it has stopped; rejects when it cannot go on. */
  readonly ended: Promise<void>;
}

/**
 * Reads the log, merges what it says into full rows and inserts them, then commits. When ClickHouse is away it waits
 * and never skips; what ClickHouse can never take is parked with its bytes and its reason.
 */
export async function startWriter(options: WriterDeps): Promise<Writer> {
  const { db, limits, log, events, registry, watermarks, now = Date.now } = options;
  const filter = idFilter(limits.filterBytesMax);
  const known = knownIds(db, filter, log);
  let cache = entityCache(limits.cacheBytesMax);
  const price = pricer(
    registry.registry.models,
    limits.tokenizeBytesMax > 0 ? openAiCounter(limits.tokenizeBytesMax) : null,
  );
  const consumer = await events.consume({
    group: "writer",
    recordsMax: limits.rowsMax,
    bytesMax: limits.bytesMax,
    lingerMs: limits.lingerMs,
    readAhead: true,
    onBatch: await batchHandler({
      events,
      registry,
      log,
      store: () => ({ db, cache, filter, price, now }),
    }),
    onCommitted: (partition, next) => watermarks?.advance(partition, next),
    onAssigned() {
      // A new one: a batch still in hand keeps what it learns to itself.
      cache = entityCache(limits.cacheBytesMax);
      known.refill();
    },
  });
  // Events go on being accepted into the log; nothing of it is lost, but nothing new can be read.
  consumer.ended.catch((error) => log.error("the writer cannot read on", { error }));
  return {
    ended: consumer.ended,
    async stop() {
      await consumer.stop();
      await known.stop();
    },
  };
}
