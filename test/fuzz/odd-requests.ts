import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";

import type { Issued } from "../faults/events.ts";
import type { Draw } from "./draw.ts";
import { keysOf, other, projectIdOf, stepOf } from "./step.ts";
import type { Making, Step } from "./step.ts";

/** A sound body in a request of which the headers, the encoding, the method or the path are not what SDKs send. */
export function oddStep(making: Making, body: Buffer, neighbour: Issued): Step {
  const { draw, project } = making;
  const sound = { statuses: [207], sound: [neighbour.event.id], neighbours: [neighbour] };
  const base = stepOf(project, { path: "/api/public/ingestion", body });
  const make = draw.pick([
    withEncoding,
    withType,
    withKey,
    withHeaders,
    withHeaders,
    withTarget,
    withSize,
  ]);
  const { isSound, ...parts } = make(making, base);
  return { ...base, ...(isSound && sound), ...parts };
}

/** What differs, and whether the request must be taken all the same. */
type Oddity = Partial<Step> & { readonly isSound: boolean };

function withEncoding({ draw }: Making, { headers, body }: Step): Oddity {
  const plain = body ?? Buffer.alloc(0);
  const gzip = gzipSync(plain);
  const [encoding, sent, isSound] = draw.pick<readonly [string, Buffer, boolean]>([
    ["gzip", gzip, true],
    ["GZIP", gzip, true],
    ["x-gzip", gzip, true],
    ["gzip", Buffer.concat([gzip, Buffer.from("tail")]), false],
    ["gzip", gzip.subarray(0, gzip.length - 9), false],
    ["gzip", plain, false],
    ["gzip", gzipSync(gzip), false],
    ["gzip", Buffer.alloc(0), false],
    ["gzip, gzip", gzipSync(gzip), false],
    ["deflate", deflateSync(plain), true],
    ["deflate", deflateRawSync(plain), false],
    ["identity", plain, true],
    ["br", plain, false],
    ["", plain, true],
    ["\t", plain, true],
    ["gzip;q=0", gzip, false],
    ["identity", gzip, false],
  ]);
  const chunked = draw.chance(0.5);
  return { isSound, headers: { ...headers, "content-encoding": encoding }, body: sent, chunked };
}

/** Around the greatest body that the contract has (write-api §1.3); white space makes up the size. */
function withSize({ draw }: Making, { headers, body }: Step): Oddity {
  const plain = body ?? Buffer.alloc(0);
  const padded = (bytes: number): Buffer =>
    Buffer.concat([plain, Buffer.alloc(Math.max(0, bytes - plain.length), " ")]);
  const chunked = draw.chance(0.5);
  const gzip = { ...headers, "content-encoding": "gzip" };
  const tooLarge = { isSound: false, statuses: [413], chunked };
  return draw.pick<() => Oddity>([
    () => ({ isSound: true, body: padded(bodyBytesMax), chunked }),
    () => ({ isSound: true, body: gzipSync(padded(bodyBytesMax)), headers: gzip, chunked }),
    () => ({ ...tooLarge, body: padded(bodyBytesMax + 1) }),
    () => ({ ...tooLarge, body: gzipSync(padded(bodyBytesMax + 1)), headers: gzip }),
    () => ({ ...tooLarge, body: gzipSync(Buffer.alloc(50_000_000)), headers: gzip }),
    () => ({ ...tooLarge, body: Buffer.from(`{"batch":[${"0,".repeat(200_000)}0]}`) }),
  ])();
}

const bodyBytesMax = 4_718_592;

function withType({ draw }: Making, { headers }: Step): Oddity {
  const [type, isSound] = draw.pick<readonly [string | null, boolean]>([
    ["application/json; charset=utf-8", true],
    ["APPLICATION/JSON", true],
    ["application/json;", true],
    ["application/json; charset=latin1", true],
    ["application/json, text/plain", false],
    ["text/plain", false],
    ["text/html; charset=application/json", false],
    ["application/x-www-form-urlencoded", false],
    ["multipart/form-data; boundary=x", false],
    ["application/x-protobuf", false],
    ["", false],
    [null, false],
  ]);
  const { "content-type": _, ...rest } = headers;
  return { isSound, headers: type === null ? rest : { ...rest, "content-type": type } };
}

