import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";

import { openDevServer } from "../../clickhouse/dev-server/dev-server.ts";
import type { DevServer } from "../../clickhouse/dev-server/dev-server.ts";
import { startKafka } from "../kafka/broker.ts";
import type { KafkaCluster } from "../kafka/broker.ts";
import { project } from "../started-server.ts";
import type { LogLine } from "../started-server.ts";

export type Command = "gateway" | "writer" | "query";

/** Kafka and the engine behind ClickHouse's interface, and the processes that a test has started on them. */
export interface Cluster {
  readonly kafka: KafkaCluster;
  readonly clickhouse: ClickHouse;
  /**
   * Starts one process of the built command, or of the build in the folder `program`. Rejects with its log when it does
   * not get ready.
   */
  start(
    command: Command,
    env?: Readonly<Record<string, string>>,
    program?: string,
  ): Promise<StartedProcess>;
  /** Ends all that was started here. */
  stop(): Promise<void>;
}

/** What the engine's server is here: a place, and faults. */
export type ClickHouse = Pick<DevServer, "url" | "setFault" | "close">;

export interface ClusterOptions {
  /** Settings of every process that is started here. */
  readonly env?: Readonly<Record<string, string>>;
  /** Starts the engine's server on this directory; without it, one in the process of the test. */
  readonly startClickHouse?: (directory: string) => Promise<ClickHouse>;
}

export interface StartedProcess {
  readonly url: string;
  readonly process: ChildProcess;
  readonly log: readonly LogLine[];
  /** SIGTERM; rejects when it does not end, or with another exit code than 0. */
  stop(): Promise<void>;
}

const root = join(import.meta.dirname, "..", "..");
/** Limits against hanging for ever. */
const readyMs = 120_000;
const stopMs = 60_000;

export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-processes-"));
  const kafka = await startKafka();
  const { startClickHouse = openHere } = options;
  const clickhouse = await startClickHouse(join(directory, "clickhouse"));
  const shared = {
    SLUICE_PORT: "0",
    SLUICE_OTLP_GRPC_PORT: "off",
    SLUICE_DATA_DIR: join(directory, "data"),
    SLUICE_SHUTDOWN_MS: String(stopMs / 2),
    SLUICE_KEY_PEPPER: "5c".repeat(32),
    SLUICE_KAFKA_BROKERS: kafka.addresses.join(","),
    SLUICE_KAFKA_PARTITIONS: "3",
    SLUICE_KAFKA_REPLICATION: "1",
    SLUICE_CLICKHOUSE_URL: clickhouse.url,
    SLUICE_INIT_PROJECT_ID: project.id,
    SLUICE_INIT_PROJECT_PUBLIC_KEY: project.publicKey,
    SLUICE_INIT_PROJECT_SECRET_KEY: project.secretKey,
    ...options.env,
  };
  const children = new Set<ChildProcess>();
  return {
    kafka,
    clickhouse,
    async start(command, env = {}, program = root) {
      return await startProcess({ command, program, env: { ...shared, ...env } }, children);
    },
    async stop() {
      for (const child of children) {
        const gone = once(child, "exit");
        if (child.kill("SIGKILL")) await gone;
      }
      await clickhouse.close();
      await kafka.stop();
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function openHere(directory: string): Promise<DevServer> {
  return await openDevServer({
    directory,
    port: 0,
    user: "default",
    password: "",
    memoryBytesMax: 1024 ** 3,
    statementsMax: 3,
  });
}

interface Start {
  readonly command: Command;
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
}

async function startProcess(
  { command, program, env }: Start,
  children: Set<ChildProcess>,
): Promise<StartedProcess> {
  const child = spawn(process.execPath, ["dist/services/cli.js", command], {
    cwd: program,
    stdio: ["ignore", "pipe", "pipe"],
    env,
  });
  children.add(child);
  const ended = once(child, "exit") as Promise<[number | null]>;
  void ended.then(() => children.delete(child));
  const log: LogLine[] = [];
  createInterface(child.stderr).on("line", (line) => log.push(logLineOf(line)));
  const ready = new Promise<string>((resolve) => {
    createInterface(child.stdout).on("line", (line) => {
      const found = /^Sluice's .* is ready at (\S+)$/.exec(line)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
  const url = await Promise.race([ready, ended.then(() => null), after(readyMs)]);
  if (url === null) {
    child.kill("SIGKILL");
    throw new Error(
      `${command} did not get ready:\n${log.map((line) => JSON.stringify(line)).join("\n")}`,
    );
  }
  return {
    url,
    process: child,
    log,
    async stop() {
      child.kill("SIGTERM");
      const stopped = await Promise.race([ended, after(stopMs)]);
      if (stopped?.[0] === 0) return;
      child.kill("SIGKILL");
      throw new Error(`${command} ended with ${JSON.stringify(stopped)}`);
    },
  };
}

function logLineOf(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { level: "error", message: line };
  }
}

async function after(ms: number): Promise<null> {
  return await pause(ms, null, { ref: false });
}
