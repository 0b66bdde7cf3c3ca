import root from "otlp-transformer-0216/build/src/generated/root.js";
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
import type { Gateway, GatewayLimits, GatewayOptions } from "./app.ts";

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
  /** What its routes share. */
  readonly gateway: Gateway;
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
    generation: memory.generation,
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
  const gateway = gatewayRoutes(app, {
    eventLog,
    keys: options.keys ?? testKeys,
    log,
    registry,
    limits: {
      bodyBytesMax: 4_718_592,
      otlpBodyBytesMax: 20 * 1024 * 1024,
      inflightBytesMax: 64 * 1024 * 1024,
      depthMax: 100,
      // A machine that is busy with other tests is not what a test is about.
      answerMsMax: 30_000,
      lagMsMax: 30_000,
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
    gateway,
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

/** A span in OTLP/JSON, valid unless the test says otherwise. */
export function otlpSpan(fields: object = {}): OtlpSpanJson {
  counter += 1;
  return {
    traceId: counter.toString(16).padStart(32, "a"),
    spanId: counter.toString(16).padStart(16, "b"),
    name: `span ${counter}`,
    startTimeUnixNano: "1777000000000000001",
    endTimeUnixNano: "1777000001000000002",
    ...fields,
  };
}

export interface OtlpSpanJson {
  readonly traceId: string;
  readonly spanId: string;
  readonly name: string;
  readonly [field: string]: unknown;
}

/** An export of these spans in OTLP/JSON. */
export function exportOf(...spans: readonly object[]): object {
  const resource = { attributes: [{ key: "service.name", value: { stringValue: "test" } }] };
  return { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: "scope" }, spans }] }] };
}

/** The same in protobuf, as the generated encoder of OpenTelemetry writes it. */
export function protobufOf(request: object): Uint8Array<ArrayBuffer> {
  const { ExportTraceServiceRequest: type } = (root as unknown as GeneratedRoot).opentelemetry.proto
    .collector.trace.v1;
  const withBytes: unknown = JSON.parse(JSON.stringify(request), (key, value: unknown) =>
    /^(?:traceId|spanId|parentSpanId)$/.test(key) && typeof value === "string"
      ? Buffer.from(value, "hex").toString("base64")
      : value,
  );
  return new Uint8Array(type.encode(type.fromObject(withBytes)).finish());
}

interface GeneratedRoot {
  readonly opentelemetry: {
    readonly proto: {
      readonly collector: {
        readonly trace: { readonly v1: { readonly ExportTraceServiceRequest: GeneratedType } };
      };
    };
  };
}

interface GeneratedType {
  fromObject(message: unknown): object;
  encode(message: object): { finish(): Uint8Array };
}

/** A field of protobuf whose value has a length. */
export function delimited(field: number, ...parts: readonly (Uint8Array | string)[]): Buffer {
  const value = Buffer.concat(
    parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)),
  );
  const head = [(field << 3) | 2];
  let rest = value.length;
  for (; rest >= 0x80; rest >>>= 7) head.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([...head, rest]), value]);
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
}

/** Posts a protobuf body with the key of project p1, unless the headers say otherwise. */
export async function postProtobuf(
  gateway: TestGateway,
  path: string,
  body: NonNullable<RequestInit["body"]>,
  headers: Record<string, string> = {},
): Promise<RawAnswer> {
  const response = await fetch(gateway.url + path, {
    method: "POST",
    body,
    headers: {
      authorization: basic("pk-lf-1:sk-lf-1"),
      "content-type": "application/x-protobuf",
      ...headers,
    },
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, headers: response.headers, bytes };
}
