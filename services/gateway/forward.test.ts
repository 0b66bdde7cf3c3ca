import { createServer } from "node:http";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { connect } from "node:net";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

import { expect, onTestFinished, test } from "vitest";

import { createHttpApp } from "../runtime/http/app.ts";
import { eventually, recordingLogger, startServer } from "../runtime/http/testing.ts";
import type { LogLine } from "../runtime/http/testing.ts";
import { createLifecycle } from "../runtime/lifecycle.ts";
import { addForwarding } from "./forwarding.ts";
import type { Forwarding } from "./forwarding.ts";

interface Away {
  readonly url: string;
  readonly seen: { readonly request: IncomingMessage; readonly body: string }[];
}

/** Another server, which answers with `answer` once it has read the request. */
async function startAway(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  listener?: RequestListener,
): Promise<Away> {
  const seen: Away["seen"] = [];
  const server = createServer(
    listener ??
      (async (request, response) => {
        seen.push({ request, body: await text(request) });
        answer(request, response);
      }),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

interface Front {
  readonly url: string;
  readonly lines: LogLine[];
  readonly figures: Forwarding["figures"];
}

/** A server with one route of its own, `POST /own`, that sends on the rest. */
async function startFront(
  to: { queryUrl?: string; upstreamUrl?: string },
  limits: { inflightMax?: number; timeoutMs?: number } = {},
): Promise<Front> {
  const { log, lines } = recordingLogger();
  const lifecycle = createLifecycle({ deadlineMs: 10_000, logger: log });
  onTestFinished(() => lifecycle.close());
  const app = createHttpApp(log);
  app.post("/own", (c) => c.text("own"));
  const { figures } = addForwarding(app, {
    settings: {
      queryUrl: to.queryUrl ?? null,
      upstreamUrl: to.upstreamUrl ?? null,
      inflightMax: 100,
      timeoutMs: 30_000,
      ...limits,
    },
    lifecycle,
    queryRoutes: [{ method: "get", path: "/reads/:id" }],
  });
  const { url } = await startServer(app, log);
  return { url, lines, figures };
}

const unreachable = "http://127.0.0.1:1";

test("a request arrives as it was sent, but for what concerns one connection, with where it came from", async () => {
  const away = await startAway((_request, response) => response.end("read"));
  const { url, lines } = await startFront({ queryUrl: `${away.url}/base` });
  const answer = await fetch(`${url}/reads/a%2Fb?x=1&x=%20`, {
    headers: {
      authorization: "Basic eA==",
      "x-custom": "kept",
      "x-forwarded-for": "203.0.113.9",
      "x-forwarded-host": "far.example",
      te: "trailers",
    },
  });
  expect(await answer.text()).toBe("read");
  const { headers, url: path } = away.seen[0]?.request ?? {};
  expect(path).toBe("/base/reads/a%2Fb?x=1&x=%20");
  const host = new URL(url).host;
  expect(headers).toMatchObject({
    authorization: "Basic eA==",
    "x-custom": "kept",
    host: new URL(away.url).host,
    "x-forwarded-for": "203.0.113.9, 127.0.0.1",
    "x-forwarded-host": `far.example, ${host}`,
    "x-forwarded-proto": "http",
    "x-request-id": answer.headers.get("x-request-id"),
  });
  expect(headers).not.toHaveProperty("te");
  await eventually(() => lines.some(({ message }) => message === "request"));
  expect(lines.at(-1)).toMatchObject({ forwarded: "query", status: 200 });
});

test("what it answers comes back as it is: status, headers, redirects that nobody follows", async () => {
  const away = await startAway((_request, response) => {
    response.writeHead(302, {
      location: "http://elsewhere.example/",
      "set-cookie": ["a=1", "b=2"],
      "keep-alive": "timeout=99",
      "x-request-id": "theirs",
    });
    response.end("moved");
  });
  const { url } = await startFront({ queryUrl: away.url });
  const answer = await fetch(`${url}/reads/1`, { redirect: "manual" });
  expect({ status: answer.status, body: await answer.text() }).toEqual({
    status: 302,
    body: "moved",
  });
  expect(answer.headers.get("location")).toBe("http://elsewhere.example/");
  expect(answer.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
  expect(answer.headers.get("x-request-id")).not.toBe("theirs");
  expect(away.seen).toHaveLength(1);
});

test.each([204, 304])("an answer of %i, which has no body, comes back", async (status) => {
  const away = await startAway((_request, response) => void response.writeHead(status).end());
  const { url } = await startFront({ queryUrl: away.url });
  expect((await fetch(`${url}/reads/1`)).status).toBe(status);
});

test("bodies stream both ways: a byte arrives before the next one is sent", async () => {
  const away = await startAway(
    () => {},
    (request, response) => {
      request.on("data", (chunk: Buffer) => response.write(chunk));
      request.on("end", () => response.end());
    },
  );
  const { url } = await startFront({ upstreamUrl: away.url });
  const { port } = new URL(url);
  const socket = connect(Number(port), "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  let received = "";
  socket.on("data", (chunk: Buffer) => (received += chunk.toString()));
  socket.write(
    "POST /media HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n",
  );
  await eventually(() => received.includes("first"));
  expect(received).not.toContain("second");
  socket.write("6\r\nsecond\r\n0\r\n\r\n");
  await eventually(() => received.includes("second"));
});

test("what Sluice has no route for goes to the upstream, its own routes and their other methods do not", async () => {
  const away = await startAway((_request, response) => response.end("prompts"));
  const query = await startAway((_request, response) => response.end("reads"));
  const { url, figures } = await startFront({ queryUrl: query.url, upstreamUrl: away.url });
  const ask = async (method: string, path: string) => {
    const answer = await fetch(url + path, { method });
    return [answer.status, await answer.text()];
  };
  expect(await ask("PUT", "/api/public/v2/prompts/a")).toEqual([200, "prompts"]);
  expect(await ask("GET", "/reads/1")).toEqual([200, "reads"]);
  expect(await ask("POST", "/own")).toEqual([200, "own"]);
  expect((await ask("GET", "/own"))[0]).toBe(405);
  expect((await ask("DELETE", "/reads/1"))[0]).toBe(405);
  expect(away.seen).toHaveLength(1);
  expect(figures()).toMatchObject({ query: { answered: 1 }, upstream: { answered: 1 } });
});

test("without an upstream such a path is not found, as ever", async () => {
  const { url } = await startFront({});
  const answer = await fetch(`${url}/api/public/v2/prompts/a`);
  expect([answer.status, await answer.json()]).toEqual([
    404,
    expect.objectContaining({ error: "LangfuseNotFoundError" }),
  ]);
});

test("when the other server is away, callers get 503 in JSON and are to try again", async () => {
  const { url, figures } = await startFront({ queryUrl: unreachable });
  const answer = await fetch(`${url}/reads/1`);
  expect(answer.status).toBe(503);
  expect(answer.headers.get("retry-after")).toBe("1");
  expect(await answer.json()).toMatchObject({
    message: "The query service cannot be reached. Try again.",
    error: "ServiceUnavailableError",
  });
  expect(figures()["query"]).toEqual({ inFlight: 0, answered: 0, failed: 1 });
});

test("an answer that does not come in time is 503, one that is no HTTP is 502", async () => {
  const silent = await startAway(() => {});
  const slow = await startFront({ queryUrl: silent.url }, { timeoutMs: 100 });
  expect((await fetch(`${slow.url}/reads/1`)).status).toBe(503);
  const broken = await startAway(
    () => {},
    (request) => void request.socket.destroy(),
  );
  const { url } = await startFront({ queryUrl: broken.url });
  expect((await fetch(`${url}/reads/1`)).status).toBe(502);
});

test("an answer that breaks off ends the connection, so that no part passes for the whole", async () => {
  const away = await startAway((_request, response) => {
    response.writeHead(200, { "content-length": "100" });
    response.write("part", () => response.destroy());
  });
  const { url } = await startFront({ queryUrl: away.url });
  const reading = fetch(`${url}/reads/1`).then((answer) => answer.text());
  await expect(reading).rejects.toThrow("terminated");
});

test("a caller that goes away ends its request at the other server", async () => {
  let ended = false;
  const away = await startAway((_request, response) => {
    response.once("close", () => (ended = true));
  });
  const { url, figures } = await startFront({ queryUrl: away.url });
  const caller = new AbortController();
  const asking = fetch(`${url}/reads/1`, { signal: caller.signal }).catch(() => {});
  await eventually(() => away.seen.length === 1);
  caller.abort();
  await asking;
  await eventually(() => ended && figures()["query"]?.inFlight === 0);
  expect(figures()["query"]?.failed).toBe(0);
});

test("no more requests are under way than may be: the next gets 503 and the rest is unharmed", async () => {
  const waiting: ServerResponse[] = [];
  const away = await startAway((_request, response) => waiting.push(response));
  const { url } = await startFront({ queryUrl: away.url }, { inflightMax: 2 });
  const two = [fetch(`${url}/reads/1`), fetch(`${url}/reads/2`)];
  await eventually(() => waiting.length === 2);
  expect((await fetch(`${url}/reads/3`)).status).toBe(503);
  for (const response of waiting) response.end("done");
  expect((await Promise.all(two)).map(({ status }) => status)).toEqual([200, 200]);
  const last = fetch(`${url}/reads/4`);
  await eventually(() => waiting.length === 3);
  waiting[2]?.end("done");
  expect((await last).status).toBe(200);
});

test("a request whose length is stated twice over goes no further", async () => {
  const away = await startAway((_request, response) => response.end());
  const { url } = await startFront({ upstreamUrl: away.url });
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.write(
    "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n",
  );
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 /);
  expect(away.seen).toEqual([]);
});
