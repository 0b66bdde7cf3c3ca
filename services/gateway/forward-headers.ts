import type { IncomingHttpHeaders } from "node:http";
import type { Context } from "hono";

import type { HttpEnv } from "../runtime/http/app.ts";

/** What concerns one connection alone (RFC 9110 §7.6.1), and what the next connection says for itself. */
const ofConnection: ReadonlySet<string> = new Set([
  "connection",
  "expect",
  "host",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * The headers of a request as they are sent on, names and values in turn: repeated ones stay apart. Added is where it
 * came from, behind what proxies before this one have said.
 */
export function requestHeaders(c: Context<HttpEnv>): string[] {
  const { incoming } = c.env;
  const dropped = connectionHeaders(incoming.headers);
  const headers: string[] = [];
  for (let at = 0; at < incoming.rawHeaders.length; at += 2) {
    const name = incoming.rawHeaders[at]?.toLowerCase() ?? "";
    if (dropped.has(name) || ours.has(name)) continue;
    headers.push(name, incoming.rawHeaders[at + 1] ?? "");
  }
  const own = new URL(c.req.url);
  const seen: Record<string, string> = {
    "x-forwarded-for": incoming.socket.remoteAddress ?? "unknown",
    "x-forwarded-proto": own.protocol.slice(0, -1),
    "x-forwarded-host": own.host,
  };
  for (const [name, value] of Object.entries(seen)) {
    const before = incoming.headers[name];
    headers.push(name, before ? `${String(before)}, ${value}` : value);
  }
  headers.push("x-request-id", c.get("requestId"));
  return headers;
}

const ours: ReadonlySet<string> = new Set([
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-request-id",
]);

/** The headers of an answer as they are sent back. The request has one id, which is stated already. */
export function answerHeaders(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const dropped = connectionHeaders(headers);
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || dropped.has(name) || name === "x-request-id") continue;
    kept[name] = value;
  }
  return kept;
}

/** Those that every connection has, and those that this one names. */
function connectionHeaders({ connection }: IncomingHttpHeaders): ReadonlySet<string> {
  const named = (connection ?? "").split(",").map((name) => name.trim().toLowerCase());
  // A caller must not be able to have removed what the answer depends on.
  const removable = named.filter((name) => !/^(?:authorization|content-|x-forwarded-)/.test(name));
  return new Set([...ofConnection, ...removable]);
}

/** The code of an error, or of what it was caused by. */
export function codeOf(error: unknown): unknown {
  if (!(error instanceof Error)) return undefined;
  return "code" in error ? error.code : codeOf(error.cause);
}
