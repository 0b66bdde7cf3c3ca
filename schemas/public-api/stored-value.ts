import { JsonError, parseJson } from "../json.ts";

/** Metadata as stored: first-level keys, values as text. */
export type StoredMetadata = Readonly<Record<string, string>>;

/** What every input, output and metadata value may be once it is shown: whatever JSON its text holds. */
export type JsonValue = unknown;

/**
 * The value that a stored text stands for: its JSON if it is JSON, else the text itself (read-api §1.6).
 * Numbers that a double cannot carry come as text with their digits.
 */
export function parseStored(text: string): JsonValue {
  if (!mayBeJson(text)) return text;
  try {
    const { value, tooDeep } = parseJson(text, { depthMax });
    return tooDeep(value) ? text : value;
  } catch (error) {
    if (error instanceof JsonError) return text;
    throw error;
  }
}

/** An input or output: no text means none. */
export function parsePayload(text: string): JsonValue {
  return text === "" ? null : parseStored(text);
}

/** Metadata with its values parsed; one level only. */
export function parseMetadata(metadata: StoredMetadata): Record<string, JsonValue> {
  return Object.fromEntries(
    Object.entries(metadata).map(([key, value]) => [key, parseStored(value)]),
  );
}

/** Columns that hold no text where the client gave none show null. */
export function orNull(text: string): string | null {
  return text === "" ? null : text;
}

/** A moment as ClickHouse prints it (`2026-01-31 12:00:00.000`, UTC) in the form of the contract. */
export function isoOfColumn(text: string): string {
  return `${text.replace(" ", "T")}Z`;
}

/** Epoch milliseconds of a moment as ClickHouse prints it. */
export function millisOfColumn(text: string): number {
  return Date.parse(isoOfColumn(text));
}

/**
 * How deep a shown value may be nested; deeper text is shown as text. JSON.stringify recurses, so that without a
 * bound one hostile value would make every page that holds it fail.
 */
const depthMax = 500;

/** Tells most prose from JSON by its first characters: a failed parse costs far more. */
function mayBeJson(text: string): boolean {
  const first = text.charCodeAt(0);
  if (first === lowerT) return text.startsWith("true");
  if (first === lowerF) return text.startsWith("false");
  if (first === lowerN) return text.startsWith("null");
  return jsonStarts.has(first);
}

const lowerT = 0x74;
const lowerF = 0x66;
const lowerN = 0x6e;
const jsonStarts = new Set(Array.from('{["-0123456789 \t\n\r', (char) => char.charCodeAt(0)));
