import type { Context, Hono } from "hono";

import { ApiError } from "../../schemas/errors.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import type { Gateway } from "./app.ts";
import { sourceOf, tellPosition } from "./ingest.ts";
import { exported } from "./otlp-answers.ts";
import type { RejectedField } from "./otlp-answers.ts";
import { otlpExplain } from "./otlp-explain.ts";
import { exporters } from "./otlp-export.ts";
import type { Export } from "./otlp-export.ts";
import { otlpHandler } from "./otlp-http.ts";

/** Where exporters may send to: Langfuse's address, whose answers its SDKs know, and that of any OTLP server. */
const bases = [
  { path: "/api/public/otel", isLangfuse: true },
  { path: "", isLangfuse: false },
];

const signals: readonly { path: string; run: Export; rejected: RejectedField }[] = [
  { path: "/v1/traces", run: exporters.traces, rejected: "rejectedSpans" },
  { path: "/v1/logs", run: exporters.logs, rejected: "rejectedLogRecords" },
  { path: "/v1/metrics", run: exporters.metrics, rejected: "rejectedDataPoints" },
];

/** OTLP over HTTP (otlp.md §1). */
export function otlpRoutes(app: Hono<HttpEnv>, gateway: Gateway): void {
  const { limits } = gateway.otlp;
  for (const base of bases) {
    const wrongTypeStatus = base.isLangfuse ? 400 : 415;
    for (const { path, run, rejected } of signals) {
      app.post(
        base.path + path,
        otlpHandler(gateway, { wrongTypeStatus, limits }, async (c, { caller, encoding, body }) => {
          const source = sourceOf(c, caller);
          const check = base.isLangfuse ? () => checkIngestionVersion(c) : () => {};
          const outcome = await run(gateway, { source, encoding, body, check });
          const line = c.get("line");
          line.events = outcome.total;
          line.rejected = outcome.rejected;
          tellPosition(c, outcome.position);
          return exported(c, encoding, rejected, outcome);
        }),
      );
    }
  }
  otlpExplain(app, gateway);
}

/** Which of Langfuse's ways of writing is asked for: all end in the same rows here, but there are only four (§1.6). */
function checkIngestionVersion(c: Context<HttpEnv>): void {
  const name = "x-langfuse-ingestion-version";
  const raw = c.req.header(name) ?? c.req.header(name.replaceAll("-", "_"));
  if (raw === undefined) return;
  // Reads `4.0` as 4, as Langfuse does.
  const version = Number.parseInt(raw, 10);
  if (version <= ingestionVersionMax) return;
  const message = `Unsupported ${name}: "${raw}". Maximum supported: "${ingestionVersionMax}".`;
  throw new ApiError(400, { message, error: message });
}

const ingestionVersionMax = 4;
