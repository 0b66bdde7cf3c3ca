import type { Context } from "hono";

import { otelOfObservation } from "../../clickhouse/queries/otel.ts";
import { notFound } from "../../schemas/errors.ts";
import { tracesData, type TracesData } from "../../schemas/otlp/otlp-json.ts";
import type { OtelSpan } from "../../schemas/otlp/span.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import { pathParam, type ProjectRequest } from "./route.ts";

/** GET /x/observations/{observationId}/otel: the span that it came as, whole, in OTLP/JSON. */
export async function getObservationOtel(
  { reader }: ProjectRequest,
  c: Context<HttpEnv>,
): Promise<TracesData> {
  const text = await otelOfObservation(reader, pathParam(c, "observationId"));
  if (text === undefined) throw notFound("There is no such observation in this project.");
  if (text === "") throw notFound("This observation did not come over OpenTelemetry.");
  const span: OtelSpan = JSON.parse(text);
  return tracesData([span]);
}
