import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";

import { parseConfig } from "../runtime/config.ts";
import type { Config } from "../runtime/config.ts";
import { recordingLogger } from "../runtime/http/testing.ts";
import type { LogLine } from "../runtime/http/testing.ts";
import { exportCommand, keysCommand } from "./commands.ts";
import { startStandalone } from "./standalone.ts";

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "sluice-standalone-"));
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

function configOf(name: string, env: Record<string, string> = {}): Config {
  const parsed = parseConfig({
    SLUICE_PORT: "0",
    SLUICE_OTLP_GRPC_PORT: "off",
    SLUICE_DATA_DIR: path.join(directory, name),
    SLUICE_DISK_FLOOR_BYTES: "0",
    SLUICE_SHUTDOWN_MS: "60000",
    ...env,
  });
  if (!parsed.ok) throw new Error(parsed.problems.join("\n"));
  return parsed.config;
}

interface Started {
  readonly url: string;
  readonly printed: string;
  readonly lines: LogLine[];
  close(): Promise<void>;
}

async function started(config: Config): Promise<Started> {
  const { log, lines } = recordingLogger();
  const printed: string[] = [];
  const server = await startStandalone(config, {
    logger: log,
    print: (line) => printed.push(line),
  });
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await server.close();
  };
  onTestFinished(close);
  return { url: server.url, printed: printed.join("\n"), lines, close };
}

function keysIn(text: string): { publicKey: string; secretKey: string } {
  return {
    publicKey: /LANGFUSE_PUBLIC_KEY=(\S+)/.exec(text)?.[1] ?? "",
    secretKey: /LANGFUSE_SECRET_KEY=(sk\S+)/.exec(text)?.[1] ?? "",
  };
}

async function ask(
  url: string,
  { publicKey, secretKey }: ReturnType<typeof keysIn>,
): Promise<number> {
  const authorization = `Basic ${Buffer.from(`${publicKey}:${secretKey}`).toString("base64")}`;
  return (await fetch(`${url}/api/public/projects`, { headers: { authorization } })).status;
}

async function output(
  run: (print: (line: string) => Promise<void>) => Promise<void>,
): Promise<string> {
  const lines: string[] = [];
  await run(async (line) => void lines.push(line));
  return lines.join("\n");
}

test("the first start makes a project and a key, shows the secret once and stores no trace of it", async () => {
  const config = configOf("first");
  const first = await started(config);
  const keys = keysIn(first.printed);
  expect(await ask(first.url, keys)).toBe(200);
  await first.close();

  const again = await started(config);
  expect(again.printed).toContain(keys.publicKey);
  expect(again.printed).not.toContain(keys.secretKey);
  expect(await ask(again.url, keys)).toBe(200);
  expect(JSON.stringify(first.lines)).not.toContain(keys.secretKey);
  const registry = path.join(config.dataDir, "log", "registry");
  for (const name of await readdir(registry)) {
    expect(await readFile(path.join(registry, name), "latin1")).not.toContain(keys.secretKey);
  }
});

test("a project and keys of the settings are made once, and what contradicts them later is left alone and named", async () => {
  const env = {
    SLUICE_INIT_PROJECT_ID: "mine",
    SLUICE_INIT_PROJECT_PUBLIC_KEY: "pk-lf-mine",
    SLUICE_INIT_PROJECT_SECRET_KEY: "sk-lf-mine",
  };
  const first = await started(configOf("given", env));
  const keys = { publicKey: "pk-lf-mine", secretKey: "sk-lf-mine" };
  expect(await ask(first.url, keys)).toBe(200);
  await first.close();

  const other = { ...env, SLUICE_INIT_PROJECT_SECRET_KEY: "sk-lf-other" };
  const second = await started(configOf("given", other));
  expect(await ask(second.url, keys)).toBe(200);
  expect(await ask(second.url, { ...keys, secretKey: "sk-lf-other" })).toBe(401);
  expect(
    second.lines.some(({ level, message }) => level === "warn" && message.includes("pk-lf-mine")),
  ).toBe(true);
});

test("keys are made, listed and revoked through the running server, with effect at once", async () => {
  const config = configOf("running");
  const server = await started(config);
  const made = keysIn(
    await output((print) => keysCommand(config, { action: "create", note: "n", print })),
  );
  expect(await ask(server.url, made)).toBe(200);
  const list = await output((print) => keysCommand(config, { action: "list", print }));
  expect(list).toContain(made.publicKey);
  expect(list).not.toContain(made.secretKey);

  await output((print) =>
    keysCommand(config, { action: "revoke", publicKey: made.publicKey, print }),
  );
  expect(await ask(server.url, made)).toBe(401);
  const unknown = keysCommand(config, {
    action: "revoke",
    publicKey: "pk-lf-no",
    print: async () => {},
  });
  await expect(unknown).rejects.toThrow("sluice keys list");
});

test("nobody reaches the operators' port without the token, which its owner alone can read", async () => {
  const config = configOf("guarded");
  await started(config);
  const file = path.join(config.dataDir, "control.json");
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const { url } = JSON.parse(await readFile(file, "utf8"));
  for (const headers of [{}, { authorization: "Bearer wrong" }]) {
    expect((await fetch(`${url}/keys`, { headers })).status).toBe(401);
  }
});

test("an export holds what was accepted just before, through the server and on the directory alike", async () => {
  const config = configOf("exported");
  const server = await started(config);
  const { publicKey, secretKey } = keysIn(server.printed);
  const event = {
    id: "e",
    type: "trace-create",
    timestamp: new Date().toISOString(),
    body: { id: "t", name: "line\nbreak", input: { a: [1] } },
  };
  const answer = await fetch(`${server.url}/api/public/ingestion`, {
    method: "POST",
    headers: {
      authorization: `Basic ${Buffer.from(`${publicKey}:${secretKey}`).toString("base64")}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({ batch: [event] }),
  });
  expect(answer.status).toBe(207);
  const running = await output((print) => exportCommand(config, { project: "default", print }));
  expect(running.split("\n").map((line) => JSON.parse(line))).toMatchObject([
    { table: "traces", id: "t", name: "line\nbreak", input: '{"a":[1]}' },
  ]);
  const none = exportCommand(config, { project: "none", print: async () => {} });
  await expect(none).rejects.toThrow("there is no project none");

  await server.close();
  expect(await output((print) => exportCommand(config, { project: "default", print }))).toBe(
    running,
  );
});

test("a directory that is in use is refused, with the pid of who holds it", async () => {
  const config = configOf("held");
  await started(config);
  await expect(started(config)).rejects.toThrow(String(process.pid));
});
