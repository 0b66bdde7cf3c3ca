import { z } from "zod";

import {
  eventBody,
  generationBody,
  spanBody,
  traceBody,
} from "../../schemas/dialects/langfuse-bodies.ts";
import { restScoreBody } from "../../schemas/dialects/langfuse-scores.ts";
import { langfuseEvent } from "../../schemas/dialects/langfuse.ts";
import { answers } from "../../schemas/public-api/answers.ts";
import type { RouteDescription } from "../runtime/http/route-description.ts";
import { bulkBody } from "./trace-deletion.ts";

const text = z.string();
const overload = [413, 415, 503];
const batch = z.object({ batch: z.array(langfuseEvent), metadata: z.unknown().optional() });
const verdicts = z.strictObject({
  successes: z.array(z.strictObject({ id: text, status: z.int() })),
  errors: z.array(
    z.strictObject({
      id: text,
      status: z.int(),
      message: text.exactOptional(),
      error: z.unknown(),
    }),
  ),
});

/** The single-item writers of older SDKs: a body without an id gets one, and an update names what it updates. */
const { id: _traceId, ...trace } = traceBody.shape;
const { id: _eventId, ...event } = eventBody.shape;
const { id: _spanId, ...span } = spanBody.shape;
const { id: _generationId, ...generation } = generationBody.shape;
const given = { id: text.nullish() };
const singles = [
  { id: "createTrace", method: "post", path: "traces", shape: { ...given, ...trace } },
  { id: "createEvent", method: "post", path: "events", shape: { ...given, ...event } },
  { id: "createSpan", method: "post", path: "spans", shape: { ...given, ...span } },
  { id: "updateSpan", method: "patch", path: "spans", shape: { spanId: text, ...span } },
  {
    id: "createGeneration",
    method: "post",
    path: "generations",
    shape: { ...given, ...generation },
  },
  {
    id: "updateGeneration",
    method: "patch",
    path: "generations",
    shape: { generationId: text, ...generation },
  },
] as const;

const otlpTypes = ["application/x-protobuf", "application/json"];
const signals = [
  { name: "Traces", path: "traces", rejected: "rejectedSpans" },
  { name: "Logs", path: "logs", rejected: "rejectedLogRecords" },
  { name: "Metrics", path: "metrics", rejected: "rejectedDataPoints" },
] as const;

/** Where exporters may send to: Langfuse's address, and that of any OTLP server. */
const otlp = (
  [
    { id: "exportLangfuse", base: "/api/public/otel" },
    { id: "export", base: "" },
  ] as const
).flatMap(({ id, base }) =>
  signals.map(({ name, path, rejected }): RouteDescription => ({
    id: `${id}${name}`,
    method: "post",
    path: `${base}/v1/${path}`,
    tag: "OpenTelemetry",
    summary: `Takes ${path} over OTLP, in protobuf or JSON; the answer has the form of the request.`,
    key: "project",
    body: {
      schema: z.looseObject({}),
      contentTypes: ["application/x-protobuf", "application/json"],
    },
    answer: z.strictObject({
      partialSuccess: z.strictObject({ [rejected]: text, errorMessage: text }).exactOptional(),
    }),
    errors: overload,
  })),
);

const explain: RouteDescription = {
  id: "explainTraces",
  method: "post",
  path: "/api/public/x/otel/explain",
  tag: "OpenTelemetry",
  summary: "What would become of an export of traces, and why; nothing is stored.",
  key: "project",
  body: { schema: z.looseObject({}), contentTypes: otlpTypes },
  answer: z.looseObject({}),
  errors: overload,
};

/** Every route of the write API. */
export const gatewayDescriptions: readonly RouteDescription[] = [
  {
    id: "ingest",
    method: "post",
    path: "/api/public/ingestion",
    tag: "Ingestion",
    summary: "Takes a batch of events, each judged by itself.",
    key: "public",
    body: { schema: batch },
    status: 207,
    answer: verdicts,
    errors: overload,
  },
  ...otlp,
  explain,
  ...singles.map(({ id, method, path, shape }): RouteDescription => ({
    id,
    method,
    path: `/api/public/${path}`,
    tag: "Ingestion",
    summary: "Takes one item, as a batch of one would; for SDKs before batches.",
    key: "project",
    body: { schema: z.object(shape) },
    answer: answers.Id,
    errors: overload,
  })),
  {
    id: "createScore",
    method: "post",
    path: "/api/public/scores",
    tag: "Scores",
    summary: "Writes a score; one of the same id is replaced.",
    key: "public",
    body: { schema: restScoreBody },
    answer: answers.Id,
    errors: overload,
  },
  {
    id: "deleteScore",
    method: "delete",
    path: "/api/public/scores/:id",
    tag: "Scores",
    summary: "Deletes a score, whether there is one or not.",
    key: "project",
    status: 202,
    answer: answers.Message,
    errors: [503],
  },
  {
    id: "deleteTrace",
    method: "delete",
    path: "/api/public/traces/:id",
    tag: "Traces",
    summary: "Deletes a trace with its observations and scores, whether there is one or not.",
    key: "project",
    answer: answers.Message,
    errors: [503],
  },
  {
    id: "deleteTraces",
    method: "delete",
    path: "/api/public/traces",
    tag: "Traces",
    summary: "Deletes up to a thousand traces.",
    key: "project",
    body: { schema: bulkBody },
    answer: answers.Message,
    errors: overload,
  },
];
