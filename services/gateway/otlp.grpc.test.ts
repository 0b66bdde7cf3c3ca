import { once } from "node:events";
import { connect } from "node:http2";
import { gzipSync } from "node:zlib";

import {
  compressionAlgorithms,
  credentials,
  makeClientConstructor,
  Metadata,
  status,
} from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import { afterEach, expect, it, onTestFinished } from "vitest";

import { AppendError } from "../runtime/event-log/port.ts";
import { gate } from "../runtime/event-log/testing.ts";
import { serveOtlpGrpc } from "./otlp-grpc.ts";
import {
  basic,
  delimited,
  exportOf,
  otlpSpan,
  protobufOf,
  startGateway,
  testKeys,
} from "./testing.ts";
import type { TestGateway, TestGatewayOptions } from "./testing.ts";

type Service = "trace.v1.TraceService" | "logs.v1.LogsService" | "metrics.v1.MetricsService";

interface Answer {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
  /** Null unless the call went well. */
  readonly bytes: Buffer | null;
}

interface TestGrpc {
  readonly gateway: TestGateway;
  readonly close: (deadlineMs: number) => Promise<void>;
  send(bytes: Uint8Array, options?: SendOptions): Promise<Answer>;
}

interface SendOptions {
  readonly service?: Service;
  readonly authorization?: string | null;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly compression?: compressionAlgorithms;
}

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** The gateway served over gRPC on a free port, and a client of @grpc/grpc-js. */
async function startGrpc(options: TestGatewayOptions = {}): Promise<TestGrpc> {
  const gateway = await startGateway(options);
  const server = await serveOtlpGrpc(gateway.gateway, { host: "127.0.0.1", port: 0 });
  onTestFinished(() => server.close(0));
  const send: TestGrpc["send"] = async (bytes, asked = {}) => {
    const { service = "trace.v1.TraceService", compression } = asked;
    const path = `/opentelemetry.proto.collector.${service}/Export`;
    const Client = makeClientConstructor({}, "otlp");
    const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure(), {
      ...(compression !== undefined && { "grpc.default_compression_algorithm": compression }),
    });
    cleanups.push(() => client.close());
    const metadata = new Metadata();
    const { authorization = basic("pk-lf-1:sk-lf-1") } = asked;
    if (authorization !== null) metadata.set("authorization", authorization);
    for (const [name, value] of Object.entries(asked.metadata ?? {})) metadata.set(name, value);
    return await new Promise((resolve) => {
      let trailers = new Metadata();
      const call = client.makeUnaryRequest(
        path,
        (message: Uint8Array) => Buffer.from(message),
        (message: Buffer) => message,
        bytes,
        metadata,
        { deadline: Date.now() + 30_000 },
        (error: ServiceError | null, answer?: Buffer) => {
          if (error) {
            const { code, details, metadata: said } = error;
            resolve({ code, details, metadata: said, bytes: null });
          } else
            setImmediate(() =>
              resolve({ code: status.OK, details: "", metadata: trailers, bytes: answer ?? null }),
            );
        },
      );
      call.on("status", (ended) => {
        trailers = ended.metadata;
      });
    });
  };
  return { gateway, close: (deadlineMs) => server.close(deadlineMs), send };
}

const retryInfo = "type.googleapis.com/google.rpc.RetryInfo";

function detailsOf({ metadata }: Answer): string {
  return String(metadata.get("grpc-status-details-bin")[0]);
}

it("spans go the same way as over HTTP: one record each, and an empty message for an answer", async () => {
  const grpc = await startGrpc();
  const span = otlpSpan();
  const answer = await grpc.send(protobufOf(exportOf(span)), {
    metadata: { "x-langfuse-sdk-name": "python", "x-langfuse-sdk-version": "4.0.0" },
  });
  expect(answer).toMatchObject({ code: status.OK, bytes: Buffer.alloc(0) });
  expect(String(answer.metadata.get("x-sluice-position")[0])).toMatch(/^g\d+-/);
  const [record] = grpc.gateway.records();
  expect(record?.header).toMatchObject({
    project: "p1",
    dialect: "otlp",
    sdkName: "python",
    sdkVersion: "4.0.0",
  });
  expect(JSON.parse(record?.body ?? "")).toMatchObject({ spanId: span.spanId, name: span.name });
  expect(grpc.gateway.lines).toContainEqual(
    expect.objectContaining({ message: "request", method: "gRPC", status: "OK", events: 1 }),
  );
});

