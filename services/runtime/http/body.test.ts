import { deflateSync, gzipSync } from "node:zlib";

import { describe, expect, it } from "vitest";

import { createHttpApp } from "./app.ts";
import { readBody } from "./body.ts";
import type { BodyLimits } from "./body.ts";
import type { ServerLimits } from "./server.ts";
import { eventually, rawClient, recordingLogger, startServer } from "./testing.ts";
import type { LogLine } from "./testing.ts";

const limits = { bytesMax: 100_000, inflatedBytesMax: 200_000 };

describe("a body within its limits", () => {
  it("arrives whole, in whatever pieces it was sent", async () => {
    const { url } = await sink();
    const client = await rawClient(url);
    client.send("POST /sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (const piece of ["a", "bc", "def"]) {
      client.send(`${piece.length}\r\n${piece}\r\n`);
      await pause(5);
    }
    client.send("0\r\n\r\n");
    expect(await client.until('"abcdef"')).toContain("200 OK");
  });

  it.each(["gzip", "x-gzip", "GZIP"])("is inflated when it comes as %s", async (encoding) => {
    const { url } = await sink();
    const response = await post(url, gzipSync("hello"), { "content-encoding": encoding });
    expect(await response.json()).toMatchObject({ bytes: 5, head: "hello" });
  });

  it("is inflated when it comes as deflate", async () => {
    const { url } = await sink();
    const response = await post(url, deflateSync("hello"), { "content-encoding": "deflate" });
    expect(await response.json()).toMatchObject({ head: "hello" });
  });

  it("may be as large as the limit to the byte, as sent and inflated", async () => {
    const { url } = await sink();
    expect((await post(url, Buffer.alloc(limits.bytesMax))).status).toBe(200);
    const inflated = gzipSync(Buffer.alloc(limits.inflatedBytesMax));
    expect((await post(url, inflated, { "content-encoding": "gzip" })).status).toBe(200);
  });

  it("may be empty", async () => {
    const { url } = await sink();
    expect(await (await post(url, Buffer.alloc(0))).json()).toMatchObject({ bytes: 0 });
  });
});

