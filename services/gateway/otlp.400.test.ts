import { gzipSync } from "node:zlib";

import { describe, expect, it } from "vitest";

import { eventually, rawClient } from "../runtime/http/testing.ts";
import {
  basic,
  delimited,
  exportOf,
  otlpSpan,
  postProtobuf,
  protobufOf,
  startGateway,
} from "./testing.ts";

const langfusePath = "/api/public/otel/v1/traces";
const invalidArgument = 3;

it.each([
  [langfusePath, 400],
  ["/v1/traces", 415],
])(
  "%s answers a content type that is none of OTLP's with %i (otlp.md §1.4, §7)",
  async (path, status) => {
    const gateway = await startGateway();
    for (const type of ["text/plain", "application/grpc", "application/xprotobuf", null]) {
      const answer = await gateway.post(path, "{}", { "content-type": type });
      expect(answer.status).toBe(status);
      expect(answer.body).toMatchObject({
        code: invalidArgument,
        error: "Invalid content type",
        message: expect.stringContaining("application/x-protobuf"),
      });
    }
  },
);

it("broken compression is reported before the content type (§1.2)", async () => {
  const gateway = await startGateway();
  const answer = await gateway.post(langfusePath, "no gzip", {
    "content-type": "text/plain",
    "content-encoding": "gzip",
  });
  expect(answer).toMatchObject({
    status: 400,
    body: { message: "The body is not valid compressed data" },
  });
});

it("gzip that ends in the middle is broken", async () => {
  const gateway = await startGateway();
  const whole = gzipSync(protobufOf(exportOf(otlpSpan())));
  const answer = await postProtobuf(gateway, "/v1/traces", new Uint8Array(whole.subarray(0, -9)), {
    "content-encoding": "gzip",
  });
  expect(answer.status).toBe(400);
  expect(gateway.records()).toEqual([]);
});

it("a coding that nobody reads gets 415 with those that are", async () => {
  const gateway = await startGateway();
  const answer = await gateway.post(langfusePath, "{}", { "content-encoding": "zstd" });
  expect(answer.status).toBe(415);
  expect(answer.headers.get("accept-encoding")).toBe("identity, gzip, deflate, br");
});

describe("a body that cannot be decoded", () => {
  it("gets 400 in JSON", async () => {
    const gateway = await startGateway();
    for (const text of ["", "{", "[]", "null", '{"resourceSpans":{}}', '"text"', "\u0000"]) {
      expect(await gateway.post(langfusePath, text)).toMatchObject({
        status: 400,
        body: { code: invalidArgument, error: "Failed to parse OTel JSON Trace" },
      });
    }
  });

  it("gets 400 when it is not UTF-8", async () => {
    const gateway = await startGateway();
    const answer = await gateway.post(langfusePath, new Uint8Array([0x7b, 0xff, 0x7d]));
    expect(answer.status).toBe(400);
  });

  it.each([
    ["text", Buffer.from("{}")],
    ["a length beyond the end", Buffer.from([0x0a, 0x7f])],
    ["a varint without end", Buffer.alloc(20, 0xff)],
    ["a group", Buffer.from([0x0b, 0x0c])],
  ])("gets a google.rpc.Status in protobuf: %s", async (_what, bytes) => {
    const gateway = await startGateway();
    const answer = await postProtobuf(gateway, langfusePath, new Uint8Array(bytes));
    expect(answer.status).toBe(400);
    expect(answer.headers.get("content-type")).toBe("application/x-protobuf");
    // Field 1 is the code, field 2 the message.
    expect([...answer.bytes.subarray(0, 3)]).toEqual([0x08, invalidArgument, 0x12]);
    expect(answer.bytes.toString()).toContain("is not an ExportTraceServiceRequest");
  });
});