it("what is not kept is said in a partial success", async () => {
  const grpc = await startGrpc();
  const { code, bytes } = await grpc.send(
    protobufOf(exportOf(otlpSpan(), otlpSpan({ spanId: "" }))),
  );
  expect(code).toBe(status.OK);
  expect(bytes?.toString()).toContain("1 of 2 spans were not kept: spanId:absent (1).");
  expect(grpc.gateway.records()).toHaveLength(1);
});

it("logs and metrics have their services", async () => {
  const grpc = await startGrpc();
  for (const service of ["logs.v1.LogsService", "metrics.v1.MetricsService"] as const) {
    const answer = await grpc.send(new Uint8Array(), { service });
    expect(answer).toMatchObject({ code: status.OK, bytes: Buffer.alloc(0) });
    expect((await grpc.send(new Uint8Array(), { service, authorization: null })).code).toBe(
      status.UNAUTHENTICATED,
    );
  }
});

it("takes gzip", async () => {
  const grpc = await startGrpc();
  const bytes = protobufOf(exportOf(otlpSpan({ name: "x".repeat(10_000) })));
  const answer = await grpc.send(bytes, { compression: compressionAlgorithms.gzip });
  expect(answer.code).toBe(status.OK);
  expect(grpc.gateway.records()).toHaveLength(1);
});

it.each([
  ["no key", null, status.UNAUTHENTICATED, "No authorization header"],
  ["an unknown key", basic("pk:sk"), status.UNAUTHENTICATED, "Invalid credentials."],
  ["a public key alone", "Bearer pk-lf-1", status.PERMISSION_DENIED, "Access denied"],
  ["an organization's key", basic("o:sk-lf-org"), status.PERMISSION_DENIED, "organization"],
])("%s is refused, and may not be tried again", async (_what, authorization, code, words) => {
  const grpc = await startGrpc();
  const answer = await grpc.send(protobufOf(exportOf(otlpSpan())), { authorization });
  expect(answer).toMatchObject({ code, details: expect.stringContaining(words) });
  expect(detailsOf(answer)).not.toContain(retryInfo);
  expect(grpc.gateway.records()).toEqual([]);
});

it.each([
  ["no protobuf", Buffer.from("{}"), "is not an ExportTraceServiceRequest"],
  ["logs", delimited(1, delimited(2, delimited(2, delimited(3, "INFO")))), "/v1/logs"],
])("what holds nothing usable is INVALID_ARGUMENT: %s", async (_what, bytes, words) => {
  const grpc = await startGrpc();
  const answer = await grpc.send(bytes);
  expect(answer).toMatchObject({
    code: status.INVALID_ARGUMENT,
    details: expect.stringContaining(words),
  });
});

it("a message beyond the limit, as sent or inflated, is RESOURCE_EXHAUSTED without a RetryInfo", async () => {
  const grpc = await startGrpc({ limits: { otlpBodyBytesMax: 20_000 } });
  const bytes = protobufOf(exportOf(otlpSpan({ name: "x".repeat(30_000) })));
  for (const compression of [compressionAlgorithms.identity, compressionAlgorithms.gzip]) {
    const answer = await grpc.send(bytes, { compression });
    expect(answer).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: expect.stringContaining("20000"),
    });
    expect(detailsOf(answer)).not.toContain(retryInfo);
  }
  expect(gzipSync(bytes).length).toBeLessThan(20_000);
});

