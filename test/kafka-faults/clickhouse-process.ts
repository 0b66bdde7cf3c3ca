import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { builtProgram } from "../faults/server.ts";
import type { ClickHouse } from "../processes/cluster.ts";

/** The development server in a process of its own, on one address and directory through all of its lives. */
export interface ClickHouseProcess extends ClickHouse {
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
  /** Starts it again on what it had stored. */
  restart(): Promise<void>;
}

/** Starts it on a free port; rejects when it ends before it is ready. */
export async function startClickHouseProcess(directory: string): Promise<ClickHouseProcess> {
  let { child, url } = await launch(directory, "0");
  const kill = async (): Promise<void> => {
    const gone = child.exitCode === null && child.signalCode === null ? once(child, "exit") : null;
    child.kill("SIGKILL");
    await gone;
  };
  return {
    url,
    setFault() {
      throw new Error("This one is killed; faults are for the server in the process of the test.");
    },
    kill,
    async restart() {
      ({ child } = await launch(directory, new URL(url).port));
    },
    close: kill,
  };
}

async function launch(
  directory: string,
  port: string,
): Promise<{ child: ChildProcess; url: string }> {
  const main = join(builtProgram, "dist", "clickhouse", "dev-server", "main.js");
  const child = spawn(process.execPath, [main, "--directory", directory, "--port", port], {
    // Its end of the channel closes with this process, and it ends with that.
    stdio: ["ignore", "pipe", "inherit", "ipc"],
    env: { UV_THREADPOOL_SIZE: "32" },
  });
  if (child.stdout === null) throw new Error("its standard output is a pipe");
  const lines = createInterface(child.stdout);
  const ready = new Promise<string>((resolve) => {
    lines.on("line", (line) => {
      const found = /is ready at (\S+)$/.exec(line)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
  const url = await Promise.race([ready, once(child, "exit").then(() => null)]);
  if (url === null) throw new Error(`The development server ended with ${child.exitCode}.`);
  return { child, url };
}
