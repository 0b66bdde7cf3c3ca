/** From the least severe to the most. */
export const logLevels = ["debug", "info", "warn", "error"] as const;

export type LogLevel = (typeof logLevels)[number];

/** What a line says besides its message. Errors are written with their stack and cause. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes one line for each call. No call throws, whatever the fields hold. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to every line. */
  child(fields: LogFields): Logger;
}

export interface LoggerOptions {
  /** The least severe level that is written. */
  readonly level: LogLevel;
  /** `json`: one object a line, for machines. `human`: for a terminal. */
  readonly format: "json" | "human";
  /** Receives each line with its newline. */
  readonly write: (line: string) => void;
  /** Fields of every line. */
  readonly fields?: LogFields;
}

/**
 * A logger of one line per message: JSON, or text for a terminal. What clients send cannot break a
 * line or steer a terminal (control characters are escaped), cannot flood it (long strings, wide
 * and deep values are cut), and credentials are masked.
 */
export function createLogger(options: LoggerOptions): Logger {
  const log = (level: LogLevel, message: string, fields?: LogFields): void => {
    if (logLevels.indexOf(level) < logLevels.indexOf(options.level)) return;
    try {
      options.write(lineOf(options, level, message, fields));
    } catch {
      // A log line is never worth a request: a closed pipe or a full disk must not fail the work.
    }
  };
  return {
    debug: (message, fields) => log("debug", message, fields),
    info: (message, fields) => log("info", message, fields),
    warn: (message, fields) => log("warn", message, fields),
    error: (message, fields) => log("error", message, fields),
    child: (fields) => createLogger({ ...options, fields: { ...options.fields, ...fields } }),
  };
}

const stringCharsMax = 4096;
const entriesMax = 50;
const depthMax = 5;

/** Names of fields whose value is a credential, wherever they stand. */
const secretName = /authorization|cookie|password|secret|api[-_]?key/i;
/** Credentials inside text: the two HTTP schemes, and secret keys in Langfuse's form. */
const secretText = /\b(Basic|Bearer)\s+[\w+/=.~:-]{8,}|\b(sk-lf-)[\w-]+/gi;
/** What JSON leaves as it is: DEL, the C1 controls, and the two separators that end a line. */
const unsafeText = /[\u007f-\u009f\u2028\u2029]/g;

function lineOf(
  options: LoggerOptions,
  level: LogLevel,
  message: string,
  fields: LogFields = {},
): string {
  const time = new Date().toISOString();
  const all = { ...printableFields(options.fields ?? {}), ...printableFields(fields) };
  const text = printable(message, 0);
  const head = { time, level, message: text };
  // Twice: first in order, and last in force, so that no field can take their place.
  if (options.format === "json") return `${toJson({ ...head, ...all, ...head })}\n`;
  const shown = Object.entries(all).map(([name, value]) => ` ${bare(name)}=${toJson(value)}`);
  const start = `${time.slice(11, 23)} ${level.toUpperCase().padEnd(5)} ${bare(text)}`;
  return `${start}${shown.join("")}\n`;
}

/** JSON on one line, with what a terminal or a line reader could take for a command escaped. */
function toJson(value: unknown): string {
  return JSON.stringify(value).replace(
    unsafeText,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function bare(text: unknown): string {
  return toJson(text).slice(1, -1);
}

function printableFields(fields: LogFields): object {
  const shown = printable(fields, depthMax);
  return typeof shown === "object" && shown !== null ? shown : { fields: shown };
}

/** A copy that JSON can print: bounded in every direction, credentials masked. Never throws. */
function printable(value: unknown, depth: number): unknown {
  try {
    if (typeof value === "string") return mask(cut(value));
    if (typeof value === "number" || typeof value === "boolean" || value === null) return value;
    if (value === undefined) return null;
    if (typeof value === "bigint" || value instanceof Date) return String(value);
    if (typeof value !== "object") return `(${typeof value})`;
    if (ArrayBuffer.isView(value)) return `(${value.byteLength} bytes)`;
    if (depth === 0) return "(deeper)";
    if (Array.isArray(value))
      return value.slice(0, entriesMax).map((item: unknown) => printable(item, depth - 1));
    const keys = Object.keys(value);
    const names = value instanceof Error ? errorNames(value, keys) : keys;
    return Object.fromEntries(
      names.slice(0, entriesMax).map((name) => [cut(name), printableField(value, name, depth)]),
    );
  } catch {
    return "(unreadable)";
  }
}

function printableField(holder: object, name: string, depth: number): unknown {
  if (secretName.test(name)) return "(hidden)";
  try {
    return printable(Reflect.get(holder, name), depth - 1);
  } catch {
    return "(unreadable)";
  }
}

/** What every error has, and its enumerable fields: those that hide from listing can quote customers. */
function errorNames(error: Error, enumerable: readonly string[]): readonly string[] {
  const hidden = error.cause === undefined ? [] : ["cause"];
  return [...new Set(["name", "message", ...enumerable, "stack", ...hidden])];
}

function cut(text: string): string {
  if (text.length <= stringCharsMax) return text;
  return `${text.slice(0, stringCharsMax)}… (${text.length} characters)`;
}

function mask(text: string): string {
  return text.replace(secretText, (_all, scheme?: string, prefix?: string) =>
    scheme === undefined ? `${prefix ?? ""}(hidden)` : `${scheme} (hidden)`,
  );
}
