import path from "node:path";

import type { Config } from "../runtime/config.ts";
import { createLifecycle } from "../runtime/lifecycle.ts";
import { createLogger } from "../runtime/logger.ts";
import { remoteOperations } from "./control.ts";
import { openCore } from "./core.ts";
import { localOperations } from "./operations.ts";
import type { Operations } from "./operations.ts";

type Print = (line: string) => Promise<void>;

export interface KeysRequest {
  readonly action: "create" | "list" | "revoke";
  readonly project?: string;
  readonly publicKey?: string;
  readonly note?: string;
  readonly print: Print;
}

/** `sluice keys …`. Rejects with a sentence for the person who asked. */
export async function keysCommand(config: Config, request: KeysRequest): Promise<void> {
  await withOperations(config, async (operations) => {
    switch (request.action) {
      case "list":
        return await listKeys(operations, request);
      case "create":
        return await createKey(operations, request);
      case "revoke": {
        const publicKey = request.publicKey ?? "";
        if (!(await operations.revokeKey(publicKey))) {
          throw new Error(`there is no key ${publicKey}: see sluice keys list`);
        }
        return await request.print(`revoked ${publicKey}`);
      }
    }
  });
}

/** `sluice export`: every row of a project as lines of JSON. Rejects when there is no such project. */
export async function exportCommand(
  config: Config,
  { project, print }: { readonly project: string; readonly print: Print },
): Promise<void> {
  await withOperations(config, async (operations) => {
    const rows = await operations.exportRows(project);
    if (!rows) throw new Error(`there is no project ${project}: see sluice keys list`);
    for await (const line of rows) await print(line);
  });
}

async function listKeys(operations: Operations, { project, print }: KeysRequest): Promise<void> {
  for (const key of await operations.listKeys()) {
    if (project !== undefined && key.projectId !== project) continue;
    const state = key.revokedAt === null ? "active" : `revoked ${isoDay(key.revokedAt)}`;
    const note = key.note === null ? "" : `  ${JSON.stringify(key.note)}`;
    await print(
      `${key.projectId}  ${key.publicKey}  ${key.displaySecretKey}  made ${isoDay(key.createdAt)}  ${state}${note}`,
    );
  }
}

async function createKey(
  operations: Operations,
  { project, note, print }: KeysRequest,
): Promise<void> {
  const projects = new Set((await operations.listKeys()).map((key) => key.projectId));
  const [only] = projects;
  if (project === undefined && projects.size !== 1) {
    throw new Error("there are several projects: say which with --project");
  }
  const projectId = project ?? only ?? "";
  const pair = await operations.createKey(projectId, note ?? null);
  if (!pair) throw new Error(`there is no project ${projectId}: see sluice keys list`);
  await print(`LANGFUSE_PUBLIC_KEY=${pair.publicKey}`);
  await print(`LANGFUSE_SECRET_KEY=${pair.secretKey}`);
}

function isoDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** Through the server that runs on the data directory, or on the directory itself when none does. */
async function withOperations(
  config: Config,
  run: (operations: Operations) => Promise<void>,
): Promise<void> {
  const remote = await remoteOperations(path.resolve(config.dataDir));
  if (remote) return await run(remote);
  const logger = createLogger({
    level: "error",
    format: "human",
    write: (line) => void process.stderr.write(line),
  });
  const lifecycle = createLifecycle({ deadlineMs: config.shutdownMs, logger });
  try {
    await run(localOperations(await openCore(config, logger, lifecycle)));
  } finally {
    await lifecycle.close();
  }
}
