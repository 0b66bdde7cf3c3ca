import type { Hono } from "hono";

import type { KeyRing } from "../runtime/auth.ts";
import type { EventLog } from "../runtime/event-log/port.ts";
import { createAdmission } from "../runtime/http/admission.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import type { BodyLimits } from "../runtime/http/body.ts";
import type { Logger } from "../runtime/logger.ts";
import type { RegistryFold } from "../runtime/registry.ts";
import { createAccept } from "./accept.ts";
import type { Accept } from "./accept.ts";
import type { IngestOptions } from "./ingest.ts";
import { langfuseIngestion } from "./langfuse-ingestion.ts";
import { langfuseRest } from "./langfuse-rest.ts";
import { otlpRoutes } from "./otlp.ts";
import { scoreRoutes } from "./scores.ts";
import { traceDeletion } from "./trace-deletion.ts";

export interface GatewayOptions {
  readonly eventLog: EventLog;
  readonly keys: KeyRing;
  readonly log: Logger;
  readonly registry: RegistryFold;
  readonly limits: GatewayLimits;
  /** Epoch milliseconds. */
  readonly now?: () => number;
}

export interface GatewayLimits {
  /** Of one request, as sent and inflated. */
  readonly bodyBytesMax: number;
  /** The same of an OTLP request. */
  readonly otlpBodyBytesMax: number;
  /** Of all requests in hand together. */
  readonly inflightBytesMax: number;
  /** How many containers may enclose a value. */
  readonly depthMax: number;
  /** From the end of a request's body to its answer; the SDKs give up after 5 s. */
  readonly answerMsMax?: number;
  readonly lagMsMax?: number;
}

/** What the routes of every dialect share. */
export interface Gateway extends IngestOptions {
  readonly accept: Accept;
  readonly keys: KeyRing;
  readonly registry: RegistryFold;
  readonly log: Logger;
  readonly depthMax: number;
  readonly now: () => number;
  readonly otlp: {
    readonly limits: BodyLimits;
    /** For a key, and from the end of a request to its answer. */
    readonly answerMsMax: number;
  };
}

/**
 * Adds the gateway's routes to an app of `createHttpApp`, which answers 405 to their other methods. Returns what they
 * share, for servers that are not HTTP.
 */
export function gatewayRoutes(app: Hono<HttpEnv>, options: GatewayOptions): Gateway {
  const { eventLog, keys, log, registry, limits, now = Date.now } = options;
  const otlpBytesMax = limits.otlpBodyBytesMax;
  const gateway: Gateway = {
    accept: createAccept({ eventLog, now, registryPosition: () => registry.position() }),
    admission: createAdmission({
      bytesInFlightMax: limits.inflightBytesMax,
      lagMsMax: limits.lagMsMax ?? 200,
    }),
    limits: { bytesMax: limits.bodyBytesMax, inflatedBytesMax: limits.bodyBytesMax },
    answerMsMax: limits.answerMsMax ?? 3_500,
    keys,
    registry,
    log,
    depthMax: limits.depthMax,
    now,
    otlp: {
      limits: { bytesMax: otlpBytesMax, inflatedBytesMax: otlpBytesMax, takesBrotli: true },
      // The JavaScript exporter of Langfuse has 5 s for a batch, with its retries (otlp.md §4.1).
      answerMsMax: limits.answerMsMax ?? 3_000,
    },
  };
  langfuseIngestion(app, gateway);
  langfuseRest(app, gateway);
  scoreRoutes(app, gateway);
  traceDeletion(app, gateway);
  otlpRoutes(app, gateway);
  return gateway;
}
