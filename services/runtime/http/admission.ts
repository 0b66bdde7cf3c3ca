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

/** What a request holds whose size is not known before it is read. */
export interface GrowingStay {
  /** To be told what is held by now. Throws a 503 ApiError when the server has no room for it. */
  grow(bytes: number): void;
  leave(): void;
}

/**
 * Admits a request for `bytes`, and for twice as many whenever those are used up: to hold the greatest body that could
 * come for each would leave room for few. Throws as {@link Admission.enter} does.
 */
export function enterGrowing(admission: Admission, bytes: number): GrowingStay {
  const leaves = [admission.enter(bytes)];
  let admitted = bytes;
  return {
    grow(held) {
      while (held > admitted) {
        leaves.push(admission.enter(admitted));
        admitted *= 2;
      }
    },
    leave() {
      for (const leave of leaves.splice(0)) leave();
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
