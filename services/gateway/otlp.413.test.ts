import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";

import { expect, it } from "vitest";

import { AppendError } from "../runtime/event-log/port.ts";
import { rawClient } from "../runtime/http/testing.ts";
import {
  basic,
  delimited,
  exportOf,
  otlpSpan,
  postProtobuf,
  protobufOf,
  startGateway,
} from "./testing.ts";

const path = "/api/public/otel/v1/traces";
const resourceExhausted = 8;
const limit = 20 * 1024 * 1024;
const small = 20_000;

/** An export in JSON of exactly this many bytes. */
function exportOfBytes(bytes: number): string {
  return exportWith("x".repeat(bytes - exportWith("").length));
}

function exportWith(pad: string): string {
  const attributes = [{ key: "pad", value: { stringValue: pad } }];
  const ids = { traceId: "a".repeat(32), spanId: "b".repeat(16) };
  return JSON.stringify(exportOf(otlpSpan({ ...ids, name: "n", attributes })));
}

it("a body of the limit is taken, and one byte more gets 413 with the limit (otlp.md §6 #19)", async () => {
  const gateway = await startGateway({ limits: { otlpBodyBytesMax: small } });
  expect((await gateway.post(path, exportOfBytes(small))).status).toBe(200);
  const over = await gateway.post(path, exportOfBytes(small + 1));
  expect(over.status).toBe(413);
  expect(over.body).toMatchObject({
    code: resourceExhausted,
    message: expect.stringContaining(String(small)),
  });
});

it.each([
  ["gzip", gzipSync],
  ["deflate", deflateSync],
  ["br", brotliCompressSync],
])("the limit holds for what %s inflates to", async (coding, compress) => {
  const gateway = await startGateway({ limits: { otlpBodyBytesMax: small } });
  const send = (bytes: number): ReturnType<typeof gateway.post> =>
    gateway.post(path, new Uint8Array(compress(exportOfBytes(bytes))), {
      "content-encoding": coding,
    });
  expect((await send(small)).status).toBe(200);
  expect((await send(small + 1)).status).toBe(413);
});

it("a bomb is stopped while it inflates, and its sender reads why", async () => {
  const gateway = await startGateway();
  const bomb = new Uint8Array(gzipSync(Buffer.alloc(24 * 1024 * 1024), { level: 1 }));
  const answer = await postProtobuf(gateway, path, bomb, { "content-encoding": "gzip" });
  expect(answer.status).toBe(413);
  expect([...answer.bytes.subarray(0, 2)]).toEqual([0x08, resourceExhausted]);
  expect(answer.bytes.toString()).toContain(String(limit));
});

it("64 MiB in chunks without a length are refused while they are being sent", async () => {
  const gateway = await startGateway();
  const client = await rawClient(gateway.url);
  client.send(
    [
      `POST ${path} HTTP/1.1`,
      "Host: x",
      `Authorization: ${basic("pk-lf-1:sk-lf-1")}`,
      "Content-Type: application/json",
      "Transfer-Encoding: chunked",
      "\r\n",
    ].join("\r\n"),
  );
  const chunk = `100000\r\n${"a".repeat(0x100000)}\r\n`;
  for (let sent = 0; sent < 64; sent++) client.send(chunk);
  expect(await client.until("PayloadTooLargeError")).toMatch(/^HTTP\/1.1 413 /);
});

it("a declared length of 64 MiB is refused before anything is sent", async () => {
  const gateway = await startGateway();
  const client = await rawClient(gateway.url);
  client.send(
    `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: ${basic("pk-lf-1:sk-lf-1")}\r\nContent-Length: 67108864\r\n\r\n`,
  );
  expect(await client.until("PayloadTooLargeError")).toMatch(/^HTTP\/1.1 413 /);
});

it("more spans than a request may have get 413, for a split would pass", async () => {
  const gateway = await startGateway();
  // A span of no bytes at all, 110,000 times.
  const spans = Buffer.alloc(220_000);
  for (let at = 0; at < spans.length; at += 2) spans[at] = 0x12;
  const answer = await postProtobuf(
    gateway,
    path,
    new Uint8Array(delimited(1, delimited(2, spans))),
  );
  expect(answer.status).toBe(413);
});

it("many small spans of one large resource get 413 when they would fill the log", async () => {
  const gateway = await startGateway();
  const resource = { attributes: [{ key: "k", value: { stringValue: "x".repeat(1_000_000) } }] };
  const spans = Array.from({ length: 100 }, () => otlpSpan());
  const batch = { resourceSpans: [{ resource, scopeSpans: [{ spans }] }] };
  const answer = await postProtobuf(gateway, path, protobufOf(batch));
  expect(answer.status).toBe(413);
  expect(gateway.records()).toEqual([]);
});

it("a span that is too large for a record costs itself and no other", async () => {
  const gateway = await startGateway();
  const attributes = [{ key: "k", value: { stringValue: "x".repeat(10_000_000) } }];
  const answer = await gateway.post(path, exportOf(otlpSpan({ attributes }), otlpSpan()));
  expect(answer.body).toEqual({
    partialSuccess: {
      rejectedSpans: "1",
      errorMessage: "1 of 2 spans were not kept: span:too_large (1).",
    },
  });
  expect(gateway.records()).toHaveLength(1);
});

it("what the log will never take gets 413, for a retry would not help", async () => {
  const gateway = await startGateway({
    append: () => () => Promise.reject(new AppendError("too-large", "over 64 MiB")),
  });
  expect((await gateway.post(path, exportOf(otlpSpan()))).status).toBe(413);
});
