import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";

/** The project that the first start makes, and its keys. */
export const project = {
  id: "started-project",
  publicKey: "pk-lf-started",
  secretKey: "sk-lf-started",
} as const;

/** One line of the server's log. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** The built command at work, as a person would start it. */
export interface StartedServer {
  readonly url: string;
  readonly dataDir: string;
  readonly process: ChildProcess;
  /** What it has logged so far. */
  readonly log: readonly LogLine[];
  /** One request with the project's keys, for what an SDK cannot ask. */
  get(path: string): Promise<Answer>;
  /** Sends it again, as clients do, while the answer is a 503: a machine may be too slow for a moment. */
  post(path: string, body: unknown): Promise<Answer>;
  /**
   * Ends it as an operator would, and removes the data directory that it was given. Rejects when it does not end, or
   * with another exit code than 0.
   */
  stop(): Promise<void>;
}

export interface StartOptions {
  /** An existing directory to start on; left as it is afterwards. */
  readonly dataDir?: string;
  /** Further settings. */
  readonly env?: Readonly<Record<string, string>>;
}

const root = path.join(import.meta.dirname, "..");
/** Limits against hanging for ever; what takes long is measured elsewhere. */
const readyMs = 60_000;
const stopMs = 60_000;
const waitMs = 30_000;

/** Starts the built command on a free port; rejects with its log when it does not get ready. */
export async function startServer(options: StartOptions = {}): Promise<StartedServer> {
  const dataDir = options.dataDir ?? (await mkdtemp(path.join(tmpdir(), "sluice-")));
  // None of this process's own environment: what is set there must not decide what a test proves.
  const child = spawn(process.execPath, ["dist/services/cli.js", "standalone"], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      SLUICE_PORT: "0",
      SLUICE_OTLP_GRPC_PORT: "off",
      SLUICE_DATA_DIR: dataDir,
      // Else a disk that others have filled, or a stop while others keep the machine busy, would fail a test.
      SLUICE_DISK_FLOOR_BYTES: "0",
      SLUICE_SHUTDOWN_MS: String(stopMs / 2),
      SLUICE_INIT_PROJECT_ID: project.id,
      SLUICE_INIT_PROJECT_PUBLIC_KEY: project.publicKey,
      SLUICE_INIT_PROJECT_SECRET_KEY: project.secretKey,
      ...options.env,
    },
  });
  const ended = once(child, "exit") as Promise<[number | null]>;
  const log: LogLine[] = [];
  createInterface(child.stderr).on("line", (line) => log.push(logLineOf(line)));

  const url = await Promise.race([readyUrl(child.stdout), ended.then(() => null), after(readyMs)]);
  if (url === null) {
    child.kill("SIGKILL");
    throw new Error(`the server did not get ready:\n${log.map(textOfLine).join("\n")}`);
  }
  const request = requesterOf(url);
  return {
    url,
    dataDir,
    process: child,
    log,
    get: (where) => request("GET", where),
    post: (where, body) =>
      eventually(
        () => request("POST", where, body),
        ({ status }) => status !== 503,
      ),
    async stop() {
      child.kill("SIGTERM");
      const stopped = await Promise.race([ended, after(stopMs)]);
      child.kill("SIGKILL");
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
      if (stopped === null) throw new Error(`the server did not stop within ${stopMs} ms`);
      if (stopped[0] !== 0) throw new Error(`the server ended with exit code ${stopped[0]}`);
    },
  };
}

/** Reads again and again until the value is as wanted, and gives it; rejects with the last one after `withinMs`. */
export async function eventually<Value>(
  read: () => Promise<Value>,
  wanted: (value: Value) => boolean,
  withinMs = waitMs,
): Promise<Value> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const value = await read();
    if (wanted(value)) return value;
    if (performance.now() > deadline)
      throw new Error(`not so within ${withinMs} ms; the last read gave ${JSON.stringify(value)}`);
    await pause(pollMs);
  }
}

const pollMs = 20;

/** Resolves with the announced address; keeps reading afterwards, so that the pipe never fills. */
function readyUrl(stdout: Readable): Promise<string> {
  return new Promise((resolve) => {
    createInterface(stdout).on("line", (line) => {
      const found = /^Sluice is ready at (\S+)$/.exec(line)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
}

function requesterOf(url: string) {
  const credentials = Buffer.from(`${project.publicKey}:${project.secretKey}`).toString("base64");
  return async (method: string, where: string, body?: unknown): Promise<Answer> => {
    const answer = await fetch(url + where, {
      method,
      headers: { authorization: `Basic ${credentials}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: await answer.json() };
  };
}

/** A line that is not JSON, such as a crash, counts as an error. */
function logLineOf(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { level: "error", message: line };
  }
}

function textOfLine(line: LogLine): string {
  return JSON.stringify(line);
}

async function after(ms: number): Promise<null> {
  return await pause(ms, null, { ref: false });
}