describe("a body over its limit", () => {
  it("is refused before it is sent when its length is announced", async () => {
    const { url } = await sink();
    const client = await rawClient(url);
    client.send(`POST /sink HTTP/1.1\r\nHost: x\r\nContent-Length: ${limits.bytesMax + 1}\r\n\r\n`);
    expect(await client.until("}")).toContain("413 Payload Too Large");
  });

  it("is refused in JSON that a client still sending chunks gets to read", async () => {
    const { url } = await sink();
    const client = await rawClient(url);
    client.send("POST /sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (let sent = 0; sent < 20 * limits.bytesMax; sent += 65_536) client.send(chunkOf(65_536));
    client.send("0\r\n\r\n");
    expect(await client.until("PayloadTooLargeError")).toContain("413 Payload Too Large");
  });

  it("leaves a connection that the next request can use, once it is all read", async () => {
    const { url } = await sink();
    const client = await rawClient(url);
    const length = limits.bytesMax + 1;
    client.send(`POST /sink HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`);
    await client.until("413 Payload Too Large");
    client.send(Buffer.alloc(length));
    client.send("POST /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok");
    expect(await client.until('"ok"')).toContain("200 OK");
  });

  it("is not read for ever: the connection ends at the cap on what is thrown away", async () => {
    const { url } = await sink({ discardBytesMax: 500_000 });
    const client = await rawClient(url);
    client.send("POST /sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    const endless = setInterval(() => client.send(chunkOf(65_536)), 1);
    const text = await client.closed().finally(() => clearInterval(endless));
    expect(text).toContain("413 Payload Too Large");
  });

  it("is not waited for either: the connection ends when the rest does not come", async () => {
    const { url } = await sink({ discardMs: 100 });
    const client = await rawClient(url);
    client.send(`POST /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n`);
    expect(await client.closed()).toContain("413 Payload Too Large");
  });

  it("gets 413 one byte over the limit, as sent and inflated", async () => {
    const { url } = await sink();
    expect((await post(url, Buffer.alloc(limits.bytesMax + 1))).status).toBe(413);
    const inflated = gzipSync(Buffer.alloc(limits.inflatedBytesMax + 1));
    expect((await post(url, inflated, { "content-encoding": "gzip" })).status).toBe(413);
  });

  it("costs little memory when it is a bomb of 512 MiB", async () => {
    const { url } = await sink({}, { bytesMax: 4_718_592, inflatedBytesMax: 4_718_592 });
    // Members of a gzip file follow each other, so the bomb need not be compressed in one piece.
    const member = gzipSync(Buffer.alloc(16 * 1024 * 1024), { level: 9 });
    const bomb = Buffer.concat(Array.from({ length: 32 }, () => member));
    await post(url, member.subarray(0, 20), { "content-encoding": "gzip" });
    const before = process.memoryUsage().rss;
    let peak = before;
    const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 2);
    const response = await post(url, bomb, { "content-encoding": "gzip" });
    clearInterval(watch);
    expect(response.status).toBe(413);
    // What else this process does counts too, so the bound is only far from the 512 MiB.
    expect(peak - before).toBeLessThan(200 * 1024 * 1024);
  });
});

describe("a body that cannot be read", () => {
  it("gets 400 when its gzip is cut off", async () => {
    const { url } = await sink();
    const whole = gzipSync("hello hello hello");
    const response = await post(url, whole.subarray(0, -6), { "content-encoding": "gzip" });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: "InvalidRequestError" });
  });

  it("gets 400 when it is not gzip at all", async () => {
    const { url } = await sink();
    const response = await post(url, Buffer.from("{}"), { "content-encoding": "gzip" });
    expect(response.status).toBe(400);
  });

  it.each(["br", "zstd", "gzip, gzip", "x"])(
    "gets 415 in JSON for the encoding %s",
    async (name) => {
      const { url } = await sink();
      const response = await post(url, Buffer.from("{}"), { "content-encoding": name });
      expect(response.status).toBe(415);
      expect(await response.json()).toMatchObject({ error: "UnsupportedMediaTypeError" });
    },
  );

  it.each(["", "Content-Encoding: gzip\r\n"])(
    "is nobody's error when the client goes away (%j)",
    async (header) => {
      const { url, lines, reached } = await sink();
      const client = await rawClient(url);
      client.send(`POST /sink HTTP/1.1\r\nHost: x\r\n${header}Content-Length: 1000\r\n\r\n\x1f`);
      await eventually(() => reached() === 1);
      client.socket.resetAndDestroy();
      await eventually(() => lines.length > 0);
      expect(lines).toMatchObject([{ level: "info", message: "request", status: 499 }]);
      expect((await post(url, Buffer.from("ok"))).status).toBe(200);
    },
  );
});

/** A server with one route, which answers with the size and the start of the body it has read, and counts requests. */
async function sink(
  serverLimits: Partial<ServerLimits> = {},
  bodyLimits: BodyLimits = limits,
): Promise<{ url: string; lines: LogLine[]; reached: () => number }> {
  const { log, lines } = recordingLogger();
  const app = createHttpApp(log);
  let requests = 0;
  app.post("/sink", async (c) => {
    requests += 1;
    const body = await readBody(c.env.incoming, c.env.incoming.headers, bodyLimits);
    return c.json({ bytes: body.length, head: body.toString("latin1", 0, 20) });
  });
  const { url } = await startServer(app, log, serverLimits);
  return { url, lines, reached: () => requests };
}

function post(
  url: string,
  body: Buffer,
  headers: Record<string, string> = {},
): Promise<globalThis.Response> {
  return fetch(`${url}/sink`, { method: "POST", body: new Uint8Array(body), headers });
}

function chunkOf(bytes: number): Buffer {
  return Buffer.concat([
    Buffer.from(`${bytes.toString(16)}\r\n`),
    Buffer.alloc(bytes, "a"),
    Buffer.from("\r\n"),
  ]);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
