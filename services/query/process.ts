import { openServer } from "../../clickhouse/server.ts";
import { freshCounts, rowCounts } from "../../clickhouse/queries/row-counts.ts";
import { unavailable } from "../../schemas/errors.ts";
import { authenticate } from "../runtime/auth.ts";
import type { Config } from "../runtime/config.ts";
import { createHttpApp } from "../runtime/http/app.ts";
import type { RouteDescription } from "../runtime/http/route-description.ts";
import { keyRing, sharedPepper } from "../runtime/keys.ts";
import { openClusterEvents, openClusterRegistry } from "../runtime/open-log.ts";
import { serveApp, startProcess } from "../runtime/process.ts";
import type { ProcessIo, Running } from "../runtime/process.ts";
import { addQueryRoutes } from "./app.ts";
import { queryDescriptions } from "./descriptions.ts";
import { addPages } from "./docs.ts";
import { storedWatermarks } from "./stored-watermarks.ts";

/**
 * The read API over a ClickHouse server, with Kafka for configuration, for what a client waits for, and for records that
 * go into the log again. `gatewayRoutes` are described beside its own. Resolves when it answers.
 */
export async function startQuery(
  config: Config,
  io: ProcessIo,
  gatewayRoutes: readonly RouteDescription[],
): Promise<Running> {
  const { logger } = io;
  const { clickhouse, reads } = config;
  return await startProcess(config, io, async ({ lifecycle, isDraining, end }) => {
    const pepper = await sharedPepper(config);
    const db = await openServer({
      ...clickhouse,
      url: clickhouse.url ?? "",
      password: clickhouse.password ?? "",
      compress: clickhouse.compress === "on",
      consistentReads: false,
      readDefaults: { timeMs: reads.timeoutMs, memoryBytes: reads.memoryBytesMax },
    });
    lifecycle.onClose("ClickHouse", () => db.close());
    const opening = { config, log: logger, lifecycle };
    const registry = await openClusterRegistry(opening);
    const events = await openClusterEvents(opening, {
      onRetired: () => end("a newer generation of the events has begun"),
    });
    const keys = keyRing(registry, pepper);

    const app = createHttpApp(logger);
    app.use("/api/public/ready", async (_c, next) => {
      if (isDraining()) throw unavailable("The server is shutting down. Try again.");
      await next();
    });
    addQueryRoutes(app, {
      db,
      counts: clickhouse.cluster === null ? rowCounts() : freshCounts(),
      events,
      watermarks: storedWatermarks(db, events),
      registry,
      authenticate: (header) => authenticate(header, keys),
      log: logger,
      limits: {
        readTimeoutMs: reads.timeoutMs,
        readMemoryBytes: reads.memoryBytesMax,
        readRowsMax: reads.rowsMax,
      },
      now: Date.now,
    });
    const { publicUrl, trustedProxies } = config.http;
    addPages(app, { publicUrl, trustedProxies, routes: [...gatewayRoutes, ...queryDescriptions] });
    const url = await serveApp(app, config, lifecycle, logger);
    io.print(`Sluice's query service is ready at ${url}`);
    return { url };
  });
}
