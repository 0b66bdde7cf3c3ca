import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";

import { authorization } from "../sdk/otlp-clients.ts";
import type { OtlpServer } from "../sdk/otlp-clients.ts";

/** A collector at work; each door forwards what comes in by another way. */
export interface Collector {
  /** Takes OTLP over HTTP, forwards it over HTTP: an address. */
  readonly httpUrl: string;
  /** Takes OTLP over gRPC, forwards it over gRPC: host and port. */
  readonly grpcAddress: string;
  /** Rejects when it does not end in time. */
  stop(): Promise<void>;
}

const startsMax = 5;
const waitMs = 60_000;

/** Starts a collector in front of the server; rejects with its log when it does not get ready. */
export async function startCollector(command: string, server: OtlpServer): Promise<Collector> {
  for (let starts = 1; ; starts += 1) {
    try {
      return await start(command, server);
    } catch (error) {
      // It takes no port of the system's choice: another may be quicker to take the one that was found free.
      if (starts === startsMax || !String(error).includes("address already in use")) throw error;
    }
  }
}

async function start(command: string, server: OtlpServer): Promise<Collector> {
  const folder = await mkdtemp(path.join(tmpdir(), "sluice-collector-"));
  const doors = { http: `127.0.0.1:${await freePort()}`, grpc: `127.0.0.1:${await freePort()}` };
  const config = path.join(folder, "config.yaml");
  await writeFile(config, JSON.stringify(configOf(doors, server)));
  const child = spawn(command, ["--config", config], { stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(child, "exit");
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    const isOver = await Promise.race([ended, pause(waitMs, null, { ref: false })]);
    child.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
    if (isOver === null) throw new Error(`the collector did not stop within ${waitMs} ms`);
  };
  const log: string[] = [];
  if (!(await isReady(child, log))) {
    await stop();
    throw new Error(`the collector did not get ready:\n${log.join("\n")}`);
  }
  return { httpUrl: `http://${doors.http}/v1/traces`, grpcAddress: doors.grpc, stop };
}

/** JSON, which is YAML too. */
function configOf(doors: { readonly http: string; readonly grpc: string }, server: OtlpServer) {
  const headers = { authorization };
  return {
    receivers: {
      "otlp/http": { protocols: { http: { endpoint: doors.http } } },
      "otlp/grpc": { protocols: { grpc: { endpoint: doors.grpc } } },
    },
    processors: { batch: { timeout: "50ms" } },
    exporters: {
      otlphttp: { endpoint: `${server.url}/api/public/otel`, headers },
      otlp: { endpoint: server.grpcAddress, tls: { insecure: true }, headers },
    },
    service: {
      telemetry: { metrics: { level: "none" } },
      pipelines: {
        "traces/http": {
          receivers: ["otlp/http"],
          processors: ["batch"],
          exporters: ["otlphttp"],
        },
        "traces/grpc": { receivers: ["otlp/grpc"], processors: ["batch"], exporters: ["otlp"] },
      },
    },
  };
}

/** Whether it says so before it ends, and in time; keeps reading afterwards, so that the pipe never fills. */
async function isReady(child: ChildProcess, log: string[]): Promise<boolean> {
  return await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => resolve(false));
    setTimeout(() => resolve(false), waitMs).unref();
    if (child.stderr === null) return;
    createInterface(child.stderr).on("line", (line) => {
      log.push(line);
      if (line.includes("Everything is ready.")) resolve(true);
    });
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
