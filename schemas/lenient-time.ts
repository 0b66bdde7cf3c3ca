import { millisOf } from "./time.ts";

/**
 * Epoch milliseconds of a moment as people write it in a filter (read-api §2.1): any date that JavaScript reads, or a
 * number of milliseconds. A text without a zone is in UTC, wherever the server runs. NaN when it is no moment.
 */
export function lenientMillisOf(value: string | number): number {
  if (typeof value === "number") return new Date(value).getTime();
  const exact = millisOf(value);
  if (!Number.isNaN(exact)) return exact;
  const text = value.trim();
  if (zoned.test(text) || isoDate.test(text)) return Date.parse(text);
  return Date.parse(isoLocal.test(text) ? `${text.replace(" ", "T")}Z` : `${text} UTC`);
}

/** Ends in a zone, whatever its form: `Z`, `GMT`, `+02:00`, `GMT+0200 (CEST)`. */
const zoned =
  /(?:\dz|gmt|utc|\s[ecmp][sd]t|(?:gmt|utc|:\d{2}(?:\.\d+)?)\s*[+-]\d{2}:?\d{2}(?:\s*\(.*\))?)$/i;

/** A day alone, which JavaScript takes as UTC. */
const isoDate = /^[+-]?\d{4,6}(?:-\d{2}){0,2}$/;

const isoLocal = /^[+-]?\d{4,6}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?$/i;
