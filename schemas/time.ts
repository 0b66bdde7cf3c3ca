/**
 * Whether `text` is a datetime as Langfuse clients may write it: `YYYY-MM-DDTHH:MM[:SS[.fraction]]`, then `Z` or
 * `±HH:MM`. The day must exist in the calendar; upper-case letters only. (write-api §2.3)
 */
export function isContractDateTime(text: string): boolean {
  return DATE_TIME.test(text) && dayExists(text);
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

const DATE_TIME =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** For text of the right shape, whose month and day are already within 1–12 and 1–31. */
function dayExists(text: string): boolean {
  const day = Number(text.slice(8, 10));
  if (day <= 28) return true;
  const month = Number(text.slice(5, 7));
  if (month === 2) return day === 29 && isLeapYear(Number(text.slice(0, 4)));
  const days = month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
  return day <= days;
}

function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

/** What a DateTime64(3) column holds: 1900 to 2299. Clients may write any year; the nearest storable moment stands in. */
const storableMin = Date.UTC(1900, 0, 1);
const storableMax = Date.UTC(2299, 11, 31, 23, 59, 59, 999);

export function storableMs(ms: number): number {
  return Math.min(Math.max(ms, storableMin), storableMax);
}
