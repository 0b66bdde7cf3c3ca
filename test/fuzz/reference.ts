import { isDeepStrictEqual } from "node:util";

import type { Table } from "./events.ts";

/**
 * What a plain reading of the contract says about an accepted body, written apart from the server's own code: it knows
 * less, but what it knows it has not copied.
 */

type Fields = Readonly<Record<string, unknown>>;

const textFields: Readonly<Record<Table, readonly string[]>> = {
  traces: ["id", "name", "userId", "sessionId", "release", "version", "externalId"],
  observations: ["id", "traceId", "parentObservationId", "name", "statusMessage", "version"],
  scores: ["id", "name", "traceId", "sessionId", "observationId", "comment", "configId", "queueId"],
};

/** The fields of an accepted body that hold a number where only text is allowed. */
export function wrongText(table: Table, body: Fields): string[] {
  return textFields[table].filter((field) => typeof body[field] === "number");
}

/** In which columns a stored row differs from the only body that was accepted for it. */
export function contentProblems(table: Table, body: Fields, row: Fields): string[] {
  const wrong: string[] = [];
  const name = body["dataType"] === "CORRECTION" ? "output" : (body["name"] ?? "");
  if (typeof name === "string" && row["name"] !== wellFormedDeep(name)) wrong.push("name");
  if (table !== "scores") {
    if (!isStored(body["input"], row["input"])) wrong.push("input");
    if (!isStored(body["output"], row["output"])) wrong.push("output");
  }
  if (table === "scores" && typeof body["value"] === "number") {
    if (row["data_type"] === "CATEGORICAL") wrong.push("data_type");
    else if (Number(row["value"]) !== body["value"]) wrong.push("value");
  }
  return wrong;
}

/** Text stays text, anything else is JSON text, and nothing is nothing (write-api §2.5). */
function isStored(sent: unknown, stored: unknown): boolean {
  if (sent === undefined || sent === null) return stored === "";
  if (typeof sent === "string") return stored === wellFormedDeep(sent);
  if (!isExact(sent)) return true;
  return (
    typeof stored === "string" && isDeepStrictEqual(JSON.parse(stored), withoutMinusZero(sent))
  );
}

/** Whether a plain parser keeps all of its numbers: of the others the digits are stored as text. */
function isExact(value: unknown): boolean {
  if (typeof value === "number") {
    return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
  }
  if (typeof value !== "object" || value === null) return true;
  return Object.values(value).every(isExact);
}

function withoutMinusZero(value: unknown): unknown {
  return JSON.parse(JSON.stringify(wellFormedDeep(value)));
}

function wellFormedDeep(value: unknown): unknown {
  if (typeof value === "string") return Buffer.from(value).toString();
  if (Array.isArray(value)) return value.map(wellFormedDeep);
  if (typeof value !== "object" || value === null) return value;
  const copy: Record<string, unknown> = Object.create(null);
  for (const [key, part] of Object.entries(value)) {
    copy[Buffer.from(key).toString()] = wellFormedDeep(part);
  }
  return copy;
}
