import { doubleOf, integerOf } from "./drafts.ts";
import { bigintOf, bytesOf, field, listOf, objectOf, textOf } from "./json-fields.ts";
import type { JsonObject } from "./json-fields.ts";
import { attributesMax, Refusal, valueDepthMax } from "./request.ts";
import type { RequestBudget } from "./request.ts";
import type { Attribute, AttributeValue } from "./span.ts";

/** Reads the `attributes` of a span, event, link, resource or scope. Throws a Refusal. */
export function readAttributes(owner: JsonObject, budget: RequestBudget): Attribute[] {
  const items = listOf(owner["attributes"], "attributes");
  if (items.length > attributesMax) throw new Refusal("attributes:too_many");
  return items.map((item) => readKeyValue(item, budget, 1));
}

function readKeyValue(item: unknown, budget: RequestBudget, depth: number): Attribute {
  budget.takeValue();
  const keyValue = objectOf(item);
  if (keyValue === null) throw new Refusal("attributes:not_a_key_value");
  return [textOf(keyValue["key"]), readValue(keyValue["value"], budget, depth)];
}

/**
 * Reads an AnyValue. Of several members the first counts, in the order of otlp.md §2.1. What is not of the type that
 * its member names keeps its own, and so does a value that stands there without a member: both are kinder to a sloppy
 * exporter than refusing its span.
 */
function readValue(value: unknown, budget: RequestBudget, depth: number): AttributeValue {
  if (depth > valueDepthMax) throw new Refusal("attributes:too_deep");
  const message = objectOf(value);
  if (message === null) return bareValue(value, budget, depth);
  const string = field(message, "stringValue", "string_value");
  if (string !== null) return textOf(string);
  const double = field(message, "doubleValue", "double_value");
  if (double !== null) return readDouble(double);
  const bool = field(message, "boolValue", "bool_value");
  if (bool !== null) return readBool(bool);
  const array = field(message, "arrayValue", "array_value");
  if (array !== null) return readArray(array, budget, depth);
  const int = field(message, "intValue", "int_value");
  if (int !== null) return readInt(int);
  const map = field(message, "kvlistValue", "kvlist_value");
  if (map !== null) return readMap(map, budget, depth);
  const bytes = field(message, "bytesValue", "bytes_value");
  return bytes === null ? null : readBytes(bytes);
}

function bareValue(value: unknown, budget: RequestBudget, depth: number): AttributeValue {
  if (value === null || value === undefined) return null;
  if (typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isInteger(value) ? readInt(value) : doubleOf(value);
  if (Array.isArray(value)) return readValues(value, budget, depth);
  return textOf(value);
}

function readDouble(value: unknown): AttributeValue {
  if (typeof value === "number") return doubleOf(value);
  if (typeof value !== "string") return bareText(value);
  if (value === "NaN" || value === "Infinity" || value === "-Infinity") return { double: value };
  const number = NUMBER.test(value) ? Number(value) : Number.NaN;
  return Number.isFinite(number) ? doubleOf(number) : value;
}

const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

function readBool(value: unknown): AttributeValue {
  if (value === "true" || value === "false") return value === "true";
  return bareText(value);
}

function readInt(value: unknown): AttributeValue {
  const integer = bigintOf(value);
  if (integer !== null && BigInt.asIntN(64, integer) === integer) return integerOf(integer);
  return typeof value === "number" ? doubleOf(value) : bareText(value);
}

function readBytes(value: unknown): AttributeValue {
  const bytes = bytesOf(value);
  if (bytes !== null) return { bytes: bytes.toString("base64") };
  if (typeof value !== "string" || !BASE64.test(value)) return bareText(value);
  return { bytes: Buffer.from(value, "base64").toString("base64") };
}

/** Of either alphabet, with or without padding. */
const BASE64 = /^[\w+/-]*={0,2}$/;

function readArray(value: unknown, budget: RequestBudget, depth: number): AttributeValue {
  if (Array.isArray(value)) return readValues(value, budget, depth);
  const array = objectOf(value);
  return array === null
    ? bareText(value)
    : readValues(listOf(array["values"], "values"), budget, depth);
}

function readValues(
  values: readonly unknown[],
  budget: RequestBudget,
  depth: number,
): AttributeValue {
  return values.map((value) => {
    budget.takeValue();
    return readValue(value, budget, depth + 1);
  });
}

function readMap(value: unknown, budget: RequestBudget, depth: number): AttributeValue {
  const map = objectOf(value);
  if (map === null) return bareText(value);
  const items = listOf(map["values"], "values");
  return { map: items.map((item) => readKeyValue(item, budget, depth + 1)) };
}

/** A value under the wrong member: scalars as they are, anything else as its JSON. */
function bareText(value: unknown): AttributeValue {
  return typeof value === "boolean" ? value : textOf(value);
}
