import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";

import { credentials, makeClientConstructor, Metadata } from "@grpc/grpc-js";
import { describe, expect, onTestFinished, test } from "vitest";

import { parseConfig } from "../runtime/config.ts";
import { recordingLogger } from "../runtime/http/testing.ts";
import { explainCommand } from "./explain.ts";
import { startStandalone } from "./standalone.ts";
import type { Standalone } from "./standalone.ts";

const authorization = `Basic ${btoa("pk:sk")}`;

async function started(grpcPort: string): Promise<Standalone> {
  const directory = await mkdtemp(path.join(tmpdir(), "sluice-otlp-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const parsed = parseConfig({
    SLUICE_PORT: "0",
    SLUICE_OTLP_GRPC_PORT: grpcPort,
    SLUICE_DATA_DIR: directory,
    SLUICE_DISK_FLOOR_BYTES: "0",
    SLUICE_INIT_PROJECT_ID: "p",
    SLUICE_INIT_PROJECT_PUBLIC_KEY: "pk",
    SLUICE_INIT_PROJECT_SECRET_KEY: "sk",
  });
  if (!parsed.ok) throw new Error(parsed.problems.join("\n"));
  const { log } = recordingLogger();
  const server = await startStandalone(parsed.config, { logger: log, print() {} });
  onTestFinished(() => server.close());
  return server;
}

const traceId = "0af7651916cd43dd8448eb211c80319c";
const rootId = "b7ad6b7169203331";
const childId = "00f067aa0ba902b7";

const request = {
  resourceSpans: [
    {
      resource: { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] },
      scopeSpans: [
        {
          scope: { name: "scope" },
          spans: [
            {
              traceId,
              spanId: rootId,
              name: "answer",
              kind: 1,
              startTimeUnixNano: "1777000000000000001",
              endTimeUnixNano: "1777000001000000002",
              attributes: [
                { key: "gen_ai.request.model", value: { stringValue: "gpt-4o" } },
                { key: "gen_ai.operation.name", value: { stringValue: "chat" } },
              ],
            },
          ],
        },
      ],
    },
  ],
};

const logs = {
  resourceLogs: [
    {
      scopeLogs: [
        {
          logRecords: [
            {
              traceId,
              spanId: rootId,
              timeUnixNano: "1777000000500000000",
              eventName: "gen_ai.evaluation.result",
              attributes: [
                { key: "gen_ai.evaluation.name", value: { stringValue: "Relevance" } },
                { key: "gen_ai.evaluation.score.value", value: { doubleValue: 0.5 } },
              ],
            },
          ],
        },
      ],
    },
  ],
};

/** A span in protobuf: its ids, its parent and its name. */
function childInProtobuf(): Buffer {
  const ids = [field(1, hex(traceId)), field(2, hex(childId)), field(4, hex(rootId))];
  return field(1, field(2, field(2, ...ids, field(5, "lookup"))));
}

/** A field whose value has a length below 128. */
function field(number: number, ...parts: (Buffer | string)[]): Buffer {
  const value = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.from([(number << 3) | 2, value.length]), value]);
}

function hex(text: string): Buffer {
  return Buffer.from(text, "hex");
}

describe("a trace that comes over OTLP", () => {
  test("reads back as one, whichever way its parts came", async () => {
    const server = await started("0");
    const ask = async (method: string, where: string, body?: object): Promise<unknown> => {
      const response = await fetch(server.url + where, {
        method,
        headers: { authorization, "content-type": "application/json" },
        ...(body && { body: JSON.stringify(body) }),
      });
      return await response.json();
    };
    expect(await ask("POST", "/api/public/otel/v1/traces", request)).toEqual({});
    expect(await ask("POST", "/v1/logs", logs)).toEqual({});
    await exportOverGrpc(server.grpcPort ?? 0, childInProtobuf());

    await expect
      .poll(() => ask("GET", `/api/public/traces/${traceId}`), { timeout: 30_000 })
      .toMatchObject({
        id: traceId,
        name: "answer",
        observations: expect.arrayContaining([
          expect.objectContaining({
            id: rootId,
            type: "GENERATION",
            model: "gpt-4o",
            startTime: "2026-04-24T03:06:40.000Z",
          }),
          expect.objectContaining({
            id: childId,
            type: "SPAN",
            name: "lookup",
            parentObservationId: rootId,
          }),
        ]),
        scores: [expect.objectContaining({ name: "Relevance", value: 0.5, observationId: rootId })],
      });
    expect(await ask("GET", `/api/public/x/observations/${rootId}/otel`)).toEqual(request);
  }, 60_000);
});

async function exportOverGrpc(port: number, message: Buffer): Promise<void> {
  const Client = makeClientConstructor({}, "otlp");
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  onTestFinished(() => client.close());
  const metadata = new Metadata();
  metadata.set("authorization", authorization);
  await new Promise<void>((resolve, reject) => {
    client.makeUnaryRequest(
      "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      message,
      metadata,
      (error) => (error ? reject(error) : resolve()),
    );
  });
}

test("a port for gRPC that was asked for must be free", async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void other.close());
  const { port } = other.address() as AddressInfo;
  await expect(started(String(port))).rejects.toThrow("SLUICE_OTLP_GRPC_PORT");
}, 60_000);

test.each([
  ["JSON", Buffer.from(JSON.stringify(request))],
  ["JSON behind a line", Buffer.from(`\n  ${JSON.stringify(request)}\n`)],
  ["JSON in gzip", gzipSync(JSON.stringify(request))],
  ["protobuf", childInProtobuf()],
  ["protobuf in gzip", gzipSync(childInProtobuf())],
])("`sluice explain` tells the form of its file by the bytes: %s", async (_what, bytes) => {
  const directory = await mkdtemp(path.join(tmpdir(), "sluice-explain-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const file = path.join(directory, "request");
  await writeFile(file, bytes);
  const printed: string[] = [];
  await explainCommand(file, async (text) => void printed.push(text));
  const { spans, refused } = JSON.parse(printed.join("\n"));
  expect(spans).toMatchObject([{ traceId }]);
  expect(refused).toEqual([]);
});

test("`sluice explain` says what is wrong with a file that is no request", async () => {
  const file = path.join(import.meta.dirname, "otlp.test.ts");
  await expect(explainCommand(file, async () => {})).rejects.toThrow("ExportTraceServiceRequest");
  await expect(explainCommand(`${file}.none`, async () => {})).rejects.toThrow("ENOENT");
});
