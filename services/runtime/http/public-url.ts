import { BlockList, isIP } from "node:net";
import type { Context } from "hono";

import { invalidBody } from "../../../schemas/errors.ts";
import type { TrustedProxies } from "../setting-formats.ts";
import type { HttpEnv } from "./app.ts";

export interface PublicUrlOptions {
  /** What people reach this server under, without a last slash; it decides alone where it is set. */
  readonly publicUrl: string | null;
  /** Whose X-Forwarded-Proto and X-Forwarded-Host count; null: nobody's. */
  readonly trustedProxies: TrustedProxies | null;
}

/**
 * The base of absolute links in the answer to a request, without a last slash: the public URL, else what trusted
 * proxies say of the request that they got, else the request's own Host.
 */
export function publicUrlOf({
  publicUrl,
  trustedProxies,
}: PublicUrlOptions): (c: Context<HttpEnv>) => string {
  const hopsOf = hopCounter(trustedProxies);
  return (c) => {
    if (publicUrl !== null) return publicUrl;
    const own = new URL(c.req.url);
    const hops = hopsOf(c);
    const proto = forwarded(c.req.header("x-forwarded-proto"), hops)?.toLowerCase();
    const host = forwarded(c.req.header("x-forwarded-host"), hops) ?? own.host;
    // It stands in pages and commands to copy: nothing but a name or an address may.
    if (!plainHost.test(host)) throw invalidBody("The Host header is not a name or an address");
    return `${proto === "https" || proto === "http" ? proto : own.protocol.slice(0, -1)}://${host}`;
  };
}

const plainHost = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

/** How many proxies that are trusted one after the other a request came through, the nearest first. */
function hopCounter(trusted: TrustedProxies | null): (c: Context<HttpEnv>) => number {
  if (trusted === null) return () => 0;
  if (typeof trusted === "number") return () => trusted;
  const list = blockListOf(trusted);
  return (c) => {
    // Absent when the app is called without a socket.
    const incoming = (c.env as Partial<HttpEnv["Bindings"]> | undefined)?.incoming;
    const before = listOf(c.req.header("x-forwarded-for")).toReversed();
    const chain = [incoming?.socket.remoteAddress ?? "", ...before];
    const first = chain.findIndex((address) => !holds(list, address));
    return first === -1 ? chain.length : first;
  };
}

/**
 * What the farthest of the trusted proxies said. Each may have overwritten the header, or appended to it: then theirs
 * are the last ones, and what stands before was said by somebody else.
 */
function forwarded(header: string | undefined, hops: number): string | undefined {
  const said = listOf(header);
  return hops === 0 ? undefined : said[Math.max(said.length - hops, 0)];
}

function listOf(header: string | undefined): string[] {
  return (header ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function blockListOf(addresses: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of addresses) {
    const [address = "", prefix] = entry.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

function holds(list: BlockList, address: string): boolean {
  const version = isIP(address);
  return version !== 0 && list.check(address, version === 6 ? "ipv6" : "ipv4");
}
