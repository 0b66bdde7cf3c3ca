/**
 * Walks over JSON once, only looking outside of strings, for a fraction of what parsing costs. It does not check
 * syntax: for text that is not JSON the answer means nothing, but it comes in linear time, and JSON.parse still finds
 * the mistake in a text that was edited as asked.
 */
export function scanJson(text: string, depthMax: number): JsonScan {
  const units = unitsOf(text);
  const edits: number[] = [];
  const batch = new BatchFinder(text, units);
  const length = text.length;
  let depth = 0;
  let containers = 0;
  /** Where the outermost container beyond the limit began; -1 outside of one. */
  let deepStart = -1;
  let at = 0;
  while (at < length) {
    const code = units[at] ?? 0;
    switch (code) {
      case QUOTE: {
        const end = endOfString(text, units, at);
        if (depth === 1) batch.onString(at, end);
        at = end;
        break;
      }
      case COMMA:
        if (depth === 2) batch.onComma(at);
        at += 1;
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth += 1;
        if (depth <= depthMax) containers += 1;
        if (depth === 2) batch.onOpen(at);
        if (depth > depthMax && deepStart < 0) deepStart = at;
        at += 1;
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        if (depth === 2) batch.onClose(at);
        depth -= 1;
        at += 1;
        if (depth === depthMax && deepStart >= 0) {
          edits.push(deepStart, at);
          deepStart = -1;
        }
        break;
      default: {
        if (!isDigit(code) && code !== MINUS) {
          at += 1;
          break;
        }
        const integerEnd = endOfDigits(units, at + 1);
        const hasFraction = units[integerEnd] === DOT;
        const decimalEnd = hasFraction ? endOfDigits(units, integerEnd + 1) : integerEnd;
        const end = endOfNumber(units, decimalEnd);
        const charsSafe = hasFraction ? DECIMAL_CHARS_SAFE : INTEGER_CHARS_SAFE;
        const isSafe = end === decimalEnd && integerEnd - at < charsSafe;
        if (!isSafe && deepStart < 0 && !fitsDouble(text, units, at, end)) edits.push(at, end);
        at = end;
      }
    }
  }
  // Never closed, so not JSON; but JSON.parse must not have to build all of it to say so.
  if (deepStart >= 0) edits.push(deepStart, length);
  return { elements: batch.elements(), edits, containers };
}

/** Offsets count UTF-16 units. In each list a start and an end (behind the last unit) follow each other by turns. */
export interface JsonScan {
  /**
   * The elements of the top-level `"batch"` array, without white space around them.
   * Null when there is none, and when an escaped key may spell the same.
   */
  readonly elements: readonly number[] | null;
  /** What must not reach JSON.parse as it stands: containers beyond the limit, numbers that a double cannot carry. */
  readonly edits: readonly number[];
  /** How many objects and lists JSON.parse has to build. */
  readonly containers: number;
}

/** Is told what the scan meets at depths 1 and 2, and notes where the elements of `"batch"` begin and end. */
class BatchFinder {
  readonly #text: string;
  readonly #units: Uint16Array;
  /** Null until the array is found. A repeated key begins anew, as for JSON.parse the last one counts. */
  #offsets: number[] | null = null;
  /** The last string at depth 1 was `"batch"`: an array that opens now is its value. */
  #isNamed = false;
  #isInDoubt = false;
  /** Where the element in hand began; -1 outside of the array. */
  #start = -1;

  constructor(text: string, units: Uint16Array) {
    this.#text = text;
    this.#units = units;
  }

  onString(start: number, end: number): void {
    const raw = this.#text.slice(start + 1, end - 1);
    this.#isNamed = raw === "batch";
    // An escaped key may spell "batch" too. That is rare enough not to look closer.
    if (raw.includes("\\") && this.#units[skipSpace(this.#units, end)] === COLON)
      this.#isInDoubt = true;
  }

  onOpen(at: number): void {
    if (!this.#isNamed || this.#units[at] !== OPEN_BRACKET) return;
    this.#offsets = [];
    this.#start = at + 1;
  }

  onComma(at: number): void {
    if (this.#start < 0) return;
    this.#add(at);
    this.#start = at + 1;
  }

  onClose(at: number): void {
    if (this.#start < 0) return;
    // Nothing stands before the end of an empty array.
    if (skipSpace(this.#units, this.#start) !== at) this.#add(at);
    this.#start = -1;
  }

  elements(): readonly number[] | null {
    return this.#isInDoubt ? null : this.#offsets;
  }

  #add(limit: number): void {
    let end = limit;
    while (isSpace(this.#units[end - 1])) end -= 1;
    this.#offsets?.push(skipSpace(this.#units, this.#start), end);
  }
}

const QUOTE = 0x22;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const UPPER_E = 0x45;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const LOWER_E = 0x65;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** The UTF-16 units of a text and a zero behind them: reading these is several times as fast as charCodeAt. */
function unitsOf(text: string): Uint16Array {
  const units = text.length < scratch.length ? scratch : new Uint16Array(text.length + 1);
  Buffer.from(units.buffer).write(text, "utf16le");
  units[text.length] = 0;
  return units;
}

/** Reused, since a scan ends before the next begins and keeps nothing; fresh memory would cost as much as the scan. */
const scratch = new Uint16Array(256 * 1024);

/** The offset behind the closing quote of the string whose opening quote is at `start`. */
function endOfString(text: string, units: Uint16Array, start: number): number {
  // indexOf leaps over long texts natively; a loop over their units would cost as much as parsing them.
  let quote = text.indexOf('"', start + 1);
  while (quote > 0 && units[quote - 1] === BACKSLASH && isEscaped(units, quote))
    quote = text.indexOf('"', quote + 1);
  return quote < 0 ? text.length : quote + 1;
}

/** Whether an odd number of backslashes stands before `at`. */
function isEscaped(units: Uint16Array, at: number): boolean {
  let first = at;
  while (units[first - 1] === BACKSLASH) first -= 1;
  return (at - first) % 2 === 1;
}

function endOfDigits(units: Uint16Array, start: number): number {
  let end = start;
  while (isDigit(units[end] ?? 0)) end += 1;
  return end;
}

/** Goes on over all that a number may be made of, in any order. */
function endOfNumber(units: Uint16Array, start: number): number {
  let end = start;
  while (isNumberCode(units[end] ?? 0)) end += 1;
  return end;
}

function isNumberCode(code: number): boolean {
  if (isDigit(code) || code === LOWER_E || code === UPPER_E) return true;
  return code === DOT || code === MINUS || code === PLUS;
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

/**
 * Whether a number survives JSON.parse: an integer keeps its digits when it is printed again, any other is finite. What is not a JSON number, or stands
 * where none may, counts as surviving, so that JSON.parse sees it and refuses.
 */
function fitsDouble(text: string, units: Uint16Array, start: number, end: number): boolean {
  const token = text.slice(start, end);
  const number = Number(token);
  if (INTEGER.test(token) ? String(number) === token : Number.isFinite(number)) return true;
  return !JSON_NUMBER.test(token) || units[skipSpace(units, end)] === COLON;
}

/** Fifteen digits always fit; sixteen may not. */
const INTEGER_CHARS_SAFE = 16;
/** The greatest double has 309 digits before the point. */
const DECIMAL_CHARS_SAFE = 309;
const INTEGER = /^-?\d+$/;
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

function skipSpace(units: Uint16Array, from: number): number {
  let at = from;
  while (isSpace(units[at])) at += 1;
  return at;
}

function isSpace(code: number | undefined): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}