function withKey({ draw, project }: Making, { headers }: Step): Oddity {
  const { publicKey, secretKey } = keysOf[project];
  const theirs = keysOf[other(project)];
  const { authorization: _, ...rest } = headers;
  const [authorization, isSound] = draw.pick<readonly [string | string[] | null, boolean]>([
    [null, false],
    ["", false],
    ["Basic", false],
    ["Basic ", false],
    [basic(`${publicKey}:${secretKey}`).toLowerCase(), false],
    [basic(`${publicKey}:${secretKey}`).replace("Basic ", "BASIC "), false],
    [basic(`${publicKey}:${secretKey}:more`), true],
    [basic(`:${secretKey}`), false],
    [basic(`${publicKey}:`), false],
    [basic(publicKey), false],
    [basic(`${publicKey}:${secretKey}\0`), false],
    [basic(`${publicKey}:${theirs.secretKey.slice(0, -1)}`), false],
    [basic("__proto__:__proto__"), false],
    ["Basic %%%not base64%%%", false],
    [`Basic ${"A".repeat(9000)}`, false],
    ["Bearer ", false],
    ["Bearer constructor", false],
    [`Bearer ${publicKey}`, false],
    [`Bearer ${secretKey}`, false],
    ["Digest username=x", false],
    ["B\u00e4sic \u00ff\u00fe", false],
  ]);
  return {
    isSound,
    headers: authorization === null ? rest : { ...rest, authorization },
  };
}

function basic(pair: string): string {
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}

/** None of these may change what the request means, or who sends it. */
function withHeaders({ draw, project }: Making, { headers }: Step): Oddity {
  const foreign = projectIdOf(other(project));
  const latin1 = "caf\u00e9 \u00ff\u0080";
  const oddities: readonly Step["headers"][] = [
    { "x-langfuse-sdk-name": latin1, "x-langfuse-sdk-version": "9".repeat(5000) },
    { "x-langfuse-sdk-name": ["one", "two"], x_langfuse_sdk_version: "" },
    { "x-langfuse-sdk-name": "__proto__", "x-langfuse-sdk-version": "'; DROP TABLE x" },
    { "x-langfuse-public-key": keysOf[other(project)].publicKey },
    { "x-langfuse-project-id": foreign, "x-project": foreign },
    { "x-http-method-override": "DELETE", "x-method-override": "GET" },
    { "x-forwarded-for": "' OR 1=1", "x-forwarded-host": "evil", "x-forwarded-proto": "ftp" },
    { "x-request-id": "a".repeat(4000), traceparent: "00-zz", baggage: "=;=,,;" },
    { "transfer-encoding": "chunked" },
    { expect: "100-continue" },
    { accept: "text/html", "accept-encoding": "br;q=1.0, *;q=0" },
    { "accept-charset": "utf-16", "accept-language": "*".repeat(1000) },
    { origin: "null", referer: "javascript:alert(1)" },
    { origin: "https://evil.example", "access-control-request-method": "DELETE" },
    { cookie: `session=${"x".repeat(4000)}`, "sec-fetch-site": "cross-site" },
    { "if-none-match": "*", "if-modified-since": "never", range: "bytes=0-1" },
    { te: "trailers", via: "1.0 x", pragma: "no-cache" },
    { host: "evil.example:99999999" },
    { host: "" },
    { host: "a b/c?d" },
    { connection: "close" },
    { connection: "upgrade", upgrade: "websocket" },
    { connection: "upgrade, http2-settings", upgrade: "h2c", "http2-settings": "AAMAAABkAAQAAP__" },
    { expect: "the unexpected" },
    { "x-large": "x".repeat(20_000) },
    Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`x-${index}`, "y"])),
  ];
  const chosen = draw.pick(oddities);
  const isSound = !["host", "expect", "x-large", "upgrade"].some((name) => name in chosen);
  return { isSound, headers: { ...headers, ...chosen }, chunked: "transfer-encoding" in chosen };
}

function withTarget({ draw }: Making, { headers }: Step): Oddity {
  if (draw.chance(0.4)) return { isSound: false, method: draw.pick(methods) };
  const name = odd(draw);
  return { isSound: false, headers, path: draw.pick([`/api/public/${name}`, name]) };
}

const methods = ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "PURGE"];

function odd(draw: Draw): string {
  const path = draw.pick([
    "ingestion/",
    "/ingestion",
    "INGESTION",
    "%69ngestion",
    "ingestion%00",
    "ingestion%2F",
    "ingestion;x=1",
    "ingestion?",
    "ingestion?batch=[]&__proto__[x]=1&%00=%E0%A4%A",
    "x/../ingestion",
    "./ingestion",
    "traces/%E0%A4%A",
    "traces/%",
    "traces/%00",
    "traces/..%2F..%2Fetc",
    "traces/__proto__",
    "v2/../ingestion",
    "scores/",
    `traces/${"x".repeat(7000)}`,
    `ingestion?${"a=b&".repeat(1500)}`,
  ]);
  return draw.chance(0.15) ? draw.pick(["*", "/", "/%", "//", "/\u00e9", path]) : path;
}
