import { bootstrap } from "../runtime/bootstrap.ts";
import type { Config } from "../runtime/config.ts";
import { createHttpApp } from "../runtime/http/app.ts";
import { addProbes } from "../runtime/http/probes.ts";
import { keyRing, sharedPepper } from "../runtime/keys.ts";
import { openClusterEvents, openClusterRegistry } from "../runtime/open-log.ts";
import { serveApp, startProcess } from "../runtime/process.ts";
import type { ProcessIo, Running } from "../runtime/process.ts";
import { gatewayRoutes } from "./app.ts";
import { addForwarding } from "./forwarding.ts";
import type { RoutePattern } from "./forwarding.ts";
import { startGrpc } from "./start-grpc.ts";

export interface GatewayProcess extends Running {
  /** Where OTLP over gRPC is taken; null where it is not. */
  readonly grpcPort: number | null;
}

/**
 * The write API over Kafka, which knows nothing of ClickHouse. Reads go on to the query process. Resolves when it
 * answers.
 */
export async function startGateway(
  config: Config,
  io: ProcessIo,
  queryRoutes: readonly RoutePattern[],
): Promise<GatewayProcess> {
  const { logger } = io;
  let grpcPort: number | null = null;
  const running = await startProcess(config, io, async ({ lifecycle, isDraining, end }) => {
    const pepper = await sharedPepper(config);
    const opening = { config, log: logger, lifecycle };
    const registry = await openClusterRegistry(opening);
    const made = await bootstrap(registry, config.init, pepper);
    for (const warning of made.warnings) logger.warn(warning);
    const events = await openClusterEvents(opening, {
      onRetired: () => end("a newer generation of the events has begun"),
    });

    const app = createHttpApp(logger);
    const gateway = gatewayRoutes(app, {
      eventLog: events,
      keys: keyRing(registry, pepper),
      log: logger,
      registry,
      limits: { ...config.http, otlpBodyBytesMax: config.otlp.bodyBytesMax },
    });
    addProbes(app, {
      async notReady() {
        return isDraining() ? "it is stopping" : events.health().reason;
      },
      figures: () => ({ forwarded: forwarding.figures() }),
      // What it asks of the database is not for this process to know.
      asked: (c) => forwarding.toQuery?.(c) ?? null,
    });
    const forwarding = addForwarding(app, { settings: config.forward, lifecycle, queryRoutes });
    if (config.forward.queryUrl === null)
      logger.warn("SLUICE_QUERY_URL is not set: this gateway takes in events and answers no reads");
    const url = await serveApp(app, config, lifecycle, logger);
    const grpc = await startGrpc(config, gateway, logger);
    lifecycle.onClose("OTLP over gRPC", () => grpc?.close(config.shutdownMs / 4));
    grpcPort = grpc?.port ?? null;
    io.print(`Sluice's gateway is ready at ${url}`);
    if (made.pair) {
      io.print(`  LANGFUSE_PUBLIC_KEY=${made.pair.publicKey}`);
      io.print(`  LANGFUSE_SECRET_KEY=${made.pair.secretKey}`);
    }
    return { url };
  });
  return { ...running, grpcPort };
}
