import { randomUUID } from "node:crypto";
import {
  logVerbosity,
  Metadata,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  setLogVerbosity,
  status,
} from "@grpc/grpc-js";
import type {
  handleUnaryCall,
  MethodDefinition,
  sendUnaryData,
  ServerInterceptor,
  StatusObject,
} from "@grpc/grpc-js";

import { unavailable } from "../../schemas/errors.ts";
import type { ApiError } from "../../schemas/errors.ts";
import { exportResponse, rpcStatus } from "../../schemas/otlp/response.ts";
import { formatPosition } from "../../schemas/position.ts";
import type { Position } from "../../schemas/position.ts";
import type { ProjectCaller } from "../runtime/auth.ts";
import { enterGrowing } from "../runtime/http/admission.ts";
import type { GrowingStay } from "../runtime/http/admission.ts";
import type { Gateway } from "./app.ts";
import { writerBy } from "./caller.ts";
import { sourceBy, within } from "./ingest.ts";
import { apiErrorOf, rpcCodeOf } from "./otlp-answers.ts";
import type { Outcome } from "./otlp-answers.ts";
import { exporters } from "./otlp-export.ts";
import type { Export } from "./otlp-export.ts";

export interface GrpcServer {
  /** The port that was taken. */
  readonly port: number;
  /** Takes no more calls, lets those in hand finish for at most `deadlineMs`, then cuts them off. */
  close(deadlineMs: number): Promise<void>;
}

export interface GrpcOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** For a message to arrive, as a request over HTTP has. */
  readonly messageMsMax?: number;
}

/**
 * Serves OTLP over gRPC, without TLS: the same exports as over HTTP, with the key pair as Basic in the metadata
 * `authorization`. Rejects when the port cannot be taken.
 */
export async function serveOtlpGrpc(gateway: Gateway, options: GrpcOptions): Promise<GrpcServer> {
  // It writes to the console what its callers are told anyway.
  setLogVerbosity(logVerbosity.NONE);
  const visits = new WeakMap<Metadata, Visit>();
  const server = new Server({
    interceptors: [doorkeeper(gateway, visits, options.messageMsMax ?? 30_000)],
    "grpc.max_receive_message_length": gateway.otlp.limits.bytesMax,
    "grpc.max_concurrent_streams": streamsPerConnectionMax,
    // Clients that are gone without a word would hold their connections for hours.
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
  });
  for (const { path, run } of methods) {
    server.addService(
      { Export: definitionOf(path) },
      { Export: exportCall(gateway, visits, path, run) },
    );
  }
  const port = await bound(server, options);
  return { port, close: (deadlineMs) => closeWithin(server, deadlineMs) };
}

const methods: readonly { readonly path: string; readonly run: Export }[] = [
  { path: pathOf("trace", "TraceService"), run: exporters.traces },
  { path: pathOf("logs", "LogsService"), run: exporters.logs },
  { path: pathOf("metrics", "MetricsService"), run: exporters.metrics },
];

function pathOf(signal: string, service: string): string {
  return `/opentelemetry.proto.collector.${signal}.v1.${service}/Export`;
}

/** Exporters send one request after the other on their connection; a Collector a few at a time. */
const streamsPerConnectionMax = 100;

/** A call whose key is good. */
interface Visit {
  readonly requestId: string;
  readonly startedAt: number;
  readonly caller: ProjectCaller;
  readonly stay: GrowingStay;
  /** The message is held for as long as the work on it runs, also when its answer came too late. */
  isWorking: boolean;
}

/**
 * Lets calls in by key and by room before their message is read. What a message holds is known only afterwards, so as
 * many may be on their way as fit with `unreadBytes` each.
 */
function doorkeeper(
  gateway: Gateway,
  visits: WeakMap<Metadata, Visit>,
  messageMsMax: number,
): ServerInterceptor {
  return ({ path }, call) => {
    const requestId = randomUUID();
    const startedAt = performance.now();
    let visit: Visit | null = null;
    let isOver = false;
    let slow: NodeJS.Timeout | undefined;
    const refuse = (error: unknown): void => {
      const refusal = refusalOf(apiErrorOf(error, gateway.log, requestId));
      logCall(gateway, { path, requestId, startedAt, code: refusal.code });
      call.sendStatus(refusal);
    };
    const enter = async (metadata: Metadata): Promise<void> => {
      const authorization = headerOf(metadata)("authorization");
      const looking = writerBy(authorization, gateway.keys);
      const caller = await within(gateway.otlp.answerMsMax, looking);
      // The call may have ended while its key was looked up: nobody would take it out again.
      if (isOver) return;
      const stay = enterGrowing(gateway.admission, unreadBytes);
      visit = { requestId, startedAt, caller, stay, isWorking: false };
      visits.set(metadata, visit);
      slow = setTimeout(refuse, messageMsMax, unavailable("The request took too long to arrive."));
    };
    return new ServerInterceptingCall(call, {
      start(next) {
        next({
          onReceiveMetadata: (metadata, go) =>
            void enter(metadata).then(() => go(metadata), refuse),
          onReceiveMessage(message: Buffer, go) {
            clearTimeout(slow);
            try {
              visit?.stay.grow(message.length);
            } catch (error) {
              refuse(error);
              return;
            }
            go(message);
          },
          // Also when the call has ended well.
          onCancel() {
            isOver = true;
            clearTimeout(slow);
            if (visit?.isWorking === false) visit.stay.leave();
          },
        });
      },
    });
  };
}