it.each([
  ["cannot take events now", () => Promise.reject(new AppendError("retryable", "no space left"))],
  ["fails in a way that nobody foresaw", () => Promise.reject(new Error("no space left"))],
  ["does not answer", () => new Promise<never>(() => {})],
])("a log that %s is UNAVAILABLE with a RetryInfo", async (_what, append) => {
  const grpc = await startGrpc({ limits: { answerMsMax: 100 }, append: () => append });
  const answer = await grpc.send(protobufOf(exportOf(otlpSpan())));
  expect(answer.code).toBe(status.UNAVAILABLE);
  expect(answer.details).not.toContain("no space left");
  expect(detailsOf(answer)).toContain(retryInfo);
});

it("keys that cannot be checked are UNAVAILABLE", async () => {
  const grpc = await startGrpc({
    keys: { ...testKeys, bySecret: () => Promise.reject(new Error("registry down")) },
  });
  expect((await grpc.send(new Uint8Array())).code).toBe(status.UNAVAILABLE);
});

it("a server that holds as much as it may is UNAVAILABLE, and has room again afterwards", async () => {
  const landing = gate();
  let appends = 0;
  const grpc = await startGrpc({
    limits: { inflightBytesMax: 1024 * 1024 },
    append: (log) => async (entries) => {
      appends += 1;
      await landing.opened;
      return await log.append(entries);
    },
  });
  const bytes = protobufOf(exportOf(otlpSpan()));
  const first = grpc.send(bytes);
  await expect.poll(() => appends, { timeout: 15_000 }).toBe(1);
  expect((await grpc.send(bytes)).code).toBe(status.UNAVAILABLE);
  landing.open();
  expect((await first).code).toBe(status.OK);
  // The first leaves a moment after its answer.
  await expect.poll(async () => (await grpc.send(bytes)).code, { timeout: 15_000 }).toBe(status.OK);
});

it("a message that does not arrive in time gives its room back", async () => {
  const gateway = await startGateway({ limits: { inflightBytesMax: 1024 * 1024 } });
  const options = { host: "127.0.0.1", port: 0, messageMsMax: 100 };
  const server = await serveOtlpGrpc(gateway.gateway, options);
  const session = connect(`http://127.0.0.1:${server.port}`);
  onTestFinished(async () => {
    session.destroy();
    await server.close(0);
  });
  const call = session.request({
    ":method": "POST",
    ":path": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "content-type": "application/grpc",
    te: "trailers",
    authorization: basic("pk-lf-1:sk-lf-1"),
  });
  // The head of a message of 100 bytes, and no message.
  call.write(Buffer.from([0, 0, 0, 0, 100]));
  const [headers] = (await once(call, "response")) as [Record<string, unknown>];
  expect(headers["grpc-status"]).toBe(String(status.UNAVAILABLE));
  // Only an empty server takes what is larger than all its room.
  await expect.poll(() => isEmpty(gateway), { timeout: 15_000 }).toBe(true);
});

function isEmpty({ gateway }: TestGateway): boolean {
  try {
    gateway.admission.enter(1024 * 1024 + 1)();
    return true;
  } catch {
    return false;
  }
}

it("closing lets the call in hand finish, and takes no more", async () => {
  const landing = gate();
  let appends = 0;
  const grpc = await startGrpc({
    append: (log) => async (entries) => {
      appends += 1;
      await landing.opened;
      return await log.append(entries);
    },
  });
  const bytes = protobufOf(exportOf(otlpSpan()));
  const first = grpc.send(bytes);
  await expect.poll(() => appends, { timeout: 15_000 }).toBe(1);
  const closed = grpc.close(30_000);
  expect((await grpc.send(bytes)).code).toBe(status.UNAVAILABLE);
  landing.open();
  expect((await first).code).toBe(status.OK);
  await closed;
  expect(grpc.gateway.records()).toHaveLength(1);
});

it("a port that is taken is an error", async () => {
  const gateway = await startGateway();
  const { port } = new URL(gateway.url);
  const taking = serveOtlpGrpc(gateway.gateway, { host: "127.0.0.1", port: Number(port) });
  await expect(taking).rejects.toThrow("EADDRINUSE");
});
