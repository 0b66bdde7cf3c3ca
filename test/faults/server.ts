import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

/** The built program that is tested: the folder that holds `dist/` and `node_modules/`. */
export const builtProgram = join(import.meta.dirname, "..", "..");

export const project = "faults";
export const publicKey = "pk-lf-faults";
export const secretKey = "sk-lf-faults";
export const authorization = `Basic ${Buffer.from(`${publicKey}:${secretKey}`).toString("base64")}`;

/** A data directory and an address that outlive the processes which are run on them. */
export interface Place {
  readonly dataDir: string;
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
  /** Kills what still runs here and removes the directory. */
  dispose(): Promise<void>;
}

interface LivePlace extends Place {
  readonly children: Set<ChildProcess>;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Server {
  readonly pid: number;
  /** From the start of the process to its ready line. */
  readonly readyMs: number;
  readonly exited: Promise<Exit>;
  /** All that it wrote to standard error. */
  stderr(): string;
  /** Greatest resident memory so far, in MiB. */
  rssMax(): number;
  /** Processor time of the thread that runs JavaScript so far, in milliseconds; others cannot make it longer. */
  mainThreadMs(): number;
  /** SIGKILL; resolves when the process is gone, which it may have been before. */
  kill(): Promise<Exit>;
  /** SIGTERM; resolves when the process has ended, which it may have done before. */
  stop(): Promise<Exit & { readonly ms: number }>;
}

export interface CommandResult extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** The folder of a build, when it is not the ordinary one. */
  readonly program?: string;
  /** A command that runs the server as its child, such as `["strace", "-f"]`. */
  readonly under?: readonly string[];
}

/** Limits against hanging for ever; what takes long is printed and not judged. */
const readyMsMax = 60_000;
const shutdownMsMax = 60_000;
const rssSampleMs = 100;

/** A new, empty data directory and a free address. Settings given here apply to every process run on it. */
export async function createPlace(env: Readonly<Record<string, string>> = {}): Promise<Place> {
  const dataDir = await mkdtemp(join(tmpdir(), "sluice-faults-"));
  const host = ownHost();
  const port = await freePort(host);
  const children = new Set<ChildProcess>();
  const place: LivePlace = {
    dataDir,
    url: `http://${host}:${port}`,
    children,
    env: {
      SLUICE_DATA_DIR: dataDir,
      SLUICE_HOST: host,
      SLUICE_PORT: String(port),
      SLUICE_OTLP_GRPC_PORT: "off",
      SLUICE_SHUTDOWN_MS: String(shutdownMsMax),
      SLUICE_DISK_FLOOR_BYTES: "0",
      SLUICE_INIT_PROJECT_ID: project,
      SLUICE_INIT_PROJECT_PUBLIC_KEY: publicKey,
      SLUICE_INIT_PROJECT_SECRET_KEY: secretKey,
      ...env,
    },
    async dispose() {
      for (const child of children) {
        const gone = once(child, "exit");
        if (child.kill("SIGKILL")) await gone;
      }
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  return place;
}

/** Starts the server; resolves when it says that it is ready, rejects with what it wrote when it ends before. */
export async function startServer(place: Place, options: RunOptions = {}): Promise<Server> {
  const startedAt = performance.now();
  const child = launch(place, ["standalone"], options);
  const output = collect(child);
  const exited = exitOf(child);
  const isReady = watchFor(child, output, /Sluice is ready at /);
  const outcome = await Promise.race([
    isReady.then(() => "ready" as const),
    exited,
    pause(readyMsMax, "late" as const, { ref: false }),
  ]);
  if (outcome !== "ready" || child.pid === undefined) {
    child.kill("SIGKILL");
    throw new Error(
      `The server did not become ready (${JSON.stringify(outcome)}):\n${output.stderr}`,
    );
  }
  const pid = options.under === undefined ? child.pid : onlyChildOf(child.pid);
  const memory = watchMemory(pid, exited);
  return {
    pid,
    readyMs: performance.now() - startedAt,
    exited,
    stderr: () => output.stderr,
    rssMax: memory,
    mainThreadMs: () => mainThreadMs(pid),
    async kill() {
      if (isRunning(child)) send(pid, "SIGKILL");
      return await exited;
    },
    async stop() {
      const askedAt = performance.now();
      if (isRunning(child)) send(pid, "SIGTERM");
      return { ...(await exited), ms: performance.now() - askedAt };
    },
  };
}

/** Runs another command of the program to its end. */
export async function runCommand(
  place: Place,
  args: readonly string[],
  options: RunOptions = {},
): Promise<CommandResult> {
  const child = launch(place, args, options);
  const output = collect(child);
  const exit = await exitOf(child);
  return { ...exit, stdout: Buffer.concat(output.stdout).toString(), stderr: output.stderr };
}

/** What a process of our own logged with this message, across all of `stderr`. */
export function logged(stderr: string, message: string): Record<string, unknown>[] {
  return stderr
    .split("\n")
    .filter((line) => line.startsWith("{") && line.includes(message))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line["message"] === message);
}

function launch(place: Place, args: readonly string[], options: RunOptions): ChildProcess {
  const { program = builtProgram, under = [] } = options;
  const entry = join(program, "dist", "services", "cli.js");
  if (!existsSync(entry)) throw new Error(`There is no ${entry}: run "npm run build" first.`);
  const [command = "", ...rest] = [...under, process.execPath, entry, ...args];
  const { PATH = "" } = process.env;
  const child = spawn(command, rest, {
    env: { PATH, ...place.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const { children } = place as LivePlace;
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

interface Output {
  readonly stdout: Buffer[];
  stderr: string;
}

function collect(child: ChildProcess): Output {
  const output: Output = { stdout: [], stderr: "" };
  child.stdout?.on("data", (chunk: Buffer) => output.stdout.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()));
  return output;
}

async function exitOf(child: ChildProcess): Promise<Exit> {
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return { code, signal };
}

function watchFor(child: ChildProcess, output: Output, pattern: RegExp): Promise<void> {
  return new Promise((resolve) => {
    child.stdout?.on("data", () => {
      if (pattern.test(Buffer.concat(output.stdout).toString())) resolve();
    });
  });
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** The server that a wrapper such as strace runs. */
function onlyChildOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  const [child] = children;
  if (children.length !== 1 || !child) throw new Error(`Process ${pid} has not one child.`);
  return Number(child);
}

function watchMemory(pid: number, exited: Promise<Exit>): () => number {
  let rssMax = 0;
  const sample = (): void => {
    rssMax = Math.max(rssMax, peakRss(pid));
  };
  sample();
  const timer = setInterval(sample, rssSampleMs);
  void exited.then(() => clearInterval(timer));
  return () => {
    sample();
    return rssMax;
  };
}

/** The kernel's own high-water mark, in MiB; 0 when the process is gone. */
function peakRss(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** Linux counts processor time in ticks of 10 ms. */
const tickMs = 10;

function mainThreadMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/task/${pid}/stat`, "utf8");
  // The second field is the program's name in brackets and may hold anything; fields are counted after it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * tickMs;
}

/**
 * A loopback address that nobody else uses. A port of 127.0.0.1 could go to any other process while no server listens
 * on it, or to the very client that tries to connect to it.
 */
function ownHost(): string {
  return `127.${randomInt(1, 255)}.${randomInt(256)}.${randomInt(1, 255)}`;
}

async function freePort(host: string): Promise<number> {
  const probe = createServer();
  probe.listen(0, host);
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}
