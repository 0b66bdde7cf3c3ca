import { expect, it } from "vitest";

import * as errors from "./errors.ts";

const issue = { code: "custom", path: ["a", 0], message: "wrong" };

it.each([
  [errors.invalidRequest([issue]), 400, { message: "Invalid request data", error: [issue] }],
  [errors.invalidParameter("no"), 400, { message: "no", error: "InvalidRequestError" }],
  [errors.invalidBody("no"), 400, { message: "no", error: "InvalidRequestError" }],
  [errors.invalidBatch(["no"]), 400, { message: "Invalid request data", errors: ["no"] }],
  [errors.unauthorized("no"), 401, { message: "no" }],
  [errors.batchUnauthorized("no"), 401, { message: "no", error: "UnauthorizedError" }],
  [errors.forbidden("no"), 403, { message: "no" }],
  [errors.notFound("no"), 404, { message: "no", error: "LangfuseNotFoundError" }],
  [
    errors.methodNotAllowed(),
    405,
    { message: "Method not allowed", error: "MethodNotAllowedError" },
  ],
  [errors.payloadTooLarge("no"), 422, { message: "no", error: "PayloadTooLargeError" }],
  [errors.timedOut("less"), 422, { message: "less", error: "Request timed out" }],
  [errors.unavailable("no"), 503, { message: "no", error: "ServiceUnavailableError" }],
])(
  "write-api §1.3: an error is the status and the keys of the contract: %s",
  (error, status, body) => {
    expect(error).toBeInstanceOf(errors.ApiError);
    expect(error.status).toBe(status);
    expect(error.body).toEqual(body);
  },
);

it("a 503 asks for a second's patience, which the exporters have", () => {
  expect(errors.unavailable("no").headers).toEqual({ "retry-after": "1" });
});

it("write-api §1.6, §8.9: a 429 has the time of the reset as epoch seconds in its header and as text in its body", () => {
  const resetAt = Date.UTC(2026, 4, 1, 10, 0, 0, 500);
  const error = errors.rateLimited({ limit: 1000, retryAfterS: 2, resetAt });
  expect(error.status).toBe(429);
  expect(error.headers).toEqual({
    "retry-after": "2",
    "x-ratelimit-limit": "1000",
    "x-ratelimit-remaining": "0",
    "x-ratelimit-reset": String(Math.ceil(resetAt / 1000)),
  });
  expect(error.body).toMatchObject({
    code: "rate_limited",
    details: {
      retryAfterSeconds: 2,
      limit: 1000,
      remaining: 0,
      resetAt: "2026-05-01T10:00:00.500Z",
    },
  });
});

it("a 500 says nothing but the number to quote", () => {
  const error = errors.internal("r1");
  expect(error.status).toBe(500);
  expect(error.body).toEqual({
    message: expect.stringContaining("r1"),
    error: "InternalServerError",
    requestId: "r1",
  });
});
