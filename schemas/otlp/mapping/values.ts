import { parseJson } from "../../json.ts";
import type { Attributes, AttributeValue } from "../span.ts";

/** Attribute values as plain JSON, and the ways in which fields read them. Nothing here throws. */

export type PlainMap = Readonly<Record<string, unknown>>;

/**
 * The value without its types: an int64 that a double cannot hold is its decimal text, and bytes keep their mark,
 * `{bytes: <base64>}`. (otlp.md §2.1)
 */
export function plainOf(value: AttributeValue): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (isList(value)) return value.map(plainOf);
  if ("map" in value) return plainMap(value.map);
  if ("int" in value) return value.int;
  return "double" in value ? value.double : value;
}

/** Of repeated keys the last one counts; `__proto__` is a key like any other. */
export function plainMap(attributes: Attributes): PlainMap {
  return Object.fromEntries(attributes.map(([key, value]) => [key, plainOf(value)]));
}

function isList(value: AttributeValue): value is readonly AttributeValue[] {
  return Array.isArray(value);
}

export function isMap(value: unknown): value is PlainMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The own member of this name; undefined for what is no map. */
export function member(value: unknown, name: string): unknown {
  return isMap(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** Text stays text, anything else becomes JSON text; null for what says nothing. */
export function asText(value: unknown): string | null {
  if (value === null || value === undefined || value === "") return null;
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** As {@link asText}, also null for false and 0: of ids and names only truthy values count. (otlp.md §2.4) */
export function asTruthyText(value: unknown): string | null {
  return value ? asText(value) : null;
}

/** A number, also one sent as text. */
export function asNumber(value: unknown): number | null {
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value !== "string" || !/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(value)) {
    return null;
  }
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}

/** A whole number of at least 0 that JSON carries exactly: what counts and versions are. */
export function asCount(value: unknown): number | null {
  const number = asNumber(value);
  return number !== null && Number.isSafeInteger(number) && number >= 0 ? number + 0 : null;
}

export function isTrue(value: unknown): boolean {
  return value === true || value === "true";
}

/** How deep JSON within an attribute is read; deeper text stays text. */
const depthMax = 100;

/** The value that a JSON text stands for; anything that is no text, or no JSON, as it is. */
export function parsed(value: unknown): unknown {
  if (typeof value !== "string" || !/^\s*["[{]/.test(value)) return value;
  try {
    const document = parseJson(value, { depthMax });
    return document.tooDeep(document.value) ? value : document.value;
  } catch {
    return value;
  }
}

/** The map that this is, or that this is the JSON text of. */
export function asMap(value: unknown): PlainMap | null {
  const map = parsed(value);
  return isMap(map) ? map : null;
}

/** The list that this is, or that this is the JSON text of. */
export function asList(value: unknown): readonly unknown[] | null {
  const list = parsed(value);
  return Array.isArray(list) ? list : null;
}
