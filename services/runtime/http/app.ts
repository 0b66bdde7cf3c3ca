import { randomUUID } from "node:crypto";
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import type { Context, MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { routePath } from "hono/route";
import type { ContentfulStatusCode } from "hono/utils/http-status";

import { ApiError, internal, methodNotAllowed, notFound } from "../../../schemas/errors.ts";
import type { Logger } from "../logger.ts";
import { ClientGone } from "./body.ts";

export interface HttpEnv {
  Bindings: HttpBindings;
  Variables: { requestId: string; line: RequestLine };
}

/** What a route adds to the request's log line: ids and counts, never anything that a customer wrote. */
export interface RequestLine {
  project?: string;
  keyId?: string;
  /** Of the body, inflated. */
  bytes?: number;
  events?: number;
  rejected?: number;
  /** Rows of the database that were looked at. */
  rowsRead?: number;
  /** Where it was sent on to. */
  forwarded?: "query" | "upstream";
}

/**
 * An app with what every route of every service shares: request ids, one log line per request, CORS, and JSON for
 * every error. Routes throw an ApiError to answer with it.
 */
export function createHttpApp(log: Logger): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  app.use(requestLine(log), crossOrigin());
  app.notFound((c) => {
    const error = isKnownPath(app, c.req.path)
      ? methodNotAllowed()
      : notFound("There is no such route");
    return answer(c, error);
  });
  app.onError((error, c) => {
    if (error instanceof ApiError) {
      const requestId = c.get("requestId");
      if (error.cause) log.warn("request refused", { requestId, error: error.cause });
      return answer(c, error);
    }
    // Nobody is there to read it; the status is for the log line, after nginx's custom.
    if (error instanceof ClientGone) return answer(c, new ApiError(499, {}));
    const requestId = c.get("requestId");
    log.error("request failed", { requestId, error });
    return answer(c, internal(requestId));
  });
  return app;
}

function answer(c: Context<HttpEnv>, error: ApiError): Response {
  return c.json(error.body, error.status as ContentfulStatusCode, error.headers);
}

function requestLine(log: Logger): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const startedAt = performance.now();
    const requestId = givenId(c.req.header("x-request-id")) ?? randomUUID();
    const line: RequestLine = {};
    c.set("requestId", requestId);
    c.set("line", line);
    c.header("x-request-id", requestId);
    await next();
    log.info("request", {
      requestId,
      method: c.req.method,
      // Of what answered, not of what would have if it had not.
      route: routePath(c),
      status: c.res.status,
      ms: Math.round(performance.now() - startedAt),
      ...line,
    });
  };
}

/** A request keeps its id from process to process; whoever may name it, in the form of ours it can do no harm. */
function givenId(text: string | undefined): string | null {
  return text !== undefined && uuid.test(text) ? text : null;
}

const uuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;

/**
 * Any origin may call, without cookies: the keys are not ambient (read-api §1.3). Requests without an Origin skip the
 * middleware, which would rebuild the response to add a Vary header.
 */
function crossOrigin(): MiddlewareHandler<HttpEnv> {
  const reflect = cors({
    origin: (origin) => origin,
    allowMethods: ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"],
    exposeHeaders: ["x-request-id", "retry-after", "x-sluice-position", "x-sluice-lag"],
    maxAge: 86_400,
  });
  return async (c, next) => {
    if (c.req.method !== "OPTIONS" && c.req.header("origin") === undefined) await next();
    else return await reflect(c, next);
  };
}

const methods = ["GET", "PUT", "POST", "DELETE", "PATCH"];

/** Whether the path has a route for any method; middleware stands under the method ALL. */
export function isKnownPath(app: Hono<HttpEnv>, path: string): boolean {
  return methods.some((method) =>
    app.router.match(method, path)[0].some(([[, route]]) => route.method !== "ALL"),
  );
}
