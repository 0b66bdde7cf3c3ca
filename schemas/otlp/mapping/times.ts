import { storableMs } from "../../time.ts";
import type { OtelSpan } from "../span.ts";

/** Epoch milliseconds, storable, no end before its start. (otlp.md §2.2) */
export interface Times {
  readonly startMs: number;
  /** Null when the span has no time at all. */
  readonly endMs: number | null;
  readonly isTimed: boolean;
  /** The digits below the millisecond, six of them: they tell apart what began, or ended, in the same one. */
  readonly startRest: string;
  readonly endRest: string;
}

/** Of a span with one of its times only, that is both; without any, it began when it was received. */
export function timesOf({ startNanos, endNanos }: OtelSpan, receivedAt: number): Times {
  const start = nanosOf(startNanos) ?? nanosOf(endNanos);
  const stated = nanosOf(endNanos) ?? start;
  if (start === null || stated === null) {
    return { startMs: receivedAt, endMs: null, isTimed: false, startRest, endRest: startRest };
  }
  const end =
    stated.padStart(start.length, "0") < start.padStart(stated.length, "0") ? start : stated;
  return {
    startMs: millisOf(start),
    endMs: millisOf(end),
    isTimed: true,
    startRest: restOf(start),
    endRest: restOf(end),
  };
}

const startRest = "000000";

/** Int64 nanoseconds end in 2262; what is greater was a negative number. */
const nanosMax = "9223372036854775807";

/** Digits without leading zeros; null for none, zero, and what cannot be a time. */
function nanosOf(text: string): string | null {
  if (!/^\d{1,20}$/.test(text)) return null;
  const digits = text.replace(/^0+/, "");
  if (digits === "" || digits.length > nanosMax.length) return null;
  return digits.length === nanosMax.length && digits > nanosMax ? null : digits;
}

function millisOf(nanos: string): number {
  return storableMs(Number(nanos.slice(0, -6)));
}

function restOf(nanos: string): string {
  return nanos.slice(-6).padStart(6, "0");
}
