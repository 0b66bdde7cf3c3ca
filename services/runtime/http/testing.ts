import { connect } from "node:net";
import type { Socket } from "node:net";

import type { Hono } from "hono";
import { onTestFinished } from "vitest";

import { createLogger } from "../logger.ts";
import type { Logger } from "../logger.ts";
import type { HttpEnv } from "./app.ts";
import { serve } from "./server.ts";
import type { HttpServer, ServerLimits } from "./server.ts";

/** Serves an app on a free loopback port until the test is over. */
export async function startServer(
  app: Hono<HttpEnv>,
  log: Logger,
  limits: Partial<ServerLimits> = {},
): Promise<HttpServer> {
  const server = await serve(app, { host: "127.0.0.1", port: 0, log, limits });
  onTestFinished(() => server.close(0));
  return server;
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

/** A real logger whose lines the test can read. */
export function recordingLogger(): { log: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const log = createLogger({
    level: "debug",
    format: "json",
    write: (line) => void lines.push(JSON.parse(line)),
  });
  return { log, lines };
}

/** A TCP connection that sends what it is told and keeps what it gets. */
export interface RawClient {
  readonly socket: Socket;
  send(bytes: string | Buffer): void;
  /** All that came so far. */
  received(): string;
  /** Resolves once `text` has come; rejects when the connection ends first, or when it never comes. */
  until(text: string): Promise<string>;
  /** Resolves with all that came when the server has closed the connection; rejects when it never does. */
  closed(): Promise<string>;
}

export async function rawClient(url: string): Promise<RawClient> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  let text = "";
  let ended = false;
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => (text += chunk));
  socket.on("error", () => {});
  socket.on("end", () => (ended = true));
  socket.on("close", () => (ended = true));
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  return {
    socket,
    send: (bytes) => void socket.write(bytes),
    received: () => text,
    async until(wanted) {
      await eventually(() => text.includes(wanted) || ended);
      if (!text.includes(wanted)) throw new Error(`closed before ${wanted}: ${text}`);
      return text;
    },
    async closed() {
      await eventually(() => ended);
      return text;
    },
  };
}

const waitMsMax = 30_000;

/** Waits until the condition holds; rejects after half a minute. */
export async function eventually(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + waitMsMax;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`never came true: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