describe("an export of which nothing can be kept", () => {
  it("gets 400 with the reasons", async () => {
    const gateway = await startGateway();
    const answer = await gateway.post(
      langfusePath,
      exportOf(otlpSpan({ attributes: {} }), otlpSpan({ attributes: "x" })),
    );
    expect(answer.status).toBe(400);
    expect(answer.body.message).toBe("2 of 2 spans were not kept: attributes:not_an_array (2).");
    expect(answer.body.error).toBe(answer.body.message);
    expect(gateway.records()).toEqual([]);
  });

  it("is told where logs go when it is one of logs (§1.5)", async () => {
    const gateway = await startGateway();
    // A log record with a severity and a text for its body.
    const record = delimited(2, delimited(3, "INFO"), delimited(5, delimited(1, "hello")));
    const bytes = delimited(1, delimited(2, record));
    const answer = await postProtobuf(gateway, langfusePath, new Uint8Array(bytes));
    expect(answer.status).toBe(400);
    expect(answer.bytes.toString()).toContain("/v1/logs");
  });
});

describe("x-langfuse-ingestion-version", () => {
  it("beyond 4, or no number, is refused on Langfuse's path (§1.6)", async () => {
    const gateway = await startGateway();
    for (const raw of ["5", "abc", "40", "Infinity"]) {
      for (const name of ["x-langfuse-ingestion-version", "x_langfuse_ingestion_version"]) {
        const answer = await gateway.post(langfusePath, exportOf(otlpSpan()), { [name]: raw });
        expect(answer.status).toBe(400);
        expect(answer.body.error).toBe(
          `Unsupported x-langfuse-ingestion-version: "${raw}". Maximum supported: "4".`,
        );
      }
    }
    expect(gateway.records()).toEqual([]);
  });

  it("up to 4 is taken", async () => {
    const gateway = await startGateway();
    for (const raw of ["4", "3", "0", "-1", "4.9", "4 beta"]) {
      const headers = { "x-langfuse-ingestion-version": raw };
      expect((await gateway.post(langfusePath, exportOf(otlpSpan()), headers)).status).toBe(200);
    }
  });

  it("is not looked at for an empty request, nor on the path of other servers (§7)", async () => {
    const gateway = await startGateway();
    const headers = { "x-langfuse-ingestion-version": "9" };
    expect((await gateway.post(langfusePath, {}, headers)).status).toBe(200);
    expect((await gateway.post("/v1/traces", exportOf(otlpSpan()), headers)).status).toBe(200);
  });

  it("comes after what is wrong with the spans", async () => {
    const gateway = await startGateway();
    const headers = { "x-langfuse-ingestion-version": "9" };
    const answer = await gateway.post(langfusePath, exportOf(otlpSpan({ spanId: "" })), headers);
    expect(answer.body.message).toContain("spanId:absent");
  });
});

it("a client that goes away in the middle of its chunks leaves nothing behind", async () => {
  const gateway = await startGateway();
  const client = await rawClient(gateway.url);
  client.send(
    [
      `POST ${langfusePath} HTTP/1.1`,
      "Host: x",
      `Authorization: ${basic("pk-lf-1:sk-lf-1")}`,
      "Content-Type: application/json",
      "Transfer-Encoding: chunked",
      '\r\n10\r\n{"resourceSpans"',
    ].join("\r\n"),
  );
  client.socket.end();
  await eventually(() => gateway.lines.some(({ status }) => status === 499 || status === 400));
  expect(gateway.records()).toEqual([]);
  expect((await gateway.post(langfusePath, exportOf(otlpSpan()))).status).toBe(200);
});

it.each(["GET", "PUT", "DELETE", "PATCH"])("%s is 405 on every path", async (method) => {
  const gateway = await startGateway();
  for (const path of [langfusePath, "/v1/traces", "/v1/logs", "/v1/metrics"]) {
    expect(await gateway.send(method, path, undefined)).toMatchObject({
      status: 405,
      body: { error: "MethodNotAllowedError" },
    });
  }
});
