import path from "node:path";

import { gatewayRoutes } from "../gateway/app.ts";
import { addQueryRoutes } from "../query/app.ts";
import { authenticate } from "../runtime/auth.ts";
import type { Config } from "../runtime/config.ts";
import { createHttpApp } from "../runtime/http/app.ts";
import { serve } from "../runtime/http/server.ts";
import { keyRing } from "../runtime/keys.ts";
import { createLifecycle } from "../runtime/lifecycle.ts";
import type { Logger } from "../runtime/logger.ts";
import { bootstrap } from "./bootstrap.ts";
import type { Bootstrapped } from "./bootstrap.ts";
import { startControl } from "./control.ts";
import { openCore } from "./core.ts";
import { localOperations } from "./operations.ts";

export interface Standalone {
  /** Base URL for SDKs. */
  readonly url: string;
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
    gatewayRoutes(app, {
      eventLog: core.events,
      keys,
      log: logger,
      registry: core.registry,
      limits: config.http,
    });
    addQueryRoutes(app, {
      db: core.db,
      events: core.events,
      registry: core.registry,
      authenticate: (header) => authenticate(header, keys),
      log: logger,
      limits: {
        readTimeoutMs: config.reads.timeoutMs,
        readMemoryBytes: config.reads.memoryBytesMax,
      },
      now: Date.now,
    });
    const server = await serve(app, {
      host: config.http.host,
      port: config.http.port,
      log: logger,
    });
    // Half of the time at most: what was accepted must still be stored.
    lifecycle.onClose("server", () => server.close(config.shutdownMs / 2));

    const control = await startControl(path.resolve(config.dataDir), localOperations(core), logger);
    lifecycle.onClose("control", () => control.close());
    greet(io, config.http.publicUrl ?? server.url, made);
    return { url: server.url, close: () => lifecycle.close() };
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
