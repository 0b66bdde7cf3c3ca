import type { Hono } from "hono";

import { explainRequest } from "../../schemas/otlp/explain-request.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import type { Gateway } from "./app.ts";
import { sourceOf } from "./ingest.ts";
import { otlpHandler } from "./otlp-http.ts";
import { decodeTraces } from "./otlp-traces.ts";

/**
 * `POST /api/public/x/otel/explain`: what would become of an export, and why. Nothing is stored, and the answer is JSON
 * for either encoding. Smaller requests than an export's: the answer is many times as large.
 */
export function otlpExplain(app: Hono<HttpEnv>, gateway: Gateway): void {
  const limits = { ...gateway.limits, takesBrotli: true };
  app.post(
    "/api/public/x/otel/explain",
    otlpHandler(gateway, { wrongTypeStatus: 415, limits }, async (c, request) => {
      sourceOf(c, request.caller);
      return c.json(explainRequest(decodeTraces(request.body, request.encoding)));
    }),
  );
}
