import { Refusal } from "./request.ts";

/** Scalars of OTLP/JSON in the shapes that exporters give them, beyond those that the specification asks for. */

/** An object of parsed JSON. Only fields of our naming are read, none of which an object inherits. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function objectOf(value: unknown): JsonObject | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  return value as JsonObject;
}

/** A field by its name, or by the name that generic protobuf libraries give it. Null says the same as absent. */
export function field(object: JsonObject, name: string, snakeName: string): unknown {
  return object[name] ?? object[snakeName] ?? null;
}

/** Throws a Refusal when there is something else than an array. */
export function listOf(value: unknown, name: string): readonly unknown[] {
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value)) throw new Refusal(`${name}:not_an_array`);
  return value;
}

export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  return value === null || value === undefined ? "" : JSON.stringify(value);
}

/** A count or flags, as protobuf cuts them to 32 bits; 0 for what is not an integer. */
export function uint32Of(value: unknown): number {
  const integer = bigintOf(value);
  return integer === null ? 0 : Number(BigInt.asUintN(32, integer));
}

/** The number of an enum, from its number or its name. What is neither counts as unspecified. */
export function enumOf(value: unknown, names: ReadonlyMap<unknown, number>): number {
  const integer = bigintOf(value);
  return integer === null ? (names.get(value) ?? 0) : Number(BigInt.asIntN(32, integer));
}

/** Nanoseconds, an unsigned 64-bit integer in decimal; "0" when absent. Throws a Refusal for anything else. */
export function nanosOf(value: unknown, name: string): string {
  if (value === null || value === "") return "0";
  if (typeof value === "string" && PLAIN_NANOS.test(value)) return value;
  const integer = bigintOf(value);
  if (integer === null || BigInt.asUintN(64, integer) !== integer)
    throw new Refusal(`${name}:not_nanoseconds`);
  return integer.toString();
}

/** Short enough to be within 64 bits whatever the digits. */
const PLAIN_NANOS = /^[1-9]\d{0,18}$/;

/** An integer from a number, decimal text, or a `Long` of protobuf libraries; null for anything else. */
export function bigintOf(value: unknown): bigint | null {
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value) : null;
  if (typeof value === "string") {
    if (DECIMAL.test(value)) return BigInt(value);
    const number = EXPONENT.test(value) ? Number(value) : Number.NaN;
    return Number.isSafeInteger(number) ? BigInt(number) : null;
  }
  const long = objectOf(value);
  if (long === null || !Number.isInteger(long["low"]) || !Number.isInteger(long["high"]))
    return null;
  const low = BigInt.asUintN(32, BigInt(long["low"] as number));
  const bits = (BigInt(long["high"] as number) << 32n) | low;
  return long["unsigned"] === true ? BigInt.asUintN(64, bits) : BigInt.asIntN(64, bits);
}

/** Twenty digits hold every 64-bit integer; BigInt takes long for very many. */
const DECIMAL = /^-?\d{1,20}$/;
const EXPONENT = /^-?\d{1,20}(?:\.\d{1,20})?(?:[eE][+-]?\d{1,2})?$/;

/** Bytes from an array of integers or a `Buffer` as Node writes it; null for anything else. */
export function bytesOf(value: unknown): Buffer | null {
  const buffer = objectOf(value);
  if (buffer !== null) return buffer["type"] === "Buffer" ? bytesOf(buffer["data"]) : null;
  return Array.isArray(value) && value.every(isByte) ? Buffer.from(value) : null;
}

function isByte(value: unknown): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 255;
}

/**
 * An id as lower-case hex from hex of any case, from bytes, or from base64, which generic protobuf libraries write; any
 * other text stays as it is, for some clients send ids of their own. Empty when absent; throws a Refusal for what is
 * no id (otlp.md §1.5).
 */
export function idOf(value: unknown, name: string): string {
  if (value === null) return "";
  if (typeof value === "string") {
    if (HEX_ID.test(value)) return value.toLowerCase();
    return BASE64_ID.test(value) ? Buffer.from(value, "base64").toString("hex") : value;
  }
  const bytes = bytesOf(value);
  if (bytes === null) throw new Refusal(`${name}:not_an_id`);
  return bytes.toString("hex");
}

/** 8 or 16 bytes, as are those of spans and traces. */
const HEX_ID = /^(?:[\da-fA-F]{16}){1,2}$/;
/** Padded, so that hex is never taken for it. */
const BASE64_ID = /^(?:[\w+/-]{11}=|[\w+/-]{22}==)$/;
