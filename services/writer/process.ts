import { setTimeout as pause } from "node:timers/promises";

import type { Db } from "../../clickhouse/engine.ts";
import { greatestVer } from "../../clickhouse/lookup.ts";
import { migrate } from "../../clickhouse/migrate.ts";
import { isAnswering } from "../../clickhouse/queries/health.ts";
import { openServer } from "../../clickhouse/server.ts";
import type { Config } from "../runtime/config.ts";
import { createHttpApp } from "../runtime/http/app.ts";
import { addProbes } from "../runtime/http/probes.ts";
import { withLease } from "../runtime/lease.ts";
import { openClusterEvents, openClusterRegistry } from "../runtime/open-log.ts";
import type { Logger } from "../runtime/logger.ts";
import { updatePrices } from "../runtime/price-book.ts";
import { serveApp, startProcess } from "../runtime/process.ts";
import type { ProcessIo, Running } from "../runtime/process.ts";
import { partsOf } from "./map-batch.ts";
import { publishWatermarks } from "./publish-watermarks.ts";
import { startWriter } from "./writer.ts";

/**
 * Kafka into a ClickHouse server. Several of them share the partitions. Resolves when the tables are as this build needs
 * them and it has begun to read.
 */
export async function startWriterProcess(config: Config, io: ProcessIo): Promise<Running> {
  const { logger: log } = io;
  const { clickhouse, reads } = config;
  return await startProcess(config, io, async ({ lifecycle, isDraining, end }) => {
    const db = await openServer({
      ...clickhouse,
      url: clickhouse.url ?? "",
      password: clickhouse.password ?? "",
      compress: clickhouse.compress === "on",
      consistentReads: true,
      readDefaults: { timeMs: reads.timeoutMs, memoryBytes: reads.memoryBytesMax },
    });
    lifecycle.onClose("ClickHouse", () => db.close());
    await untilAnswering(db, clickhouse.url ?? "", log);
    const opening = { config, log, lifecycle };
    const registry = await openClusterRegistry(opening);
    const { applied } = await withLease(registry, { name: "migrations", log }, () =>
      migrate(db, { cluster: clickhouse.cluster }),
    );
    if (applied.length > 0) log.info("migrations applied", { files: applied });
    await updatePrices(registry, log);

    const events = await openClusterEvents(opening, {
      after: partsOf(await greatestVer(db)),
      onRetired: () => end("a newer generation of the events has begun"),
    });
    const watermarks = publishWatermarks(db, events, log);
    lifecycle.onClose("watermarks", () => watermarks.close());
    const writer = await startWriter({
      events,
      registry,
      db,
      limits: config.writer,
      log,
      watermarks,
    });
    lifecycle.onClose("writer", () => writer.stop());
    writer.ended.catch(() => end("the writer cannot read on"));

    const app = createHttpApp(log);
    addProbes(app, {
      async notReady() {
        if (isDraining()) return "it is stopping";
        return (await isAnswering(db, readyBudget)) ? null : "ClickHouse does not answer";
      },
      figures: () => ({ lag: String(events.health().lag) }),
    });
    const url = await serveApp(app, config, lifecycle, log);
    io.print(`Sluice's writer is ready at ${url}`);
    return { url };
  });
}

/** How long a start waits for ClickHouse, which may be starting, too. */
const patienceMs = 60_000;
const retryMs = 1_000;

async function untilAnswering(db: Db, url: string, log: Logger): Promise<void> {
  const deadline = performance.now() + patienceMs;
  for (let tries = 0; !(await isAnswering(db, {})); tries += 1) {
    if (performance.now() > deadline) {
      const advice = "start it, or set SLUICE_CLICKHOUSE_URL, _USER and _PASSWORD";
      throw new Error(`ClickHouse does not answer at ${url}: ${advice}`);
    }
    if (tries === 0) log.warn("ClickHouse does not answer yet, waiting for it", { url });
    await pause(retryMs);
  }
}

/** An orchestrator asks every few seconds, and waits for about one. */
const readyBudget = { timeMs: 1_000 };
