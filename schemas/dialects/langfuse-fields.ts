import * as z from "zod";

import { isContractDateTime } from "../time.ts";
import { isMap } from "./langfuse-usage.ts";

/** Ids of events, traces, observations and scores: 1–800 characters, any but the carriage return. (write-api §2.1) */
export const id = z
  .string()
  .min(1)
  .max(800)
  .regex(/^[^\r]*$/, "Invalid input: an id must not contain a carriage return");

/** A datetime as it was sent; `millisOf` reads it. */
export const dateTime = z.stringFormat("datetime", isContractDateTime);

export const optionalText = z.string().nullish();

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
export type ModelParameters = Readonly<
  Record<string, Scalar | readonly string[] | Readonly<Record<string, string>>>
>;

export const modelParameters = z
  .custom<ModelParameters>(
    isModelParameters,
    "Invalid input: expected a map of texts, numbers, booleans, nulls, lists of texts or maps of texts",
  )
  .nullish();

/** What the legacy `observation-*` events take. (write-api §2.6) */
export const scalarModelParameters = z
  .custom<Readonly<Record<string, Scalar>>>(
    (value) => isMap(value) && Object.values(value).every(isScalar),
    "Invalid input: expected a map of texts, numbers, booleans or nulls",
  )
  .nullish();

function isModelParameters(value: unknown): boolean {
  return isMap(value) && Object.values(value).every(isModelParameter);
}

function isModelParameter(value: unknown): boolean {
  // Also takes a list: its values are looked at in the same way.
  return isScalar(value) || Object.values(Object(value)).every((part) => typeof part === "string");
}

function isScalar(value: unknown): value is Scalar {
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}
