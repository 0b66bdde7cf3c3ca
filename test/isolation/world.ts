import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { insertRows } from "../../clickhouse/insert.ts";
import type { ParkedRow } from "../../schemas/parked.ts";
import { recordEncoder } from "../../schemas/records.ts";
import { parseConfig } from "../../services/runtime/config.ts";
import type { Config } from "../../services/runtime/config.ts";
import { recordingLogger } from "../../services/runtime/http/testing.ts";
import { apiKeyOf } from "../../services/runtime/keys.ts";
import { createLifecycle } from "../../services/runtime/lifecycle.ts";
import { bootstrap } from "../../services/runtime/bootstrap.ts";
import { openCore } from "../../services/standalone/core.ts";
import type { Core } from "../../services/standalone/core.ts";
import { startStandalone } from "../../services/standalone/standalone.ts";
import { eventually } from "../started-server.ts";
import { canary, examplesOf, modelNamed, seed, spanNamed } from "./examples.ts";
import type { Example, GivenIds } from "./examples.ts";

export interface Route {
  readonly method: string;
  readonly path: string;
}

export interface Answer {
  readonly status: number;
  /** Headers and body, as one text. */
  readonly text: string;
}

/** A server with three projects of one organization; the first has everything that a project can have. */
export interface World {
  readonly routes: readonly Route[];
  readonly examples: Readonly<Record<string, Example>>;
  /** Sends the route's example; null sends no key. */
  send(route: Route, authorization: string | null): Promise<Answer>;
  /** Resolves once everything that was sent until now is stored. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

const secretOf = (project: string): string => `sk-lf-${project}`;

function basic(publicKey: string, secretKey: string): string {
  return `Basic ${Buffer.from(`${publicKey}:${secretKey}`).toString("base64")}`;
}

const [first, other, third] = ["first", "other", "third"];
/** Of the first project. */
export const owner = basic(`pk-lf-${first}`, secretOf(first));

/** Who is not the owner, and whether such a key opens nothing at all. */
export const strangers = [
  { name: "no key", authorization: null, isRefused: true },
  {
    name: "a wrong secret",
    authorization: basic(`pk-lf-${first}`, "sk-lf-wrong"),
    isRefused: true,
  },
  {
    name: "a revoked key",
    authorization: basic("pk-lf-revoked", secretOf("revoked")),
    isRefused: true,
  },
  { name: "the public key alone", authorization: `Bearer pk-lf-${first}`, isRefused: true },
  {
    name: "another project's key",
    authorization: basic(`pk-lf-${other}`, secretOf(other)),
    isRefused: false,
  },
  {
    name: "the public key with another project's secret",
    authorization: basic(`pk-lf-${first}`, secretOf(third)),
    isRefused: false,
  },
] as const;

/** Starts the server on a directory that has the projects and their keys, and fills the first one. */
export async function openWorld(): Promise<World> {
  const directory = await mkdtemp(path.join(tmpdir(), "sluice-isolation-"));
  const config = configOf(directory);
  await prepare(config);
  const { log } = recordingLogger();
  const server = await startStandalone(config, { logger: log, print: () => {} });
  /** The position of what was written last, behind everything before it. */
  let written = "";

  async function request(
    { method, path: where }: Route,
    authorization: string | null,
    body?: unknown,
    minPosition?: string,
  ): Promise<Response> {
    const headers = new Headers({ "content-type": "application/json" });
    if (authorization !== null) headers.set("authorization", authorization);
    if (minPosition !== undefined) headers.set("x-sluice-min-position", minPosition);
    const response = await fetch(server.url + where, {
      method,
      headers,
      redirect: "manual",
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const position = response.headers.get("x-sluice-position");
    if (position !== null) written = position;
    return response;
  }

  async function settled(): Promise<void> {
    const read = { method: "GET", path: "/api/public/projects" };
    await eventually(
      async () => (await request(read, owner, undefined, written)).status,
      (status) => status === 200,
    );
  }

  const given = await fill(async (method, where, body) => {
    const response = await request({ method, path: `/api/public/${where}` }, owner, body);
    if (!response.ok) throw new Error(`${method} ${where}: ${response.status}`);
    return (await response.json()) as Record<string, unknown>;
  });
  await settled();
  const examples = examplesOf(given);
  return {
    routes: server.routes.filter(({ method }) => method !== "ALL"),
    examples,
    async send(route, authorization) {
      const { params = {}, search = "", body } = examples[nameOf(route)] ?? {};
      const where = route.path.replaceAll(/:(\w+)/g, (_, name: string) => {
        return encodeURIComponent(params[name] ?? "");
      });
      const response = await request(
        { method: route.method, path: where + search },
        authorization,
        body,
      );
      const headers = [...response.headers].map((header) => header.join(": ")).join("\n");
      const text = Buffer.from(await response.arrayBuffer()).toString("latin1");
      return { status: response.status, text: `${headers}\n\n${text}` };
    },
    settled,
    async close() {
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export function nameOf({ method, path: where }: Route): string {
  return `${method} ${where}`;
}

function configOf(directory: string): Config {
  const parsed = parseConfig({
    SLUICE_PORT: "0",
    SLUICE_DATA_DIR: directory,
    SLUICE_DISK_FLOOR_BYTES: "0",
    SLUICE_OTLP_GRPC_PORT: "off",
    SLUICE_INIT_PROJECT_ID: first,
    SLUICE_INIT_PROJECT_NAME: `${canary} project`,
    SLUICE_INIT_PROJECT_PUBLIC_KEY: `pk-lf-${first}`,
    SLUICE_INIT_PROJECT_SECRET_KEY: secretOf(first),
  });
  if (!parsed.ok) throw new Error(parsed.problems.join("\n"));
  return parsed.config;
}

/** Makes what no request can make: the projects, their keys, and a record that could not be stored. */
async function prepare(config: Config): Promise<void> {
  const { log } = recordingLogger();
  const lifecycle = createLifecycle({ deadlineMs: config.shutdownMs, logger: log });
  try {
    const core = await openCore(config, log, lifecycle);
    await bootstrap(core.registry, config.init, core.pepper);
    for (const id of [other, third]) {
      const project = { id, name: id, organizationId: "default", createdAt: 0 };
      await core.registry.submit({ type: "project-create", project }, "test");
      await addKey(core, id, id);
    }
    await addKey(core, "revoked", first);
    await core.registry.submit({ type: "key-revoke", publicKey: "pk-lf-revoked" }, "test");
    await insertRows(core.db, "parked_records", [deadLetter()]);
  } finally {
    await lifecycle.close();
  }
}

async function addKey({ registry, pepper }: Core, name: string, project: string): Promise<void> {
  const pair = { publicKey: `pk-lf-${name}`, secretKey: secretOf(name) };
  const key = apiKeyOf(pair, pepper, project, null, 0);
  const outcome = await registry.submit({ type: "key-create", key }, "test");
  if (outcome !== "done") throw new Error(`the key ${name} was not made: ${outcome}`);
}

function deadLetter(): ParkedRow {
  const encode = recordEncoder({
    project: first,
    dialect: "langfuse",
    receivedAt: 1,
    keyId: canary,
    sdkName: canary,
    sdkVersion: "1",
    registry: "0",
  });
  return {
    project_id: first,
    partition: 0,
    ver: "1",
    received_at: 1,
    parked_at: 2,
    reason: "no-id",
    detail: canary,
    record: encode(JSON.stringify({ name: canary }), true).toString("base64"),
    redriven_at: 0,
  };
}

type Ask = (method: string, where: string, body?: unknown) => Promise<Record<string, unknown>>;

/** Writes what a project can have, as its owner. */
async function fill(ask: Ask): Promise<GivenIds> {
  const { errors } = await ask("POST", "ingestion", { batch: seed });
  if (JSON.stringify(errors) !== "[]") throw new Error(`not taken: ${JSON.stringify(errors)}`);
  await ask("POST", "otel/v1/traces", spanNamed(canary));
  // Its name puts it before the built-in ones in the list.
  const model = await ask("POST", "models", modelNamed(`0-${canary}`));
  const config = { name: canary, dataType: "NUMERIC", description: canary };
  const scoreConfig = await ask("POST", "score-configs", config);
  return { model: String(model["id"]), scoreConfig: String(scoreConfig["id"]), deadLetter: "0-1" };
}
