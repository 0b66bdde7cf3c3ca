import * as z from "zod";

import {
  eventBody,
  generationBody,
  legacyObservationBody,
  sdkLogBody,
  spanBody,
  traceBody,
} from "./langfuse-bodies.ts";
import { dateTime, id } from "./langfuse-fields.ts";
import { restScoreBody, scoreBody } from "./langfuse-scores.ts";
import type { ScoreBody } from "./langfuse-scores.ts";

/**
 * One validated event of the Langfuse batch dialect. Bodies are normalised as the contract says and hold no unknown
 * keys; free-form fields are the very objects that were passed in. Null and absent are kept apart.
 */
export type LangfuseEvent = z.output<typeof eventSchema>;

/** What is wrong with a value, and where. `message` is for humans; clients only print it. */
export type ValidationIssue = z.core.$ZodIssue;

export type Validated<Name extends string, Value> =
  | ({ readonly ok: true } & { readonly [_ in Name]: Value })
  | { readonly ok: false; readonly id: string; readonly issues: readonly ValidationIssue[] };

const eventSchema = z.discriminatedUnion("type", [
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
function eventOf<Type extends string, Body extends z.ZodType>(type: Type, body: Body) {
  return z.object({ id, type: z.literal(type), timestamp: dateTime, body });
}
const compiled = z.compile(eventSchema, { strict: true });
export function validateEvent(element: unknown) {
  const result = compiled.safeParse(element);
  if (result.success) return { ok: true, event: result.data } as const;
  return { ok: false, id: "x", issues: result.error.issues } as const;
}
export const plain = eventSchema;
export {restScoreBody}; export type {ScoreBody}
