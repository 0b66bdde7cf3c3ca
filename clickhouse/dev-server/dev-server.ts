import { randomUUID, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { connectEngine } from "../embedded-session.ts";
import type { Engine } from "../embedded-session.ts";
import { DbError } from "../engine.ts";
import { sessionPool } from "../session-pool.ts";
import { Answer, ReaderGone } from "./answer.ts";
import { execute, failureOf } from "./execute.ts";
import { faultSwitch, parseFault } from "./faults.ts";
import type { Fault, Faults } from "./faults.ts";
import { inflated, statementOf } from "./statement.ts";
import type { Statement } from "./statement.ts";

export interface DevServerOptions {
  /** Of the engine; one process at a time holds it. */
  readonly directory: string;
  /** 0 takes a free one. It listens on the loopback address alone. */
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly memoryBytesMax: number;
  /** Statements that run at the same time, each on a thread of libuv's pool; more wait. */
  readonly statementsMax: number;
}

export interface DevServer {
  readonly url: string;
  /** Makes statements go wrong; null ends that. */
  setFault(fault: Fault | null): void;
  /** Finishes what runs, and stops. */
  close(): Promise<void>;
}

/** A body beyond it is refused. */
const bodyBytesMax = 256 * 1024 * 1024;
/** As in ClickHouse (`http_max_uri_size`); a header has room beside it. */
const addressBytesMax = 1024 * 1024 + 16 * 1024;
/** As in ClickHouse (`keep_alive_timeout`). */
const keepAliveMs = 10_000;

/** Where a fault is set (POST) and taken away (DELETE). */
export const faultPath = "/dev/fault";

interface Context {
  readonly engine: Engine;
  readonly version: string;
  readonly faults: Faults;
  readonly authorization: Buffer;
  /** Runs work when there is a place for it. */
  readonly inTurn: (work: () => Promise<void>) => Promise<void>;
}

/**
 * The embedded engine behind ClickHouse's HTTP interface, for development and tests where no server can be installed.
 * docs/clickhouse-dev-server.md lists what it emulates and what it does not.
 */
export async function openDevServer(options: DevServerOptions): Promise<DevServer> {
  const directory = path.resolve(options.directory);
  await mkdir(directory, { recursive: true });
  const engine = await connectEngine(directory, options.memoryBytesMax);
  // Each statement has a session of its own, so that settings of one never reach another; what is lent here are places.
  const places = sessionPool(async () => ({ close() {} }), options.statementsMax);
  const context: Context = {
    engine,
    version: await versionOf(engine),
    faults: faultSwitch(),
    authorization: Buffer.from(`${options.user}:${options.password}`),
    inTurn: (work) => places.run(work),
  };
  const server = createServer({ maxHeaderSize: addressBytesMax, keepAliveTimeout: keepAliveMs });
  server.on("request", (request, response) => void handle(context, request, response));
  server.listen(options.port, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    setFault: (fault) => context.faults.set(fault),
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeIdleConnections();
      await places.close();
      server.closeAllConnections();
      await closed;
      await engine.close();
    },
  };
}

async function versionOf(engine: Engine): Promise<string> {
  const session = await engine.connect("reading");
  const answer = await session.queryAsync("SELECT version() FORMAT TSVRaw");
  session.close();
  return answer.text().trim();
}

async function handle(
  context: Context,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname, searchParams: query } = new URL(request.url ?? "/", "http://localhost");
  if (pathname === faultPath) return await administer(context, request, response);
  const asksGzip = /\bgzip\b/.test(request.headers["accept-encoding"] ?? "");
  const isGzipped = asksGzip && query.get("enable_http_compression") === "1";
  const answer = new Answer(response, context.version, isGzipped);
  try {
    if (pathname === "/ping") {
      return await withFault(context.faults.take("ping"), answer, async () => {
        response.end("Ok.\n");
      });
    }
    const body = await bodyOf(request);
    authenticate(context, request, query);
    const statement = statementOf({
      method: request.method ?? "GET",
      query,
      contentType: request.headers["content-type"] ?? "",
      body: await inflated(body, request.headers["content-encoding"]),
    });
    await withFault(context.faults.take(statement.sql), answer, () =>
      run(context, statement, answer, response),
    );
  } catch (error) {
    if (error instanceof ReaderGone || answer.isGone) return;
    const { code, words } = failureOf(error);
    answer.fail(code, words, query.get("query_id") ?? "");
  }
}

async function run(
  { engine, inTurn }: Context,
  statement: Statement,
  answer: Answer,
  response: ServerResponse,
): Promise<void> {
  // The engine gives its statements ids of its own.
  const comment = statement.queryId || randomUUID();
  const endsWithReader =
    statement.settings.get("cancel_http_readonly_queries_on_client_close") === "1";
  await inTurn(async () => {
    if (answer.isGone) throw new ReaderGone();
    const session = await engine.connect("writing");
    const onClose = (): void => {
      if (endsWithReader && !response.writableFinished) void kill(engine, comment);
    };
    response.once("close", onClose);
    try {
      await execute(session, statement, comment, answer);
    } finally {
      response.off("close", onClose);
      session.close();
    }
  });
}

async function kill(engine: Engine, comment: string): Promise<void> {
  const session = await engine.connect("writing");
  const text = comment.replace(/[\\']/g, "\\$&");
  await session
    .queryAsync(`KILL QUERY WHERE Settings['log_comment'] = '${text}' ASYNC`)
    .catch(() => {});
  session.close();
}

/** Does the work as the fault has it. */
async function withFault(
  fault: Fault | null,
  answer: Answer,
  work: () => Promise<void>,
): Promise<void> {
  switch (fault?.kind) {
    case "down":
      answer.cut();
      return;
    case "refuse":
      throw new DbError("unknown", fault.code ?? 1001, "Refused by a fault. (FAULT)");
    case "slow":
      await pause(fault.ms ?? 0);
      break;
    case "lost":
    case "cut":
      answer.suffer(fault.kind);
      break;
    case undefined:
  }
  await work();
}

function authenticate(
  { authorization }: Context,
  { headers }: IncomingMessage,
  query: URLSearchParams,
): void {
  const user = headers["x-clickhouse-user"]?.toString() ?? query.get("user") ?? "default";
  const password = headers["x-clickhouse-key"]?.toString() ?? query.get("password") ?? "";
  const basic = /^Basic (.+)$/i.exec(headers.authorization ?? "")?.[1];
  const given =
    basic === undefined ? Buffer.from(`${user}:${password}`) : Buffer.from(basic, "base64");
  if (given.length === authorization.length && timingSafeEqual(given, authorization)) return;
  throw new DbError(
    "unknown",
    516,
    "Authentication failed: password is incorrect, or there is no user with such name. (AUTHENTICATION_FAILED)",
  );
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request) {
    bytes += piece.length;
    if (bytes > bodyBytesMax) throw new DbError("unknown", 1000, "The body is too large.");
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

async function administer(
  { faults }: Context,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const body = await bodyOf(request);
    faults.set(request.method === "DELETE" ? null : parseFault(body.toString("utf8")));
    response.end("Ok.\n");
  } catch (error) {
    response.statusCode = 400;
    response.end(`${error instanceof Error ? error.message : String(error)}\n`);
  }
}
