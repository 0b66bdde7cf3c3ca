import { monitorEventLoopDelay } from "node:perf_hooks";

import { unavailable } from "../../../schemas/errors.ts";

export interface AdmissionLimits {
  /** Body bytes that all requests in hand may hold together. */
  readonly bytesInFlightMax: number;
  /** How late the event loop may typically run before new work is refused, in milliseconds. */
  readonly lagMsMax: number;
}

export interface Admission {
  /**
   * Admits a request that may hold `bytes`, and returns what ends its stay; call that once.
   * Throws a 503 ApiError when the server is full: the client tries again, the requests in hand are finished.
   */
  enter(bytes: number): () => void;
}

/** The gate in front of ingestion: refuses before the body is read, by bytes in hand and by event loop lag. */
export function createAdmission(limits: AdmissionLimits): Admission {
  const lagMs = watchLag();
  let bytesInFlight = 0;
  return {
    enter(bytes) {
      // One request always fits an idle server, whatever the limits say.
      if (bytesInFlight > 0 && bytesInFlight + bytes > limits.bytesInFlightMax) {
        throw unavailable("The server holds as many requests as it may. Try again.");
      }
      if (lagMs() > limits.lagMsMax) throw unavailable("The server is overloaded. Try again.");
      bytesInFlight += bytes;
      return () => {
        bytesInFlight -= bytes;
      };
    },
  };
}

const lagResolutionMs = 20;
const lagWindowMs = 1_000;

/**
 * How late timers are, in milliseconds: the median over the last window, for one long parse or collection is no
 * overload, but a loop that is always late is.
 */
function watchLag(): () => number {
  const delays = monitorEventLoopDelay({ resolution: lagResolutionMs });
  delays.enable();
  let lastMs = 0;
  setInterval(() => {
    lastMs = delays.percentile(50) / 1e6 - lagResolutionMs;
    delays.reset();
  }, lagWindowMs).unref();
  return () => lastMs;
}
