import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, mkdir, readFile, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

import { project } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { patienceMs } from "./clients.ts";

/** How long a suite's packages may take to come, where nothing is there yet and the machine is slow. */
export const installMsMax = 600_000;

/** Python with the packages of a suite and no others. */
export interface Python {
  /** Runs a script of the folder `python`, and gives what it printed; rejects with its complaint when it fails. */
  run(
    script: string,
    args?: readonly string[],
    env?: Readonly<Record<string, string>>,
  ): Promise<unknown>;
}

/**
 * Python with these packages, each pinned as `name==version`, beside those of `python/shared.txt`. They are fetched
 * once a machine, into a folder named after what is in it; other pins are another folder. Rejects without Python.
 */
export async function pythonWith(packages: readonly string[]): Promise<Python> {
  const shared = await readFile(path.join(scripts, "shared.txt"), "utf8");
  const pins = shared.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const version = await pythonVersion();
  // One after the other: the packages of a suite come first in the search.
  const folders = [await installed(pins, version), await installed(packages, version)].toReversed();
  return {
    async run(script, args = [], env = {}) {
      // With `-S` none of the machine's own packages.
      const { stdout } = await promisify(execFile)(
        "python3",
        ["-S", path.join(scripts, script), ...args],
        {
          env: { ...process.env, PYTHONPATH: folders.join(path.delimiter), ...env },
          maxBuffer: outputBytesMax,
        },
      );
      return stdout === "" ? null : (JSON.parse(stdout) as unknown);
    },
  };
}

/** What the Langfuse SDKs for Python read of the environment. */
export function langfuseEnv(server: StartedServer): Record<string, string> {
  return {
    LANGFUSE_HOST: server.url,
    LANGFUSE_PUBLIC_KEY: project.publicKey,
    LANGFUSE_SECRET_KEY: project.secretKey,
    LANGFUSE_TRACING_ENVIRONMENT: "staging",
    LANGFUSE_RELEASE: "r-42",
    LANGFUSE_TIMEOUT: String(patienceMs / 1000),
  };
}

const scripts = path.join(import.meta.dirname, "python");
const cache = path.join(
  process.env["XDG_CACHE_HOME"] ?? path.join(homedir(), ".cache"),
  "sluice-python",
);
const outputBytesMax = 16 * 2 ** 20;
const pipArgs =
  "--quiet --disable-pip-version-check --retries 10 --no-compile --no-deps --target".split(" ");

/** The folder that holds exactly these packages. It appears complete or not at all, also when two install at once. */
async function installed(pins: readonly string[], version: string): Promise<string> {
  const content = createHash("sha256")
    .update([version, ...pins].join("\n"))
    .digest("hex");
  const folder = path.join(cache, content.slice(0, 24));
  if (await exists(folder)) return folder;
  const unfinished = `${folder}.${process.pid}`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(cache, { recursive: true });
  await promisify(execFile)("python3", ["-m", "pip", "install", ...pipArgs, unfinished, ...pins]);
  try {
    await rename(unfinished, folder);
  } catch (error) {
    // Somebody else was faster.
    if (!(await exists(folder))) throw error;
    await rm(unfinished, { recursive: true, force: true });
  }
  return folder;
}

/** Its version and machine, which decide what pip fetches. */
async function pythonVersion(): Promise<string> {
  const script =
    "import sys, sysconfig, pip; assert sys.version_info >= (3, 11), sys.version; print(sys.version_info[:2], sysconfig.get_platform())";
  try {
    return (await promisify(execFile)("python3", ["-c", script])).stdout;
  } catch (error) {
    throw new Error(
      "These tests need `python3`, 3.11 or later, with pip: install both (apt-get install python3 python3-pip)",
      { cause: error },
    );
  }
}

async function exists(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}
