/**
 * Whether `text` is a datetime as Langfuse clients may write it: `YYYY-MM-DDTHH:MM[:SS[.fraction]]`, then `Z` or
 * `±HH:MM`. The day must exist in the calendar; upper-case letters only. (write-api §2.3)
 */
export function isContractDateTime(text: string): boolean {
  return (
    DATE_TIME.test(text) && (!text.startsWith("02-29", 5) || isLeapYear(Number(text.slice(0, 4))))
  );
}

/**
 * Epoch milliseconds of a contract datetime; digits beyond the millisecond are cut off, not rounded.
 * NaN when `text` is not a contract datetime.
 */
export function millisOf(text: string): number {
  // Date.parse alone would accept more, and read some of that in the machine's own time zone.
  return isContractDateTime(text) ? Date.parse(text) : Number.NaN;
}

/**
 * The moment `ms` (whole epoch milliseconds) as `YYYY-MM-DDTHH:MM:SS.sssZ`.
 * Throws RangeError for NaN and beyond ±8.64e15.
 */
export function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}

const MONTH_AND_DAY = [
  "(?:0[1-9]|1[0-2])-(?:0[1-9]|1\\d|2[0-8])",
  "(?:0[13-9]|1[0-2])-(?:29|30)",
  "(?:0[13578]|1[02])-31",
  "02-29",
].join("|");
const HOUR_AND_MINUTE = "(?:[01]\\d|2[0-3]):[0-5]\\d";
const DATE_TIME = new RegExp(
  `^\\d{4}-(?:${MONTH_AND_DAY})T${HOUR_AND_MINUTE}(?::[0-5]\\d(?:\\.\\d+)?)?(?:Z|[+-]${HOUR_AND_MINUTE})$`,
);

function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

/** What a DateTime64(3) column holds: 1900 to 2299. Clients may write any year; the nearest storable moment stands in. */
const storableMin = Date.UTC(1900, 0, 1);
const storableMax = Date.UTC(2299, 11, 31, 23, 59, 59, 999);

export function storableMs(ms: number): number {
  return Math.min(Math.max(ms, storableMin), storableMax);
}
