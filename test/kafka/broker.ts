import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

import kafkajs from "kafkajs";

const runner = join(import.meta.dirname, "..", "..", "deploy", "kafka", "run.mjs");
/** Limits against hanging for ever: the first start fetches 45 MB. */
const prepareMs = 280_000;
const readyMs = 120_000;
const lookMs = 100;

/** The version that the suites run against, as `deploy/kafka/run.mjs` takes it; null is that script's own default. */
const testedVersion = process.env["SLUICE_TEST_KAFKA_VERSION"] ?? null;

/** A Kafka cluster on loopback whose brokers are ours to stop, kill and start. */
export interface KafkaCluster {
  readonly version: string;
  /** `host:port` of each broker. */
  readonly addresses: readonly string[];
  readonly brokers: readonly KafkaBroker[];
  /** Ends all brokers and removes their data. */
  stop(): Promise<void>;
}

export interface KafkaBroker {
  readonly id: number;
  readonly address: string;
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
  /** Holds it where it is: connections stay, and nothing answers. */
  pause(): void;
  resume(): void;
  /** Starts it again on its data and address, after a kill. Resolves when it takes connections. */
  start(): Promise<void>;
}

/** Starts Kafka on free ports and an empty directory. Rejects, saying why, when there can be none. */
export async function startKafka(
  options: { readonly brokers?: number; readonly version?: string | null } = {},
): Promise<KafkaCluster> {
  const { brokers: count = 1, version = testedVersion } = options;
  const dir = await mkdtemp(join(tmpdir(), "sluice-kafka-"));
  const brokers: Broker[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(brokers.map((broker) => broker.kill()));
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const prepared = await prepare(dir, count, version);
    brokers.push(...prepared.nodes.map((node) => new Broker(node, dir)));
    await Promise.all(brokers.map((broker) => broker.start()));
    const addresses = brokers.map(({ address }) => address);
    await untilWhole(addresses);
    return { version: prepared.version, addresses, brokers, stop };
  } catch (error) {
    const logs = await Promise.all(brokers.map((broker) => broker.readLog()));
    await stop();
    throw new Error(`Kafka did not start: ${String(error)}\n${logs.join("\n")}`, { cause: error });
  }
}

interface Node {
  readonly id: number;
  readonly address: string;
  readonly command: string;
  readonly args: readonly string[];
}

async function prepare(
  dir: string,
  count: number,
  version: string | null,
): Promise<{ readonly version: string; readonly nodes: readonly Node[] }> {
  const args = [runner, "--prepare", "--dir", dir, "--brokers", String(count)];
  if (version !== null) args.push("--version", version);
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: prepareMs });
  return JSON.parse(stdout) as Awaited<ReturnType<typeof prepare>>;
}

/** Brokers that would outlive a test run that was ended. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

class Broker implements KafkaBroker {
  readonly id: number;
  readonly address: string;
  readonly #node: Node;
  readonly #logPath: string;
  #child: ChildProcess | null = null;

  constructor(node: Node, dir: string) {
    this.id = node.id;
    this.address = node.address;
    this.#node = node;
    this.#logPath = join(dir, `broker-${node.id}.log`);
  }

  async start(): Promise<void> {
    const output = await open(this.#logPath, "a");
    const { command, args } = this.#node;
    const child = spawn(command, args, { stdio: ["ignore", output.fd, output.fd] });
    running.add(child);
    child.once("exit", () => running.delete(child));
    this.#child = child;
    await output.close();
    const deadline = performance.now() + readyMs;
    while (!(await accepts(this.address))) {
      if (child.exitCode !== null) throw new Error(`broker ${this.id} ended: ${child.exitCode}`);
      if (performance.now() > deadline) throw new Error(`broker ${this.id} does not listen`);
      await pause(lookMs);
    }
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  pause(): void {
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
  }

  async readLog(): Promise<string> {
    return readFile(this.#logPath, "utf8").catch(() => "");
  }
}

async function accepts(address: string): Promise<boolean> {
  const [host = "", port = ""] = address.split(":");
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) });
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("close", () => socket.destroy());
    socket.once("connect", () => socket.destroy());
  });
}

/** Resolves when every broker knows of all of them. */
async function untilWhole(addresses: readonly string[]): Promise<void> {
  const client = new kafkajs.Kafka({
    brokers: [...addresses],
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { retries: 0 },
  });
  const deadline = performance.now() + readyMs;
  for (;;) {
    const admin = client.admin();
    try {
      await admin.connect();
      if ((await admin.describeCluster()).brokers.length === addresses.length) return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    } finally {
      await admin.disconnect();
    }
    await pause(lookMs);
  }
}
