import { exportLogs } from "./otlp-logs.ts";
import { exportTraces } from "./otlp-traces.ts";
import type { Gateway } from "./app.ts";
import type { Source } from "./accept.ts";
import type { Encoding, Outcome } from "./otlp-answers.ts";

/** One export request, whichever way it came. */
export interface ExportRequest {
  readonly source: Source;
  readonly encoding: Encoding;
  /** Inflated. */
  readonly body: Buffer;
  /** Throws an ApiError for what else keeps the request out; asked once there is something to keep (otlp.md §1.2). */
  readonly check?: () => void;
}

/** Keeps what an export brings. Resolves when that is durable; rejects with an ApiError when nothing of it is kept. */
export type Export = (gateway: Gateway, request: ExportRequest) => Promise<Outcome>;

export const exporters: Readonly<Record<"traces" | "logs" | "metrics", Export>> = {
  traces: exportTraces,
  logs: exportLogs,
  // Nothing is made of them; a refusal would only fill the logs of those who send all signals to one place.
  metrics: async () => ({ total: 0, rejected: 0, message: "", position: null }),
};
