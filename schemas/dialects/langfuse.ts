import * as z from "zod";

import type { Issue } from "../errors.ts";
import { issuesOf } from "../issues.ts";
import {
  eventBody,
  generationBody,
  legacyObservationBody,
  sdkLogBody,
  spanBody,
  traceBody,
} from "./langfuse-bodies.ts";
import { dateTime, id, isMap } from "./langfuse-fields.ts";
import { restScoreBody, scoreBody } from "./langfuse-scores.ts";
import type { ScoreBody } from "./langfuse-scores.ts";

/**
 * One valid event of the Langfuse batch dialect, without unknown keys and normalised as the contract says
 * (write-api §2, §4.1). Absent and null are kept apart. Free-form fields (`input`, `output`, `metadata`, `log`,
 * `modelParameters`) are the objects that were passed in, and datetimes the text that was sent.
 */
export type LangfuseEvent = z.output<typeof langfuseEvent>;

/**
 * Checks the body of `POST /api/public/ingestion`: an object with a `batch` array, whatever its elements. Otherwise
 * gives one message per problem. (write-api §1.3, §1.4)
 */
export function parseEnvelope(
  value: unknown,
):
  | { readonly ok: true; readonly batch: readonly unknown[] }
  | { readonly ok: false; readonly errors: readonly string[] } {
  const result = envelope.safeParse(value);
  if (result.success) return { ok: true, batch: result.data.batch };
  return { ok: false, errors: result.error.issues.map((issue) => issue.message) };
}

/**
 * Checks and normalises one element of a batch. The same element gives the same answer, always: the gateway validates
 * with it, and the writer maps what it gives. Where `parseJson` had numbers to repair, `rounded` is the element with
 * their nearest doubles: it is what fields that ask for a number get, and `element` is what free-form fields get.
 */
export function validateEvent(
  element: unknown,
  rounded: unknown = element,
): { readonly ok: true; readonly event: LangfuseEvent } | (Refusal & { readonly id: string }) {
  const result = compiledEvent.safeParse(rounded);
  if (result.success) return { ok: true, event: withPayloadOf(element, rounded, result.data) };
  const issues = isDatasetRunItem(element) ? [datasetRunItemIssue] : issuesOf(result.error);
  return { ok: false, id: envelopeIdOf(rounded), issues };
}

/** Checks the body of `POST /api/public/scores`. What passes is also a valid body of a `score-create` event. */
export function validateScoreBody(
  value: unknown,
  rounded: unknown = value,
): { readonly ok: true; readonly body: ScoreBody } | Refusal {
  const result = restScoreBody.safeParse(rounded);
  if (result.success) return { ok: true, body: { ...result.data, ...payloadOf(value, rounded) } };
  return { ok: false, issues: issuesOf(result.error) };
}

function withPayloadOf(element: unknown, rounded: unknown, event: LangfuseEvent): LangfuseEvent {
  if (element === rounded || !isMap(element)) return event;
  const body = { ...event.body, ...payloadOf(element["body"], null) };
  return Object.assign(event, { body });
}

/** The free-form fields of a body; none where nothing was rounded. */
function payloadOf(body: unknown, rounded: unknown): object {
  if (body === rounded || !isMap(body)) return {};
  const stated = ["input", "output", "metadata"].filter((field) => body[field] !== undefined);
  return Object.fromEntries(stated.map((field) => [field, body[field]]));
}

export interface Refusal {
  readonly ok: false;
  readonly issues: readonly Issue[];
}

/** The id that an answer names an element by: its own, or "unknown" where that is no text. (write-api §1.5) */
export function envelopeIdOf(element: unknown): string {
  return isMap(element) && typeof element["id"] === "string" ? element["id"] : "unknown";
}

/** The entry for an invalid event in the `errors` of the 207 answer; `error` is the issues as indented JSON. */
export function eventError(eventId: string, issues: readonly Issue[]): EventError {
  const error = JSON.stringify(issues, null, 2);
  return { id: eventId, status: 400, message: "Invalid request data", error };
}

export interface EventError {
  readonly id: string;
  readonly status: number;
  readonly message: string;
  readonly error: string;
}

const envelope = z.object({ batch: z.array(z.unknown()) });

export const langfuseEvent = z.discriminatedUnion("type", [
  eventOf("trace-create", traceBody),
  eventOf("score-create", scoreBody),
  eventOf("event-create", eventBody),
  eventOf("span-create", spanBody),
  eventOf("span-update", spanBody),
  eventOf("generation-create", generationBody),
  eventOf("generation-update", generationBody),
  eventOf("agent-create", generationBody),
  eventOf("tool-create", generationBody),
  eventOf("chain-create", generationBody),
  eventOf("retriever-create", generationBody),
  eventOf("evaluator-create", generationBody),
  eventOf("embedding-create", generationBody),
  eventOf("guardrail-create", generationBody),
  eventOf("observation-create", legacyObservationBody),
  eventOf("observation-update", legacyObservationBody),
  eventOf("sdk-log", sdkLogBody),
]);

/** Twice as fast as the schema itself. Strict: a schema that cannot be compiled should fail here, not just be slow. */
const compiledEvent = z.compile(langfuseEvent, { strict: true });

function eventOf<Type extends string, Body extends z.ZodType>(type: Type, body: Body) {
  return z.object({ id, type: z.literal(type), timestamp: dateTime, body });
}

function isDatasetRunItem(element: unknown): boolean {
  return isMap(element) && element["type"] === "dataset-run-item-create";
}

const datasetRunItemIssue: Issue = {
  code: "custom",
  path: [],
  message: "Dataset run item creation is only allowed for internal usage",
};
