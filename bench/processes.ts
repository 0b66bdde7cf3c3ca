import { fork, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The project that the measured server makes on its first start. */
export const project = {
  id: "bench",
  publicKey: "pk-lf-bench",
  secretKey: "sk-lf-bench",
} as const;

export const authorization = `Basic ${Buffer.from(`${project.publicKey}:${project.secretKey}`).toString("base64")}`;

/** A server in a process of its own. */
export interface ServerProcess {
  readonly url: string;
  /** `performance.now()` of when it was started. */
  readonly startedAt: number;
  /** Resident memory in MiB: now, and the greatest so far. */
  memory(): { readonly now: number; readonly peak: number };
  /** Processor time that it has used so far, in ms, of all cores together and in steps of ten. */
  cpuMs(): number;
  /** Throws with the end of its log when it has ended by itself. */
  check(): void;
  /** What it has logged so far, a line of JSON each. */
  log(): string;
  /** SIGTERM; resolves when it has ended and its files are removed. */
  stop(): Promise<void>;
}

/** As `npm start` has them; the servers, the floor and the direct inserts all run with the same. */
const nodeFlags = ["--max-semi-space-size=64"];

const compiled = join(import.meta.dirname, "..");

/** A place for the files of one server, its `data` below it. */
export async function newDirectory(): Promise<string> {
  return await mkdtemp(join(tmpdir(), "sluice-bench-"));
}

/** The built `sluice standalone` in a directory that is removed when it stops. It may not listen yet. */
export async function startSluice(directory?: string): Promise<ServerProcess> {
  directory ??= await newDirectory();
  const port = await freePort();
  return launch([join(compiled, "services", "cli.js"), "standalone"], port, directory, {
    SLUICE_PORT: String(port),
    SLUICE_OTLP_GRPC_PORT: "off",
    SLUICE_DATA_DIR: join(directory, "data"),
    SLUICE_INIT_PROJECT_ID: project.id,
    SLUICE_INIT_PROJECT_PUBLIC_KEY: project.publicKey,
    SLUICE_INIT_PROJECT_SECRET_KEY: project.secretKey,
  });
}

/** The floor that Sluice is compared with; see floor-server.ts. It may not listen yet. */
export async function startFloor(): Promise<ServerProcess> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-bench-floor-"));
  const port = await freePort();
  return launch([join(compiled, "bench", "floor-server.js"), String(port)], port, directory, {});
}

/** Runs one task in a process of its own, which answers with one message; rejects when it ends without. */
export async function runApart<Result>(script: string, task: object): Promise<Result> {
  const child = fork(join(compiled, "bench", script), {
    env: {},
    execArgv: [...nodeFlags],
    serialization: "advanced",
  });
  try {
    const answered = once(child, "message") as Promise<[Result]>;
    const ended = once(child, "exit").then(() => Promise.reject(new Error(`${script} failed`)));
    child.send(task);
    const [result] = await Promise.race([answered, ended]);
    return result;
  } finally {
    child.kill();
  }
}

function launch(
  args: readonly string[],
  port: number,
  directory: string,
  env: Readonly<Record<string, string>>,
): ServerProcess {
  // A file, so that nobody has to read the log while the time runs.
  const logPath = join(directory, "log");
  const log = openSync(logPath, "w");
  const startedAt = performance.now();
  const child = spawn(process.execPath, [...nodeFlags, ...args], {
    stdio: ["ignore", "ignore", log],
    env,
  });
  closeSync(log);
  const exited = once(child, "exit");
  return {
    url: `http://127.0.0.1:${port}`,
    startedAt,
    memory: () => memoryOf(child),
    cpuMs: () => cpuMsOf(child),
    log: () => readFileSync(logPath, "utf8"),
    check() {
      if (child.exitCode === null && child.signalCode === null) return;
      throw new Error(`${args[0]} ended:\n${readFileSync(logPath, "utf8").slice(-2_000)}`);
    },
    async stop() {
      if (child.exitCode === null) child.kill("SIGTERM");
      await exited;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** From the kernel's own account, which Linux alone keeps in this place; NaN elsewhere. */
function memoryOf({ pid }: ChildProcess): { now: number; peak: number } {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return { now: mebibytes(status, "VmRSS"), peak: mebibytes(status, "VmHWM") };
  } catch {
    return { now: Number.NaN, peak: Number.NaN };
  }
}

/** Fields 14 and 15 of proc(5), in ticks of a hundredth of a second; NaN where there is no such file. */
function cpuMsOf({ pid }: ChildProcess): number {
  try {
    const [, fields = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
    const [user, system] = fields.split(" ").slice(11, 13).map(Number);
    return ((user ?? Number.NaN) + (system ?? Number.NaN)) * 10;
  } catch {
    return Number.NaN;
  }
}

function mebibytes(status: string, field: string): number {
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}
