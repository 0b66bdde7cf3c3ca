import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

import type { ExportedRow } from "../faults/oracle.ts";
import { startServer } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { keysOf, projectIdOf } from "./step.ts";
import type { Project } from "./step.ts";

/** A data directory that knows both projects of a run. */
export interface TwoProjects {
  start(): Promise<StartedServer>;
  /** Every row of a project, as the command line gives them. */
  exportText(project: Project): Promise<string>;
  dispose(): Promise<void>;
}

/** A start makes one project, so that it takes two of them. */
export async function createTwoProjects(): Promise<TwoProjects> {
  const dataDir = await mkdtemp(path.join(tmpdir(), "sluice-fuzz-"));
  const start = (project: Project): Promise<StartedServer> =>
    startServer({ dataDir, env: initOf(project) });
  await (await start("a")).stop();
  return {
    start: () => start("b"),
    exportText: (project) => exported(dataDir, project),
    dispose: () => rm(dataDir, { recursive: true, force: true }),
  };
}

export function rowsOf(text: string): ExportedRow[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as ExportedRow);
}

function initOf(project: Project): Record<string, string> {
  return {
    SLUICE_INIT_PROJECT_ID: projectIdOf(project),
    SLUICE_INIT_PROJECT_PUBLIC_KEY: keysOf[project].publicKey,
    SLUICE_INIT_PROJECT_SECRET_KEY: keysOf[project].secretKey,
    // Thousands of requests, and a line of each would be kept.
    SLUICE_LOG_LEVEL: "warn",
  };
}

const run = promisify(execFile);
const exportBytesMax = 1024 ** 3;

async function exported(dataDir: string, project: Project): Promise<string> {
  const { stdout } = await run(
    process.execPath,
    ["dist/services/cli.js", "export", "--project", projectIdOf(project)],
    {
      cwd: path.join(import.meta.dirname, "..", ".."),
      env: { SLUICE_DATA_DIR: dataDir },
      maxBuffer: exportBytesMax,
    },
  );
  return stdout;
}
