import * as z from "zod";

import {
  anyJson,
  dateTime,
  environment,
  id,
  level,
  modelParameters,
  optionalText,
  scalarModelParameters,
  textList,
  textOf,
} from "./langfuse-fields.ts";
import { costDetails, usage, usageDetails } from "./langfuse-usage.ts";

/** write-api §2.4. A body without an id is accepted; it names nothing that could be stored. */
export const traceBody = z.object({
  id: id.nullish(),
  timestamp: dateTime.nullish(),
  name: textOf(0, 1000).nullish(),
  userId: optionalText,
  sessionId: optionalText,
  release: optionalText,
  version: optionalText,
  externalId: optionalText,
  input: anyJson,
  output: anyJson,
  metadata: anyJson,
  tags: textList.nullish(),
  public: z.boolean().nullish(),
  environment,
});

/** write-api §2.6, what every observation has. */
export const eventBody = z.object({
  id,
  traceId: id.nullish(),
  parentObservationId: optionalText,
  name: optionalText,
  startTime: dateTime.nullish(),
  input: anyJson,
  output: anyJson,
  metadata: anyJson,
  level,
  statusMessage: optionalText,
  version: optionalText,
  environment,
});

export const spanBody = eventBody.extend({ endTime: dateTime.nullish() });

/** Of generations, agents, tools, chains, retrievers, evaluators, embeddings and guardrails. */
export const generationBody = spanBody
  .extend({
    completionStartTime: dateTime.nullish(),
    model: optionalText,
    modelParameters,
    usage,
    usageDetails,
    costDetails,
    promptName: optionalText,
    promptVersion: z.int().nullish(),
  })
  .refine((body) => Boolean(body.promptName) === Boolean(body.promptVersion), {
    message: "promptName and promptVersion must be given together, or neither of them.",
  });

/** write-api §2.6, of `observation-create` and `observation-update`: no environment, no prompt. */
export const legacyObservationBody = z.object({
  id: id.nullish(),
  traceId: id.nullish(),
  type: z.enum(["GENERATION", "SPAN", "EVENT"]),
  name: optionalText,
  startTime: dateTime.nullish(),
  endTime: dateTime.nullish(),
  completionStartTime: dateTime.nullish(),
  model: optionalText,
  modelParameters: scalarModelParameters,
  input: anyJson,
  output: anyJson,
  usage,
  usageDetails,
  costDetails,
  metadata: anyJson,
  parentObservationId: optionalText,
  level,
  statusMessage: optionalText,
  version: optionalText,
});

/** Not stored, only logged. */
export const sdkLogBody = z.object({
  log: z.unknown().refine((value) => value !== undefined && value !== null, {
    message: "Invalid input: expected any JSON but null",
  }),
  id: optionalText,
});
