import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { getRequestListener, RequestError } from "@hono/node-server";

import { internal, invalidBody, requestTimeout } from "../../../schemas/errors.ts";
import type { Logger } from "../logger.ts";

/** Why each has its default: reliability §4.3. Times in milliseconds. */
export interface ServerLimits {
  /** For the request line and all headers; then 408. */
  readonly headersTimeoutMs: number;
  /** For the whole request, body included; then 408. */
  readonly requestTimeoutMs: number;
  /** Longer than load balancers keep theirs idle, so that the balancer closes first. */
  readonly keepAliveTimeoutMs: number;
  /** How often the two request limits are looked at. */
  readonly connectionsCheckingIntervalMs: number;
  readonly headerBytesMax: number;
  readonly requestsPerSocketMax: number;
  readonly connectionsMax: number;
  /** What of an unread body is taken in after the answer, so that the client gets to read it; then the socket ends. */
  readonly discardBytesMax: number;
  readonly discardMs: number;
}

export const serverLimits: ServerLimits = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 65_000,
  connectionsCheckingIntervalMs: 5_000,
  headerBytesMax: 16 * 1024,
  requestsPerSocketMax: 10_000,
  connectionsMax: 10_000,
  discardBytesMax: 64 * 1024 * 1024,
  discardMs: 4_000,
};

export interface ServeOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly log: Logger;
  readonly limits?: Partial<ServerLimits>;
}

export interface HttpServer {
  /** `http://host:port`, with the port that was taken. */
  readonly url: string;
  /** Takes no more connections, lets the requests in hand finish for at most `deadlineMs`, then cuts them off. */
  close(deadlineMs: number): Promise<void>;
}

/**
 * Serves `app` over HTTP/1.1. Rejects when the address cannot be taken. Whatever a client sends, it gets a JSON answer
 * or a closed socket, and the process stays up.
 */
export async function serve(
  app: { readonly fetch: Parameters<typeof getRequestListener>[0] },
  options: ServeOptions,
): Promise<HttpServer> {
  const limits = { ...serverLimits, ...options.limits };
  const open = new Set<ServerResponse>();
  const silent = new Set<Socket>();
  let closing = false;
  const answer = getRequestListener(app.fetch, {
    errorHandler: (error) => refuse(error, options.log),
    autoCleanupIncoming: false,
  });

  const handle = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    silent.delete(incoming.socket);
    open.add(outgoing);
    outgoing.once("close", () => open.delete(outgoing));
    outgoing.once("finish", () => {
      if (!incoming.complete) discardRest(incoming, limits);
    });
    // Behind a request that asks for an upgrade Node's parser waits for bytes of another protocol.
    if (closing || incoming.headers.upgrade !== undefined) outgoing.shouldKeepAlive = false;
    void answer(incoming, outgoing);
  };

  const server = createServer(
    {
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: limits.connectionsCheckingIntervalMs,
      maxHeaderSize: limits.headerBytesMax,
      // Node's own refusal has no body; without it the listener below refuses in JSON.
      requireHostHeader: false,
    },
    handle,
  );
  // Node's own 417 has no body either, and an expectation that nobody knows may be ignored (RFC 9110 §10.1.1).
  server.on("checkExpectation", handle);
  server.maxRequestsPerSocket = limits.requestsPerSocketMax;
  server.maxConnections = limits.connectionsMax;
  server.on("connection", (socket) => {
    silent.add(socket);
    socket.once("close", () => silent.delete(socket));
  });
  server.on("clientError", (error, socket) => {
    refuseRaw(error, socket, open);
  });

  await listen(server, options);
  return {
    url: urlOf(server, options.host),
    close: (deadlineMs) => {
      closing = true;
      // Node then sends `Connection: close`, and the client does not reuse the socket.
      for (const outgoing of open) outgoing.shouldKeepAlive = false;
      // Node counts a connection that has sent nothing yet as busy, and would wait for it.
      for (const socket of silent) if (socket.bytesRead === 0) socket.destroy();
      return closeWithin(server, deadlineMs);
    },
  };
}

/** Answers a request that never reached the app: no or bad Host, a path that is no URL. */
function refuse(error: unknown, log: Logger): Response {
  if (error instanceof RequestError) {
    const { status, body } = invalidBody("The request line or the Host header is not valid");
    return Response.json(body, { status });
  }
  const requestId = randomUUID();
  log.error("request failed", { requestId, error });
  const { status, body } = internal(requestId);
  return Response.json(body, { status });
}

/** Answers bytes that are not HTTP, or come too slowly, as far as an answer can still be told apart from another. */
function refuseRaw(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  open: ReadonlySet<ServerResponse>,
): void {
  const answered = [...open].some((outgoing) => outgoing.socket === socket && outgoing.headersSent);
  if (!socket.writable || error.code === "ECONNRESET" || answered) {
    socket.destroy();
    return;
  }
  const { statusLine, body } = rawRefusal(error.code);
  const text = JSON.stringify(body);
  const head = [
    `HTTP/1.1 ${statusLine}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(text)}`,
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${text}`, () => socket.destroy());
}

function rawRefusal(code: string | undefined): { statusLine: string; body: object } {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
    return { statusLine: "408 Request Timeout", body: requestTimeout().body };
  }
  if (code === "HPE_HEADER_OVERFLOW") {
    const body = { message: "The headers are too large", error: "HeadersTooLargeError" };
    return { statusLine: "431 Request Header Fields Too Large", body };
  }
  return {
    statusLine: "400 Bad Request",
    body: invalidBody("The request is not valid HTTP").body,
  };
}

/**
 * Takes in what the client still sends after its answer. Closing at once would reset the connection, and a client
 * that is still writing would lose the answer with it.
 */
function discardRest(incoming: IncomingMessage, limits: ServerLimits): void {
  const socket: Socket = incoming.socket;
  const bytesEnd = socket.bytesRead + limits.discardBytesMax;
  const deadline = performance.now() + limits.discardMs;
  const check = setInterval(() => {
    if (socket.bytesRead > bytesEnd || performance.now() > deadline) socket.destroy();
  }, discardCheckMs);
  incoming.once("close", () => clearInterval(check));
  incoming.resume();
}

const discardCheckMs = 50;

function listen(server: Server, { host, port }: ServeOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function urlOf(server: Server, host: string): string {
  const { port } = server.address() as AddressInfo;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function closeWithin(server: Server, deadlineMs: number): Promise<void> {
  return new Promise((resolve) => {
    const deadline = setTimeout(() => server.closeAllConnections(), deadlineMs);
    server.close(() => {
      clearTimeout(deadline);
      resolve();
    });
  });
}
