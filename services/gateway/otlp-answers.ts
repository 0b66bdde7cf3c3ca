import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";

import { ApiError, unavailable } from "../../schemas/errors.ts";
import { exportResponse, rpcStatus } from "../../schemas/otlp/response.ts";
import type { Position } from "../../schemas/position.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import type { Logger } from "../runtime/logger.ts";

/** The two forms of OTLP. An answer has the form of its request (otlp.md §1.8). */
export type Encoding = "protobuf" | "json";

/** What became of the items of one export: of its spans, say. */
export interface Outcome {
  /** Items of the request. */
  readonly total: number;
  /** Of those, what is not kept. */
  readonly rejected: number;
  /** Why, in a sentence; empty when everything was kept. */
  readonly message: string;
  /** Where what was kept lies in the log; null when there was nothing. */
  readonly position: Position | null;
}

/** How the items of a signal are called in its partial success. */
export type RejectedField = "rejectedSpans" | "rejectedLogRecords" | "rejectedDataPoints";

/** 200: nothing to say when everything was kept, else how much was not and why. Clients must not send either again. */
export function exported(
  c: Context<HttpEnv>,
  encoding: Encoding,
  field: RejectedField,
  { rejected, message }: Outcome,
): Response {
  if (encoding === "protobuf") return protobuf(c, 200, exportResponse(rejected, message));
  const isFull = rejected === 0 && message === "";
  return c.json(
    isFull ? {} : { partialSuccess: { [field]: String(rejected), errorMessage: message } },
  );
}

/** The answer to a request that is refused as a whole: a `google.rpc.Status`. */
export function refused(c: Context<HttpEnv>, encoding: Encoding, error: ApiError): Response {
  const code = rpcCodeOf(error.status);
  if (encoding === "protobuf") {
    return protobuf(c, error.status, rpcStatus(code, error.message), error.headers);
  }
  // Readers of OTLP look for `code` and `message`, those of Langfuse for `error` or `message`.
  const body = { code, error: error.message, message: error.message, ...error.body };
  return c.json(body, error.status as ContentfulStatusCode, error.headers);
}

function protobuf(
  c: Context<HttpEnv>,
  status: number,
  bytes: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const [type = ""] = (c.req.header("content-type") ?? "").split(";", 1);
  return c.body(new Uint8Array(bytes), status as ContentfulStatusCode, {
    ...headers,
    "content-type": type.trim().toLowerCase(),
  });
}

/**
 * The error as its client gets it. What nobody foresaw becomes a 503, for exporters drop their batch on a 500 (otlp.md
 * §1.8) and what failed may go well the next time.
 */
export function apiErrorOf(error: unknown, log: Logger, requestId: string): ApiError {
  if (error instanceof ApiError) {
    if (error.cause) log.warn("request refused", { requestId, error: error.cause });
    return error;
  }
  log.error("request failed", { requestId, error });
  return unavailable(`Something went wrong here. Try again, and quote request ${requestId}.`);
}

/** The code of `google.rpc.Code` for an HTTP status. */
export function rpcCodeOf(status: number): number {
  switch (status) {
    case 401:
      return rpcCode.unauthenticated;
    case 403:
      return rpcCode.permissionDenied;
    case 413:
    case 429:
      return rpcCode.resourceExhausted;
    case 503:
      return rpcCode.unavailable;
    default:
      return rpcCode.invalidArgument;
  }
}

const rpcCode = {
  invalidArgument: 3,
  permissionDenied: 7,
  resourceExhausted: 8,
  unavailable: 14,
  unauthenticated: 16,
} as const;
