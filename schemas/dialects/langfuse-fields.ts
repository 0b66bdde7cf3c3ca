import * as z from "zod";

import { isContractDateTime } from "../time.ts";

/** Text whose length lies within the bounds, counted in UTF-16 units as the contract does (zod counts code points). */
export function textOf(lengthMin: number, lengthMax: number) {
  return z.string().refine((text) => text.length >= lengthMin && text.length <= lengthMax, {
    message: `Invalid input: expected text of ${lengthMin} to ${lengthMax} characters`,
  });
}

/** Ids of events, traces, observations and scores: 1–800 characters, any but the carriage return. (write-api §2.1) */
export const id = textOf(1, 800).refine((text) => !text.includes("\r"), {
  message: "Invalid input: an id must not contain a carriage return",
});

export const optionalText = z.string().nullish();

/** One issue, however many of its elements are wrong. Passed on by reference. */
export const textList = z.custom<readonly string[]>(
  (value) => Array.isArray(value) && value.every(isText),
  { message: "Invalid input: expected a list of texts" },
);

/** A datetime as it was sent; `millisOf` reads it. */
export const dateTime = z.stringFormat("datetime", isContractDateTime);

/** Any JSON, passed on by reference and never walked. */
export const anyJson = z.unknown().optional();

export const level = z.enum(["DEBUG", "DEFAULT", "WARNING", "ERROR"]).nullish();

/** See {@link environmentOf}. Never refuses an event. */
export const environment = z.unknown().optional().transform(environmentOf);

/**
 * The environment a client named, normalised: lower case, without leading `langfuse`, at most 40 characters.
 * Null when it named none, or none that can be used: then it is `default`, and not by the client's choice.
 * (write-api §2.5)
 */
export function environmentOf(value: unknown): string | null {
  if (typeof value !== "string") return null;
  const name = value
    .toLowerCase()
    .replace(/^(?:langfuse[-_]?)+/, "")
    .slice(0, environmentCharsMax);
  return /^[a-z0-9_-]+$/.test(name) ? name : null;
}

const environmentCharsMax = 40;

type Scalar = string | number | boolean | null;
type ModelParameter = Scalar | readonly string[] | Readonly<Record<string, string>>;

/** Passed on by reference. (write-api §2.6) */
export const modelParameters = z
  .custom<Readonly<Record<string, ModelParameter>>>(isMapOf(isModelParameter), {
    message:
      "Invalid input: expected a map of texts, numbers, booleans, nulls, lists of texts or maps of texts",
  })
  .nullish();

/** What the legacy `observation-*` events take instead. (write-api §2.6) */
export const scalarModelParameters = z
  .custom<Readonly<Record<string, Scalar>>>(isMapOf(isScalar), {
    message: "Invalid input: expected a map of texts, numbers, booleans or nulls",
  })
  .nullish();

export type JsonMap = Readonly<Record<string, unknown>>;

/** A JSON object, whatever its values. */
export function isMap(value: unknown): value is JsonMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isMapOf(isValue: (value: unknown) => boolean): (value: unknown) => boolean {
  return (value) => isMap(value) && Object.values(value).every(isValue);
}

function isModelParameter(value: unknown): boolean {
  if (isScalar(value)) return true;
  // A list's values are looked at like those of a map.
  return typeof value === "object" && value !== null && Object.values(value).every(isText);
}

function isScalar(value: unknown): boolean {
  if (isText(value) || typeof value === "number") return true;
  return typeof value === "boolean" || value === null;
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}
