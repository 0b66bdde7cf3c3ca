import { PassThrough, Readable } from "node:stream";
import type { Context } from "hono";
import type { StatusCode } from "hono/utils/http-status";
import { Pool } from "undici";
import type { Dispatcher } from "undici";

import { ApiError, unavailable } from "../../schemas/errors.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import { ClientGone } from "../runtime/http/body.ts";
import { answerHeaders, codeOf, requestHeaders } from "./forward-headers.ts";

export interface ForwardOptions {
  /** How the log line and the error sentences call where requests go. */
  readonly name: "query" | "upstream";
  /** Its base URL, without a last slash; a path in it comes before that of every request. */
  readonly url: string;
  readonly limits: ForwardLimits;
}

export interface ForwardLimits {
  /** Requests under way at once, each of which may hold two sockets; beyond it a request gets 503. */
  readonly inflightMax: number;
  /** Until the head of the answer, and between any two parts of its body. */
  readonly timeoutMs: number;
}

export interface Forwarder {
  /** Sends the request on as it is, with the caller's own credentials, and answers as it was answered there. */
  readonly handle: (c: Context<HttpEnv>) => Promise<Response>;
  readonly figures: () => ForwardFigures;
  close(): Promise<void>;
}

export interface ForwardFigures {
  readonly inFlight: number;
  readonly answered: number;
  /** That got a 502 or 503 from here. */
  readonly failed: number;
}

/**
 * Sends requests on to one other server, which is fixed: no part of a request can choose another. Bodies stream both
 * ways and nothing is held; redirects are the caller's to follow; a caller that goes away ends the request there, too.
 */
export function forwarder({ name, url, limits }: ForwardOptions): Forwarder {
  const { origin, pathname } = new URL(url);
  const prefix = pathname === "/" ? "" : pathname;
  const pool = new Pool(origin, {
    connections: limits.inflightMax,
    pipelining: 1,
    connect: { timeout: connectMs },
    headersTimeout: limits.timeoutMs,
    bodyTimeout: limits.timeoutMs,
    keepAliveTimeout: keepAliveMs,
    // It may name a shorter time itself, but no longer one.
    keepAliveMaxTimeout: keepAliveMs,
    maxHeaderSize: 64 * 1024,
  });
  let inFlight = 0;
  let answered = 0;
  let failed = 0;

  async function handle(c: Context<HttpEnv>): Promise<Response> {
    c.get("line").forwarded = name;
    if (inFlight >= limits.inflightMax) {
      failed += 1;
      throw unavailable(`Too many requests to ${names[name]} are under way. Try again.`);
    }
    inFlight += 1;
    let isLeft = false;
    const leave = (): void => {
      if (!isLeft) inFlight -= 1;
      isLeft = true;
    };
    const gone = new AbortController();
    // After the last byte of the answer, too; then nothing is left to end.
    c.env.outgoing.once("close", () => {
      leave();
      gone.abort();
    });
    try {
      const answer = await ask(c, pool, prefix, gone.signal);
      const response = answerOf(c, answer);
      answered += 1;
      return response;
    } catch (cause) {
      leave();
      if (gone.signal.aborted) throw new ClientGone();
      failed += 1;
      throw refusalOf(cause, name);
    }
  }

  return {
    handle,
    figures: () => ({ inFlight, answered, failed }),
    close: () => pool.destroy(),
  };
}

const connectMs = 3_000;
/** Shorter than our own servers keep theirs, so that a request does not meet a socket that is being closed. */
const keepAliveMs = 4_000;

const names = { query: "the query service", upstream: "the upstream server" } as const;

/** A read that met a socket which was just closed there is asked once more, on another. */
async function ask(
  c: Context<HttpEnv>,
  pool: Pool,
  prefix: string,
  signal: AbortSignal,
): Promise<Dispatcher.ResponseData> {
  const { incoming } = c.env;
  const { pathname, search } = new URL(c.req.url);
  const hasBody =
    incoming.headers["content-length"] !== undefined ||
    incoming.headers["transfer-encoding"] !== undefined;
  const request: Dispatcher.RequestOptions = {
    path: prefix + pathname + search,
    method: c.req.raw.method,
    headers: requestHeaders(c),
    body: hasBody ? incoming : null,
    signal,
  };
  try {
    return await pool.request(request);
  } catch (error) {
    const isRead = !hasBody && (request.method === "GET" || request.method === "HEAD");
    if (!isRead || !closedSocketCodes.has(codeOf(error))) throw error;
    return await pool.request(request);
  }
}

const closedSocketCodes: ReadonlySet<unknown> = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"]);

function answerOf(c: Context<HttpEnv>, answer: Dispatcher.ResponseData): Response {
  const { statusCode, headers, body } = answer;
  const isBodiless = c.req.raw.method === "HEAD" || bodilessStatuses.has(statusCode);
  // Cut off, so that a part does not pass for the whole.
  body.on("error", () => c.env.outgoing.destroy());
  if (isBodiless) body.resume();
  const stream = isBodiless ? null : Readable.toWeb(body.pipe(new PassThrough()));
  return c.newResponse(
    stream as ReadableStream | null,
    statusCode as StatusCode,
    answerHeaders(headers),
  );
}

/** Statuses whose answers have no body, whatever is sent with them (fetch §2.2.6). */
const bodilessStatuses: ReadonlySet<number> = new Set([204, 205, 304]);

/** 502 when it answered with what is no HTTP answer, or broke off; 503 when it did not answer. */
function refusalOf(cause: unknown, name: ForwardOptions["name"]): Error {
  const options = { cause };
  if (brokenCodes.has(codeOf(cause))) {
    const message = `The answer of ${names[name]} broke off. Try again.`;
    return new ApiError(
      502,
      { message, error: "BadGatewayError" },
      { "retry-after": "1" },
      options,
    );
  }
  const isSlow = codeOf(cause) === "UND_ERR_HEADERS_TIMEOUT";
  const what = isSlow ? "did not answer in time" : "cannot be reached";
  return unavailable(`${names[name].replace("the", "The")} ${what}. Try again.`, 1, options);
}

const brokenCodes: ReadonlySet<unknown> = new Set([
  ...closedSocketCodes,
  "UND_ERR_HEADERS_OVERFLOW",
  "UND_ERR_RES_EXCEEDED_MAX_SIZE",
  "UND_ERR_RESPONSE_STATUS_CODE",
]);
