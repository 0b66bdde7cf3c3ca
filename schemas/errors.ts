/**
 * The one error table: which status and JSON body a client gets for what went wrong.
 *
 * Sentences are for people and may change; statuses, keys and the `error` names are the contract (read-api §1.4,
 * write-api §1.3). Every body is JSON, because the older Langfuse SDKs drop their batch on anything else.
 */

export interface ErrorBody {
  readonly [key: string]: unknown;
}

/** An error that is an answer: thrown anywhere below a route, sent as it is. Its body holds no customer payload. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly body: ErrorBody;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    body: ErrorBody,
    headers: Readonly<Record<string, string>> = {},
    options?: ErrorOptions,
  ) {
    super(typeof body["message"] === "string" ? body["message"] : `HTTP ${status}`, options);
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

/** One finding of a schema, with the code names of zod 4. */
export interface Issue {
  readonly code: string;
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly [detail: string]: unknown;
}

const invalidRequestMessage = "Invalid request data";

/** 400: a body or query does not match its schema; `error` is the list of findings. */
export function invalidRequest(issues: readonly Issue[]): ApiError {
  return new ApiError(400, { message: invalidRequestMessage, error: issues });
}

/** 400: well formed, but it asks for something that cannot be: a bad cursor, an unknown column, a broken filter. */
export function invalidParameter(message: string): ApiError {
  return new ApiError(400, { message, error: "InvalidRequestError" });
}

/** 401 as the project routes answer it: no `error` key. */
export function unauthorized(message: string): ApiError {
  return new ApiError(401, { message });
}

/** 403: a known key that may not do this. */
export function forbidden(message: string): ApiError {
  return new ApiError(403, { message });
}

export function notFound(message: string): ApiError {
  return new ApiError(404, { message, error: "LangfuseNotFoundError" });
}

/** 409: others changed the same thing meanwhile. */
export function conflict(message: string): ApiError {
  return new ApiError(409, { message, error: "LangfuseConflictError" });
}

export function methodNotAllowed(): ApiError {
  return new ApiError(405, { message: "Method not allowed", error: "MethodNotAllowedError" });
}

/** 422: the answer would be too large to send. For a request that is too large see {@link bodyTooLarge}. */
export function payloadTooLarge(message: string): ApiError {
  return new ApiError(422, { message, error: "PayloadTooLargeError" });
}

/** 422: the query used up its time or memory; `advice` says how to ask for less. */
export function timedOut(advice: string): ApiError {
  return new ApiError(422, { message: advice, error: "Request timed out" });
}

/**
 * 429 for a tenant over its own quota; overload of the server is {@link unavailable}.
 * `resetAt` is epoch milliseconds; the header is in epoch seconds, as the clients parse it (write-api §8).
 */
export function rateLimited(quota: {
  limit: number;
  retryAfterS: number;
  resetAt: number;
}): ApiError {
  return new ApiError(
    429,
    {
      message: "Rate limit exceeded",
      code: "rate_limited",
      details: {
        retryAfterSeconds: quota.retryAfterS,
        limit: quota.limit,
        remaining: 0,
        resetAt: new Date(quota.resetAt).toISOString(),
      },
    },
    {
      "retry-after": String(quota.retryAfterS),
      "x-ratelimit-limit": String(quota.limit),
      "x-ratelimit-remaining": "0",
      "x-ratelimit-reset": String(Math.ceil(quota.resetAt / 1000)),
    },
  );
}

/** 500: something unforeseen. The client gets a number to quote and nothing else. */
export function internal(requestId: string): ApiError {
  return new ApiError(500, {
    message: `Internal error. Quote request ${requestId} when you report it.`,
    error: "InternalServerError",
    requestId,
  });
}

/**
 * 503: try the same request again. `retryAfterS` stays at or below 3: exporters give up at once when it exceeds their
 * budget (reliability §4.2). The cause is for the log and not sent.
 */
export function unavailable(message: string, retryAfterS = 1, options?: ErrorOptions): ApiError {
  return new ApiError(
    503,
    { message, error: "ServiceUnavailableError" },
    { "retry-after": String(retryAfterS) },
    options,
  );
}

/** 503: of what is accepted up to the position that a read named, so many records of the log are not stored yet. */
export function notYetStored(records: bigint): ApiError {
  const message = `${records} records up to the position asked for are not stored yet. Try again.`;
  return new ApiError(
    503,
    { message, error: "ServiceUnavailableError" },
    { "retry-after": "1", "x-sluice-lag": String(records) },
  );
}

/** 400: the body cannot be read at all: broken transfer, broken compression, not UTF-8, not JSON. */
export function invalidBody(message: string): ApiError {
  return new ApiError(400, { message, error: "InvalidRequestError" });
}

/** 408: the client took too long to send its request. */
export function requestTimeout(): ApiError {
  return new ApiError(408, {
    message: "The request took too long to arrive",
    error: "RequestTimeoutError",
  });
}

/** 413: the body, as sent or inflated, is larger than the server takes. */
export function bodyTooLarge(bytesMax?: number): ApiError {
  const limit = bytesMax === undefined ? "what the event log takes" : `${bytesMax} bytes`;
  return new ApiError(413, {
    message: `The body exceeds ${limit}: send smaller batches`,
    error: "PayloadTooLargeError",
  });
}

/** 415: a Content-Encoding that the server does not read; `more` are read beside those of every route. */
export function unsupportedEncoding(more: readonly string[] = []): ApiError {
  const read = ["identity", "gzip", "deflate", ...more];
  return new ApiError(
    415,
    {
      message: `Content-Encoding must be ${read.slice(0, -1).join(", ")} or ${read.at(-1)}`,
      error: "UnsupportedMediaTypeError",
    },
    { "accept-encoding": read.join(", ") },
  );
}

/** 400 of the batch route: the envelope is wrong; one sentence a finding, under `errors` rather than `error`. */
export function invalidBatch(errors: readonly string[]): ApiError {
  return new ApiError(400, { message: invalidRequestMessage, errors });
}

/** 401 of the batch route, which names the error beside the message. */
export function batchUnauthorized(message: string): ApiError {
  return new ApiError(401, { error: "UnauthorizedError", message });
}
