import path from "node:path";
import { openEmbedded } from "../../clickhouse/embedded.ts";
import type { Db } from "../../clickhouse/engine.ts";
import { greatestVer } from "../../clickhouse/lookup.ts";
import { migrate } from "../../clickhouse/migrate.ts";
import type { Config } from "../runtime/config.ts";
import { lockDirectory } from "../runtime/event-log/directory-lock.ts";
import { openFileLog } from "../runtime/event-log/file-log.ts";
import type { EventLog } from "../runtime/event-log/port.ts";
import { loadPepper } from "../runtime/keys.ts";
import type { Lifecycle } from "../runtime/lifecycle.ts";
import type { Logger } from "../runtime/logger.ts";
import { updatePrices } from "../runtime/price-book.ts";
import { openRegistry } from "../runtime/registry.ts";
import type { RegistryFold } from "../runtime/registry.ts";
import { localWatermarks } from "../runtime/watermarks.ts";
import type { Watermarks } from "../runtime/watermarks.ts";
import { partsOf } from "../writer/map-batch.ts";
import { startWriter } from "../writer/writer.ts";

/** Everything of a data directory at work but the HTTP server: the logs, the engine, the registry and the writer. */
export interface Core {
  readonly events: EventLog;
  readonly registry: RegistryFold;
  readonly pepper: Buffer;
  readonly db: Db;
  readonly watermarks: Watermarks;
  /** Resolves once everything appended until now is stored. */
  drained(): Promise<void>;
}

/**
 * Opens a data directory, which no other process may hold, and starts its writer. What it opens is registered with
 * `lifecycle`, so that it closes in the reverse order.
 */
export async function openCore(config: Config, log: Logger, lifecycle: Lifecycle): Promise<Core> {
  const directory = path.resolve(config.dataDir);
  const lock = await lockDirectory(directory, {});
  lifecycle.onClose("directory lock", () => lock.release());
  const pepper = config.keyPepper ?? (await loadPepper(path.join(directory, "secrets")));

  const db = await openEmbedded({
    directory: path.join(directory, "clickhouse"),
    readers: config.engine.readers,
    memoryBytesMax: config.engine.memoryBytesMax,
    readDefaults: { timeMs: config.reads.timeoutMs, memoryBytes: config.reads.memoryBytesMax },
  });
  lifecycle.onClose("engine", () => db.close());
  const { applied } = await migrate(db);
  if (applied.length > 0) log.info("migrations applied", { files: applied });

  const limits = {
    unconsumedBytesMax: config.eventLog.bytesMax,
    diskFloorBytes: config.eventLog.diskFloorBytes,
  };
  const registryLog = await openFileLog({
    ...limits,
    dir: path.join(directory, "log", "registry"),
    retention: "forever",
  });
  lifecycle.onClose("registry log", () => registryLog.close());
  const events = await openFileLog({
    ...limits,
    dir: path.join(directory, "log", "events"),
    retention: {
      keepBytes: config.eventLog.keepBytes,
      keepMs: config.eventLog.keepHours * 3_600_000,
    },
    after: partsOf(await greatestVer(db)),
  });
  lifecycle.onClose("event log", () => events.close());
  const registry = await openRegistry(registryLog);
  lifecycle.onClose("registry", () => registry.close());
  await updatePrices(registry, log);

  const watermarks = localWatermarks(events);
  const writer = await startWriter({
    events,
    registry,
    db,
    limits: config.writer,
    log,
    watermarks,
  });
  lifecycle.onClose("writer", () => writer.stop());
  return { events, registry, pepper, db, watermarks, drained: () => drained(events) };
}

const drainPollMs = 20;

async function drained(events: EventLog): Promise<void> {
  while (events.health().lag > 0n) await new Promise((resolve) => setTimeout(resolve, drainPollMs));
}
