import path from "node:path";

import { rowCounts } from "../../clickhouse/queries/row-counts.ts";
import { gatewayRoutes } from "../gateway/app.ts";
import { addForwarding } from "../gateway/forwarding.ts";
import { startGrpc } from "../gateway/start-grpc.ts";
import type { GrpcServer } from "../gateway/otlp-grpc.ts";
import { gatewayDescriptions } from "../gateway/descriptions.ts";
import { addQueryRoutes } from "../query/app.ts";
import { queryDescriptions } from "../query/descriptions.ts";
import { addPages } from "../query/docs.ts";
import { authenticate } from "../runtime/auth.ts";
import type { Config } from "../runtime/config.ts";
import { createHttpApp } from "../runtime/http/app.ts";
import { serve } from "../runtime/http/server.ts";
import { keyRing } from "../runtime/keys.ts";
import { createLifecycle } from "../runtime/lifecycle.ts";
import type { Logger } from "../runtime/logger.ts";
import { bootstrap } from "../runtime/bootstrap.ts";
import type { Bootstrapped } from "../runtime/bootstrap.ts";
import { startControl } from "./control.ts";
import { openCore } from "./core.ts";
import { localOperations } from "./operations.ts";

export interface Standalone {
  /** Base URL for SDKs. */
  readonly url: string;
  /** What it answers over HTTP, by method and path, as Hono writes them. */
  readonly routes: readonly { readonly method: string; readonly path: string }[];
  /** Where OTLP over gRPC is taken; null where it is not. */
  readonly grpcPort: number | null;
  /** Stops accepting, finishes what was accepted, commits and closes. */
  close(): Promise<void>;
}

export interface StandaloneIo {
  readonly logger: Logger;
  /** Shows a line to the person who started the server. */
  print(line: string): void;
}

/** Gateway, writer and query in this process, on one data directory. Resolves when the server answers. */
export async function startStandalone(config: Config, io: StandaloneIo): Promise<Standalone> {
  const { logger } = io;
  const lifecycle = createLifecycle({ deadlineMs: config.shutdownMs, logger });
  try {
    const core = await openCore(config, logger, lifecycle);
    const made = await bootstrap(core.registry, config.init, core.pepper);
    for (const warning of made.warnings) logger.warn(warning);

    const app = createHttpApp(logger);
    const keys = keyRing(core.registry, core.pepper);
    const gateway = gatewayRoutes(app, {
      eventLog: core.events,
      keys,
      log: logger,
      registry: core.registry,
      limits: { ...config.http, otlpBodyBytesMax: config.otlp.bodyBytesMax },
    });
    addQueryRoutes(app, {
      db: core.db,
      counts: rowCounts(),
      events: core.events,
      watermarks: core.watermarks,
      registry: core.registry,
      authenticate: (header) => authenticate(header, keys),
      log: logger,
      limits: {
        readTimeoutMs: config.reads.timeoutMs,
        readMemoryBytes: config.reads.memoryBytesMax,
        readRowsMax: config.reads.rowsMax,
      },
      now: Date.now,
    });
    addPages(app, {
      publicUrl: config.http.publicUrl,
      trustedProxies: config.http.trustedProxies,
      routes: [...gatewayDescriptions, ...queryDescriptions],
    });
    addForwarding(app, { settings: config.forward, lifecycle, queryRoutes: [] });
    const server = await serve(app, {
      host: config.http.host,
      port: config.http.port,
      log: logger,
    });
    let grpc: GrpcServer | null = null;
    // Half of the time at most: what was accepted must still be stored.
    const closeMs = config.shutdownMs / 2;
    lifecycle.onClose("servers", async () => {
      await Promise.all([server.close(closeMs), grpc?.close(closeMs)]);
    });
    grpc = await startGrpc(config, gateway, logger);

    const control = await startControl(path.resolve(config.dataDir), localOperations(core), logger);
    lifecycle.onClose("control", () => control.close());
    greet(io, config.http.publicUrl ?? server.url, made);
    return {
      url: server.url,
      routes: app.routes,
      grpcPort: grpc?.port ?? null,
      close: () => lifecycle.close(),
    };
  } catch (error) {
    await lifecycle.close().catch(() => {});
    throw error;
  }
}

function greet(io: StandaloneIo, url: string, { projectId, publicKeys, pair }: Bootstrapped): void {
  const publicKey = pair?.publicKey ?? publicKeys[0] ?? "(none: run sluice keys create)";
  const secretKey = pair?.secretKey ?? "<secret key>";
  io.print(`Sluice is ready at ${url}`);
  io.print("");
  io.print(`  LANGFUSE_BASE_URL=${url}`);
  io.print(`  LANGFUSE_PUBLIC_KEY=${publicKey}`);
  io.print(`  LANGFUSE_SECRET_KEY=${secretKey}`);
  io.print("");
  io.print(
    pair
      ? "The secret key is not stored and not shown again; `sluice keys create` makes another."
      : `The secret key of project ${projectId} is not stored; \`sluice keys create\` makes another.`,
  );
  io.print(`Try: curl -u ${publicKey}:${secretKey} ${url}/api/public/projects`);
}
