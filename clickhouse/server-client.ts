import http from "node:http";
import https from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { ClickHouseClient } from "@clickhouse/client";
import { DbError } from "./engine.ts";
import { errorCodeIn, kindOf } from "./error-codes.ts";
import type { StatementPurpose } from "./error-codes.ts";

export interface ServerAddress {
  /** Of ClickHouse's HTTP interface, http or https. */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  /** Whether answers and inserts are gzipped: worth it where the network is slower than a core. */
  readonly compress: boolean;
}

export interface ClientOptions extends ServerAddress {
  /** Beyond, a request waits for another to end. */
  readonly connectionsMax: number;
  /** A connection on which nothing moves for so long is given up. */
  readonly quietMsMax: number;
}

/** Longer, and the server is as good as down. */
const connectMsMax = 3000;
/** Below the keep-alive time of every server, the old default of 3 s too: a socket that it closes first fails a request. */
const idleMsMax = 2000;

/** A client that logs nothing: its messages quote statements and rows. */
export async function serverClient(options: ClientOptions): Promise<ClickHouseClient> {
  const { createClient, ClickHouseLogLevel } = await import("@clickhouse/client");
  const agentOptions = { keepAlive: true, maxSockets: options.connectionsMax };
  return createClient({
    url: options.url,
    username: options.user,
    password: options.password,
    application: "sluice",
    request_timeout: options.quietMsMax,
    max_open_connections: options.connectionsMax,
    http_agent: options.url.startsWith("https:")
      ? withConnectDeadline(new https.Agent(agentOptions))
      : withConnectDeadline(new http.Agent(agentOptions)),
    keep_alive: { enabled: true, idle_socket_ttl: idleMsMax, eagerly_destroy_stale_sockets: true },
    compression: { request: options.compress, response: options.compress },
    // Long lists of ids do not fit an address.
    use_multipart_params_auto: true,
    log: { level: ClickHouseLogLevel.OFF },
  });
}

/** Does the work, and turns every failure into a {@link DbError}: without an answer of the server it is transient. */
export async function explainedOverHttp<Result>(
  purpose: StatementPurpose,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw refusalOf(purpose, error);
  }
}

/** What a failed request means. */
export function refusalOf(purpose: StatementPurpose, error: unknown): DbError {
  if (error instanceof DbError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  const code = serverCode(error) || errorCodeIn(detail);
  return new DbError(code === 0 ? "transient" : kindOf(code, purpose), code, detail);
}

/** The client's error for a refusal carries ClickHouse's code as text; one of the network has a word there. */
function serverCode(error: unknown): number {
  const code = error instanceof Error && "code" in error ? error.code : "";
  return typeof code === "string" && /^\d+$/.test(code) ? Number(code) : 0;
}

function withConnectDeadline<Agent extends http.Agent>(agent: Agent): Agent {
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback) => {
    const connection = connect(options, callback);
    if (connection) giveUpUnlessConnected(connection as Socket);
    return connection;
  };
  return agent;
}

function giveUpUnlessConnected(socket: Socket): void {
  const timer = setTimeout(() => {
    socket.destroy(new Error(`No connection to ClickHouse within ${connectMsMax} ms.`));
  }, connectMsMax);
  const clear = (): void => clearTimeout(timer);
  const emitter: Duplex = socket;
  emitter.once("encrypted" in socket ? "secureConnect" : "connect", clear);
  emitter.once("close", clear);
}