const unreadBytes = 1024 * 1024;

/** One export: the message goes to the same function as a body over HTTP. */
function exportCall(
  gateway: Gateway,
  visits: WeakMap<Metadata, Visit>,
  path: string,
  run: Export,
): handleUnaryCall<Buffer, Uint8Array> {
  return ({ metadata, request: body }, answer) => {
    const visit = visits.get(metadata);
    if (!visit) throw new Error("a call came in past its interceptor");
    const { requestId, startedAt, caller, stay } = visit;
    visit.isWorking = true;
    const source = sourceBy(headerOf(metadata), caller);
    const work = run(gateway, { source, encoding: "protobuf", body });
    const leave = (): void => stay.leave();
    void work.then(leave, leave);
    const line = { path, requestId, startedAt, caller, bytes: body.length };
    void settle(gateway, line, work, answer);
  };
}

/** Answers and logs a call once its work is done, or has taken too long. */
async function settle(
  gateway: Gateway,
  line: Omit<CallLine, "code">,
  work: Promise<Outcome>,
  answer: sendUnaryData<Uint8Array>,
): Promise<void> {
  try {
    const { total, rejected, message, position } = await within(gateway.otlp.answerMsMax, work);
    logCall(gateway, { ...line, code: status.OK, events: total, rejected });
    answer(null, exportResponse(rejected, message), trailersOf(position));
  } catch (error) {
    const refusal = refusalOf(apiErrorOf(error, gateway.log, line.requestId));
    logCall(gateway, { ...line, code: refusal.code });
    answer(refusal);
  }
}

/** What a reader needs to see what it has just written, as over HTTP. */
function trailersOf(position: Position | null): Metadata {
  const trailers = new Metadata();
  if (position) trailers.set("x-sluice-position", formatPosition(position));
  return trailers;
}

interface CallLine {
  readonly path: string;
  readonly requestId: string;
  readonly startedAt: number;
  readonly code: number;
  readonly caller?: ProjectCaller;
  readonly bytes?: number;
  readonly events?: number;
  readonly rejected?: number;
}

/** As the line of a request over HTTP. */
function logCall({ log }: Gateway, { path, code, startedAt, caller, ...rest }: CallLine): void {
  log.info("request", {
    method: "gRPC",
    route: path,
    status: status[code],
    ms: Math.round(performance.now() - startedAt),
    ...(caller && { project: caller.project.id, keyId: caller.keyId }),
    ...rest,
  });
}

function headerOf(metadata: Metadata): (name: string) => string | undefined {
  return (name) => metadata.get(name)[0]?.toString();
}

/** The status of a refused call. Only with a RetryInfo may a client send it again when it is RESOURCE_EXHAUSTED. */
function refusalOf(error: ApiError): StatusObject {
  const code = rpcCodeOf(error.status);
  const metadata = new Metadata();
  const { message } = error;
  if (error.headers["retry-after"] !== undefined) {
    const details = Buffer.concat([rpcStatus(code, message), retryInSecond]);
    metadata.set("grpc-status-details-bin", details);
  }
  return { code: statusByCode.get(code) ?? status.INTERNAL, details: message, metadata };
}

const statusByCode: ReadonlyMap<number, status> = new Map(
  [
    status.INVALID_ARGUMENT,
    status.PERMISSION_DENIED,
    status.RESOURCE_EXHAUSTED,
    status.UNAVAILABLE,
    status.UNAUTHENTICATED,
  ].map((known) => [known, known]),
);

/** `details` (3) of a google.rpc.Status: an Any of a google.rpc.RetryInfo whose `retry_delay` (1) is one second. */
const retryInSecond = Buffer.from(
  "\x1a\x30\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x04\x0a\x02\x08\x01",
  "latin1",
);

/** Messages stay bytes: our own decoder reads them. */
function definitionOf(path: string): MethodDefinition<Buffer, Uint8Array> {
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: (message) => message,
    requestDeserialize: (bytes) => bytes,
    responseSerialize: (message) => Buffer.from(message),
    responseDeserialize: (bytes) => bytes,
  };
}

function bound(server: Server, { host, port }: GrpcOptions): Promise<number> {
  const address = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, taken) => {
      if (error) reject(error);
      else resolve(taken);
    });
  });
}

function closeWithin(server: Server, deadlineMs: number): Promise<void> {
  return new Promise((resolve) => {
    const deadline = setTimeout(() => server.forceShutdown(), deadlineMs);
    server.tryShutdown(() => {
      clearTimeout(deadline);
      resolve();
    });
  });
}
