import * as z from "zod";

import { anyJson, environment, id, isMap, optionalText, textOf } from "./langfuse-fields.ts";

const base = z.object({
  id: id.nullish(),
  name: z.string().min(1),
  traceId: optionalText,
  sessionId: optionalText,
  datasetRunId: optionalText,
  observationId: optionalText,
  environment,
  comment: optionalText,
  metadata: anyJson,
  source: z.enum(["API", "EVAL", "ANNOTATION"]).optional(),
  executionTraceId: optionalText,
  queueId: optionalText,
  configId: optionalText,
});

/** Empty text counts as absent, as in every target. */
const noText = z.literal("").nullish();

/** write-api §2.7. Without a `dataType` the value's own type, or the config's, decides. */
export type ScoreBody = z.output<typeof scoreBody>;
export const scoreBody = z
  .discriminatedUnion("dataType", [
    base.extend({ dataType: z.undefined().optional(), value: z.union([z.string(), z.number()]) }),
    base.extend({ dataType: z.literal("NUMERIC"), value: z.number() }),
    base.extend({ dataType: z.literal("BOOLEAN"), value: z.literal([0, 1]) }),
    base.extend({ dataType: z.literal("CATEGORICAL"), value: z.string() }),
    base.extend({ dataType: z.literal("TEXT"), value: textOf(1, 500) }),
    base.extend({
      dataType: z.literal("CORRECTION"),
      value: z.string(),
      configId: z.null().optional(),
      // Of a trace or an observation alone. Refused here, rather than dropped after it was accepted.
      sessionId: noText,
      datasetRunId: noText,
      // Whatever a client calls it: there is one correction, and it is of the output.
      name: z
        .string()
        .min(1)
        .transform(() => "output" as const),
    }),
  ])
  .refine(namesOneTarget, {
    message:
      "Provide exactly one of the following: traceId (with optional observationId), sessionId or datasetRunId. ObservationId requires traceId.",
  });

/**
 * The body of `POST /api/public/scores`: only sources a caller may claim, an annotation needs its config, and an empty
 * id counts as none.
 */
export const restScoreBody = z
  .preprocess(asBatchBody, scoreBody)
  .refine((body) => body.source !== "EVAL", {
    path: ["source"],
    message: 'Invalid option: expected one of "API"|"ANNOTATION"',
  })
  .refine(
    ({ source, configId, dataType }) =>
      source !== "ANNOTATION" || Boolean(configId) || dataType === "CORRECTION",
    { path: ["configId"], message: "A score with source ANNOTATION needs a configId." },
  );

interface Target {
  readonly traceId?: string | null | undefined;
  readonly sessionId?: string | null | undefined;
  readonly datasetRunId?: string | null | undefined;
  readonly observationId?: string | null | undefined;
}

/** Empty text counts as absent here. */
function namesOneTarget({ traceId, sessionId, datasetRunId, observationId }: Target): boolean {
  const targets = [traceId, sessionId, datasetRunId].filter(Boolean);
  return targets.length === 1 && (!observationId || Boolean(traceId));
}

function asBatchBody(body: unknown): unknown {
  if (!isMap(body)) return body;
  return Object.fromEntries(
    Object.entries(body).filter(
      ([key, value]) => key !== "executionTraceId" && !(key === "id" && value === ""),
    ),
  );
}
