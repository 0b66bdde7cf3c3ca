import { setTimeout as pause } from "node:timers/promises";
import type { Hono } from "hono";

import type { Config } from "./config.ts";
import type { HttpEnv } from "./http/app.ts";
import { serve } from "./http/server.ts";
import { createLifecycle } from "./lifecycle.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Logger } from "./logger.ts";

export interface ProcessIo {
  readonly logger: Logger;
  /** Shows a line to the person who started it. */
  print(line: string): void;
}

/** A part of Sluice at work. */
export interface Running {
  /** Where it answers over HTTP. */
  readonly url: string;
  /**
   * Resolves with a sentence when the process should end and be started anew, because something that it cannot make
   * good by itself has changed.
   */
  readonly ended: Promise<string>;
  /** Stops accepting, finishes what was accepted, commits and closes. */
  close(): Promise<void>;
}

export interface Opening {
  readonly lifecycle: Lifecycle;
  /** Whether the process was told to stop; it goes on for the drain time. */
  readonly isDraining: () => boolean;
  /** Makes `ended` resolve. */
  readonly end: (why: string) => void;
}

/** Runs `open`, and closes what it has opened when it fails, or when the process is to stop. */
export async function startProcess(
  config: Config,
  { logger }: ProcessIo,
  open: (opening: Opening) => Promise<{ readonly url: string }>,
): Promise<Running> {
  const lifecycle = createLifecycle({ deadlineMs: config.shutdownMs + config.drainMs, logger });
  let draining = false;
  const { promise: ended, resolve: end } = deferred<string>();
  try {
    const { url } = await open({ lifecycle, isDraining: () => draining, end });
    return {
      url,
      ended,
      async close() {
        draining = true;
        // Until whoever sends requests has seen that this process is not ready.
        await pause(config.drainMs);
        await lifecycle.close();
      },
    };
  } catch (error) {
    await lifecycle.close().catch(() => {});
    throw error;
  }
}

/** Serves the app at the settings' address until the lifecycle closes; in half of its time at most. */
export async function serveApp(
  app: Hono<HttpEnv>,
  { http, shutdownMs }: Config,
  lifecycle: Lifecycle,
  log: Logger,
): Promise<string> {
  const server = await serve(app, { host: http.host, port: http.port, log });
  lifecycle.onClose("server", () => server.close(shutdownMs / 2));
  return server.url;
}

function deferred<Value>(): { promise: Promise<Value>; resolve: (value: Value) => void } {
  const held: ((value: Value) => void)[] = [];
  const promise = new Promise<Value>((resolve) => held.push(resolve));
  return { promise, resolve: (value) => held[0]?.(value) };
}
