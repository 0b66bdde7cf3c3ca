import { describe, expect, it } from "vitest";

import { createHttpApp } from "./app.ts";
import { serve, serverLimits } from "./server.ts";
import type { ServerLimits } from "./server.ts";
import { eventually, rawClient, recordingLogger, startServer } from "./testing.ts";

/** A wait that no test outlives. */
const hourMs = 3_600_000;

const hello = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";

describe("a request that is no HTTP", () => {
  it.each([
    ["garbage", "\x00\x01\x02\r\n\r\n", 400],
    ["a Content-Length that is no number", postWith("Content-Length: abc"), 400],
    ["two lengths", postWith("Content-Length: 3\r\nContent-Length: 4"), 400],
    [
      "a length and chunks, as smugglers send it",
      postWith("Content-Length: 3\r\nTransfer-Encoding: chunked"),
      400,
    ],
    ["a chunk size that is no number", `${postWith("Transfer-Encoding: chunked")}zz\r\n`, 400],
    ["no Host", "GET /hello HTTP/1.1\r\n\r\n", 400],
    ["a Host that is none", "GET /hello HTTP/1.1\r\nHost: a b/c\r\n\r\n", 400],
    [
      "headers over 16 KB",
      `GET /hello HTTP/1.1\r\nHost: x\r\nX: ${"a".repeat(17_000)}\r\n\r\n`,
      431,
    ],
  ])("gets a JSON error and harms nobody else: %s", async (_what, bytes, status) => {
    const { url } = await hello200();
    const client = await rawClient(url);
    client.send(bytes);
    const text = await client.until("}");
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(JSON.parse(text.slice(text.indexOf("{")))).toMatchObject({
      message: expect.any(String),
      error: expect.any(String),
    });
    expect((await fetch(`${url}/hello`)).status).toBe(200);
  });
});

it("serves a request that expects what nobody knows", async () => {
  const { url } = await hello200();
  const client = await rawClient(url);
  client.send("GET /hello HTTP/1.1\r\nHost: x\r\nExpect: the-unexpected\r\n\r\n");
  expect(await client.until("hello")).toMatch(/^HTTP\/1.1 200 /);
});

describe("a client that is too slow", () => {
  const soon = { headersTimeoutMs: 100, requestTimeoutMs: 200, connectionsCheckingIntervalMs: 20 };

  it("gets 408 when its headers do not end, byte by byte", async () => {
    const { url } = await hello200(soon);
    const client = await rawClient(url);
    client.send("GET /hello HTTP/1.1\r\nHost: x\r\n");
    const drip = setInterval(() => client.send("X-Slow: 1\r\n"), 20);
    const text = await client.closed().finally(() => clearInterval(drip));
    expect(text).toMatch(/^HTTP\/1.1 408 [\s\S]*"RequestTimeoutError"/);
  });

  it("gets 408 when its body does not end, byte by byte", async () => {
    const { url } = await hello200(soon);
    const client = await rawClient(url);
    client.send(postWith("Content-Length: 1000"));
    const drip = setInterval(() => client.send("x"), 20);
    const text = await client.closed().finally(() => clearInterval(drip));
    expect(text).toMatch(/^HTTP\/1.1 408 [\s\S]*"RequestTimeoutError"/);
  });

  it("does not keep others from being served", async () => {
    const { url } = await hello200();
    for (let i = 0; i < 100; i++) (await rawClient(url)).send("POST /echo HTTP/1.1\r\nHost: x\r\n");
    expect((await fetch(`${url}/hello`)).status).toBe(200);
  });
});

it("answers a request that asks for an upgrade, and ends the connection", async () => {
  const { url } = await hello200();
  const client = await rawClient(url);
  client.send(
    "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
  );
  expect(await client.closed()).toMatch(/^HTTP\/1.1 200 OK[\s\S]*connection: close/i);
});

describe("closing", () => {
  it("lets a request in hand finish, says that the connection ends, and takes no new one", async () => {
    const { server, url, release } = await held();
    const client = await rawClient(url);
    client.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
    await release.reached;
    const closed = server.close(hourMs);
    await expect(fetch(`${url}/held`)).rejects.toThrow("fetch failed");
    release.go();
    expect(await client.closed()).toMatch(/^HTTP\/1.1 200 OK[\s\S]*connection: close[\s\S]*held$/i);
    await closed;
  });

  it("does not wait for connections that are idle or have sent nothing yet", async () => {
    const { server, url } = await held({
      headersTimeoutMs: hourMs,
      requestTimeoutMs: hourMs,
      keepAliveTimeoutMs: hourMs,
    });
    const idle = await rawClient(url);
    idle.send(hello);
    await idle.until("hello");
    await rawClient(url);
    await expect(server.close(hourMs)).resolves.toBeUndefined();
  });

  it("cuts off what is not done at the deadline", async () => {
    const { server, url, release } = await held();
    const client = await rawClient(url);
    client.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
    await release.reached;
    await server.close(50);
    expect(await client.closed()).toBe("");
  });
});

describe("starting", () => {
  it("rejects when the port is taken", async () => {
    const { url } = await hello200();
    const port = Number(new URL(url).port);
    const { log } = recordingLogger();
    const second = serve(createHttpApp(log), { host: "127.0.0.1", port, log });
    await expect(second).rejects.toThrow("EADDRINUSE");
  });

  it("has the limits that keep one client from holding a server", () => {
    expect(serverLimits).toMatchObject({
      headersTimeoutMs: 10_000,
      requestTimeoutMs: 30_000,
      keepAliveTimeoutMs: 65_000,
      connectionsCheckingIntervalMs: 5_000,
      headerBytesMax: 16_384,
    });
  });
});

function postWith(header: string): string {
  return `POST /echo HTTP/1.1\r\nHost: x\r\n${header}\r\n\r\n`;
}

async function hello200(limits: Partial<ServerLimits> = {}): Promise<{ url: string }> {
  const { log } = recordingLogger();
  const app = createHttpApp(log);
  app.get("/hello", (c) => c.text("hello"));
  app.post("/echo", async (c) => c.text(await c.req.text()));
  return await startServer(app, log, limits);
}

interface Release {
  /** Resolves when a request is inside the route. */
  readonly reached: Promise<void>;
  go(): void;
}

async function held(limits: Partial<ServerLimits> = {}): Promise<{
  server: Awaited<ReturnType<typeof startServer>>;
  url: string;
  release: Release;
}> {
  const { log } = recordingLogger();
  let reached = false;
  let go = false;
  const app = createHttpApp(log);
  app.get("/hello", (c) => c.text("hello"));
  app.get("/held", async (c) => {
    reached = true;
    await eventually(() => go);
    return c.text("held");
  });
  const server = await startServer(app, log, limits);
  const release = {
    get reached() {
      return eventually(() => reached);
    },
    go: () => void (go = true),
  };
  return { server, url: server.url, release };
}
