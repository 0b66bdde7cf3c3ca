import { readFile } from "node:fs/promises";
import path from "node:path";
import type * as chdbModule from "chdb";
import type { Session } from "chdb";
import { wholeNumber } from "./read-settings.ts";

/** The longest statement with its bound values: a look-up of 500 ids of 800 characters, four bytes each, escaped. */
const statementBytesMax = 16 * 1024 * 1024;

/** What a session is for: one that reads can change nothing. */
export type SessionUse = "reading" | "writing";

export interface Engine {
  connect(use: SessionUse): Promise<Session>;
  /** Call with all sessions closed: resolves when nothing of the engine runs any more in this process. */
  close(): Promise<void>;
}

/** Starts the engine on a directory. Rejects, as `connect` does, with an error that says what to do. */
export async function connectEngine(directory: string, memoryBytesMax: number): Promise<Engine> {
  const { Session, drainPending } = await loadChdb();
  // What is said here holds for the session's life; what differs between statements is said in the statement.
  const shared = [
    `--max_server_memory_usage=${wholeNumber(memoryBytesMax)}`,
    `--max_query_size=${statementBytesMax}`,
    "--session_timezone=UTC",
  ];

  async function connect(use: SessionUse): Promise<Session> {
    // 2 rather than 1: a statement must still set its parameters and limits.
    const connectionArgs = use === "reading" ? [...shared, "--readonly=2"] : shared;
    try {
      return new Session(directory, { connectionArgs });
    } catch (cause) {
      throw new Error(`ClickHouse cannot open ${directory}. ${await adviceFor(directory)}`, {
        cause,
      });
    }
  }

  // The engine stops with its last session. This one runs nothing, so it keeps running whatever becomes of others.
  const anchor = await connect("reading");
  return {
    connect,
    async close() {
      anchor.close();
      await drainPending();
    },
  };
}

/** Loaded on demand: the rest of Sluice, its gateway above all, also runs where there is no engine. */
async function loadChdb(): Promise<typeof chdbModule> {
  try {
    return await import("chdb");
  } catch (cause) {
    throw new Error(
      `The embedded ClickHouse engine does not load on ${process.platform}-${process.arch}. It needs Linux with ` +
        `glibc or macOS, on x64 or arm64; there, "npm ci" installs it unless optional packages are left out.`,
      { cause },
    );
  }
}

/** The engine itself tells its reason only on standard error. */
async function adviceFor(directory: string): Promise<string> {
  const holder = await holderOf(directory);
  return holder === null
    ? "Its reason stands on standard error; check that the directory can be written and its disk has room."
    : `Process ${holder} holds it: stop that process first, or use another directory.`;
}

/** The live process that the engine's lock file names. */
async function holderOf(directory: string): Promise<number | null> {
  const status = await readFile(path.join(directory, "status"), "utf8").catch(() => "");
  const pid = Number(/^PID: (\d+)$/m.exec(status)?.[1] ?? 0);
  if (pid === 0 || pid === process.pid) return null;
  try {
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    // EPERM: it lives, and belongs to someone else.
    return (error as NodeJS.ErrnoException).code === "EPERM" ? pid : null;
  }
}
