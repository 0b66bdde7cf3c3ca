import type { Context, Hono } from "hono";

import { methodNotAllowed } from "../../schemas/errors.ts";
import type { Config } from "../runtime/config.ts";
import { isKnownPath } from "../runtime/http/app.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import type { Lifecycle } from "../runtime/lifecycle.ts";
import { forwarder } from "./forward.ts";
import type { ForwardFigures, Forwarder } from "./forward.ts";

/** A route as Hono writes it. */
export interface RoutePattern {
  readonly method: string;
  readonly path: string;
}

export interface ForwardingOptions {
  readonly settings: Config["forward"];
  readonly lifecycle: Lifecycle;
  /** What the query process answers; empty where this process answers it itself. */
  readonly queryRoutes: readonly RoutePattern[];
}

export interface Forwarding {
  /** Sends one request to the query process; null where there is none. */
  readonly toQuery: ((c: Context<HttpEnv>) => Promise<Response>) | null;
  /** How much went where. */
  readonly figures: () => Record<string, ForwardFigures>;
}

/**
 * Sends on what this process does not serve: reads to the query process, and what Sluice has no route for to the
 * Langfuse that is set. To be added after all other routes.
 */
export function addForwarding(
  app: Hono<HttpEnv>,
  { settings, lifecycle, queryRoutes }: ForwardingOptions,
): Forwarding {
  const { queryUrl, upstreamUrl, inflightMax, timeoutMs } = settings;
  const open = (name: "query" | "upstream", url: string | null): Forwarder | null => {
    if (url === null) return null;
    const to = forwarder({ name, url, limits: { inflightMax, timeoutMs } });
    lifecycle.onClose(`requests to ${name}`, () => to.close());
    return to;
  };
  const query = queryRoutes.length === 0 ? null : open("query", queryUrl);
  const upstream = open("upstream", upstreamUrl);
  if (query) {
    for (const { method, path } of queryRoutes) app.on(method.toUpperCase(), path, query.handle);
  }
  // A query process of a later version may have routes that this one does not know.
  const rest = upstream ?? query;
  if (rest) {
    app.all("*", async (c) => {
      if (isKnownPath(app, c.req.path)) throw methodNotAllowed();
      return await rest.handle(c);
    });
  }
  return {
    toQuery: query?.handle ?? null,
    figures: () => ({
      ...(query && { query: query.figures() }),
      ...(upstream && { upstream: upstream.figures() }),
    }),
  };
}
