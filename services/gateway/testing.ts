import { onTestFinished } from "vitest";

import { decodeRecord } from "../../schemas/records.ts";
import type { DecodedRecord } from "../../schemas/records.ts";
import type { KeyInfo, KeyRing } from "../runtime/auth.ts";
import { createMemoryTopic, openMemoryLog } from "../runtime/event-log/memory-log.ts";
import type { EventLog } from "../runtime/event-log/port.ts";
import { createHttpApp } from "../runtime/http/app.ts";
import { recordingLogger, startServer } from "../runtime/http/testing.ts";
import { openRegistry } from "../runtime/registry.ts";
import type { RegistryFold } from "../runtime/registry.ts";
import type { LogLine } from "../runtime/http/testing.ts";
import { gatewayRoutes } from "./app.ts";
import type { GatewayLimits, GatewayOptions } from "./app.ts";

const organization = { id: "o1", name: "Org" };
const pairs: Record<string, KeyInfo> = {
  "pk-lf-1:sk-lf-1": { keyId: "pk-lf-1", project: { id: "p1", name: "One" }, organization },
  "pk-lf-2:sk-lf-2": { keyId: "pk-lf-2", project: { id: "p2", name: "Two" }, organization },
  "pk-lf-org:sk-lf-org": { keyId: "pk-lf-org", project: null, organization },
};

export const testKeys: KeyRing = {
  bySecret: async (secret) => find((pair) => pair.endsWith(`:${secret}`)),
  byPublicKey: async (publicKey) => find((pair) => pair.startsWith(`${publicKey}:`)),
};

function find(matches: (pair: string) => boolean): KeyInfo | null {
  const pair = Object.keys(pairs).find(matches);
  return (pair === undefined ? undefined : pairs[pair]) ?? null;
}

export function basic(pair: string): string {
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: {
    readonly id?: string;
    readonly message?: string;
    readonly error?: unknown;
    readonly successes?: readonly { id: string; status: number }[];
    readonly errors?: readonly { id: string; status: number; message?: string; error?: string }[];
  };
}

export interface TestGateway {
  readonly url: string;
  /** Has the projects p1 and p2. */
  readonly registry: RegistryFold;
  readonly lines: LogLine[];
  /** What the log holds, partition by partition. */
  records(): DecodedRecord[];
  /** The bodies of those records, parsed. */
  events(): { id?: unknown; type?: unknown; body?: unknown }[];
  /** Sends a JSON body with the key of project p1, unless the headers say otherwise. */
  send(
    method: string,
    path: string,
    body: unknown,
    headers?: Record<string, string | null>,
  ): Promise<Answer>;
  post(path: string, body: unknown, headers?: Record<string, string | null>): Promise<Answer>;
  ingest(batch: readonly unknown[], headers?: Record<string, string | null>): Promise<Answer>;
}

export interface TestGatewayOptions {
  readonly limits?: Partial<GatewayLimits>;
  readonly keys?: KeyRing;
  readonly now?: GatewayOptions["now"];
  /** Stands in front of the memory log's append, to hold or break it. */
  readonly append?: (log: EventLog) => EventLog["append"];
}

/** The gateway on a memory log, served on a free loopback port until the test is over. */
export async function startGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const { log, lines } = recordingLogger();
  const topic = createMemoryTopic(4);
  const memory = await openMemoryLog({ partitions: 4, topic });
  onTestFinished(() => memory.close());
  const eventLog: EventLog = {
    append: options.append?.(memory) ?? ((entries) => memory.append(entries)),
    consume: (consumer) => memory.consume(consumer),
    ends: () => memory.ends(),
    health: () => memory.health(),
    close: () => memory.close(),
  };
  const registryLog = await openMemoryLog({ partitions: 1 });
  onTestFinished(() => registryLog.close());
  const registry = await openRegistry(registryLog);
  onTestFinished(() => registry.close());
  await registry.submit({ type: "organization-create", organization }, "test");
  for (const id of ["p1", "p2"]) {
    const project = { id, name: id, organizationId: organization.id, createdAt: 0 };
    await registry.submit({ type: "project-create", project }, "test");
  }
  const app = createHttpApp(log);
  gatewayRoutes(app, {
    eventLog,
    keys: options.keys ?? testKeys,
    log,
    registry,
    limits: {
      bodyBytesMax: 4_718_592,
      inflightBytesMax: 64 * 1024 * 1024,
      depthMax: 100,
      ...options.limits,
    },
    ...(options.now && { now: options.now }),
  });
  const { url } = await startServer(app, log);

  const records = (): DecodedRecord[] =>
    topic.partitions.flat().map(({ value }) => decodeRecord(value));
  const send: TestGateway["send"] = async (method, path, body, headers = {}) => {
    const all = new Headers({
      authorization: basic("pk-lf-1:sk-lf-1"),
      "content-type": "application/json",
    });
    for (const [name, value] of Object.entries(headers)) {
      if (value === null) all.delete(name);
      else all.set(name, value);
    }
    const sent =
      body instanceof Uint8Array || typeof body === "string" ? body : JSON.stringify(body);
    return await answerOf(fetch(url + path, { method, body: sent ?? null, headers: all }));
  };
  const post: TestGateway["post"] = (path, body, headers) => send("POST", path, body, headers);
  return {
    url,
    registry,
    lines,
    records,
    events: () => records().map(({ body }) => JSON.parse(body)),
    send,
    post,
    ingest: (batch, headers) => post("/api/public/ingestion", { batch }, headers),
  };
}

/** Reads an answer, which must be JSON whatever its status. */
export async function answerOf(response: Promise<globalThis.Response>): Promise<Answer> {
  const { status, headers, ...rest } = await response.then(async (r) => ({
    status: r.status,
    headers: r.headers,
    text: await r.text(),
  }));
  return { status, headers, body: JSON.parse(rest.text) };
}

let counter = 0;

/** A valid event of a type, with what the test wants to say of its envelope. */
export function event(
  type: string,
  body: object = {},
  envelope: object = {},
): { id: string; type: string; timestamp: string; body: object } {
  counter += 1;
  const id = `e${counter}`;
  return {
    id,
    type,
    timestamp: "2026-05-01T10:00:00.000Z",
    body: { id: `b${counter}`, ...body },
    ...envelope,
  };
}
