import { setImmediate as nextTurn } from "node:timers/promises";

import { ApiError, bodyTooLarge } from "../../schemas/errors.ts";
import { decodeJsonRequest } from "../../schemas/otlp/json-request.ts";
import { decodeProtobufRequest } from "../../schemas/otlp/protobuf-request.ts";
import { RequestError } from "../../schemas/otlp/request.ts";
import type { DecodedRequest } from "../../schemas/otlp/request.ts";
import type { OtelSpan } from "../../schemas/otlp/span.ts";
import { textOf } from "../runtime/http/text.ts";
import type { AcceptedEvent } from "./accept.ts";
import type { Gateway } from "./app.ts";
import type { Encoding, Outcome } from "./otlp-answers.ts";
import type { ExportRequest } from "./otlp-export.ts";

/** Keeps the spans of an export: one record each, for the spans of a trace may come in any number of requests. */
export async function exportTraces(
  gateway: Gateway,
  { source, encoding, body, check }: ExportRequest,
): Promise<Outcome> {
  const { spans, refused } = decodeTraces(body, encoding);
  const total = spans.length + refused.length;
  if (total === 0) return { total, rejected: 0, message: "", position: null };
  const reasons = new Map<string, number>();
  for (const { reason } of refused) count(reasons, reason);
  const accepted = await recordsOf(spans, reasons);
  if (accepted.length === 0) throw nothingUsable(total, reasons);
  check?.();
  const position = await gateway.accept(source, "otlp", accepted);
  const rejected = total - accepted.length;
  const message = rejected === 0 ? "" : sentenceOf(rejected, total, reasons);
  return { total, rejected, message, position };
}

/** The spans of a request, and which of them cannot be kept. Throws a 400 or 413 ApiError when it cannot be read. */
export function decodeTraces(body: Buffer, encoding: Encoding): DecodedRequest {
  return decoded(encoding, "Trace", () =>
    encoding === "protobuf" ? decodeProtobufRequest(body) : decodeJsonRequest(textOf(body)),
  );
}

/** What `decode` returns; what it cannot read becomes an answer in Langfuse's words (otlp.md §1.4). */
export function decoded(
  encoding: Encoding,
  signal: "Trace" | "Logs",
  decode: () => DecodedRequest,
): DecodedRequest {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    const { kind, message } = error;
    if (kind === "too_large") throw new ApiError(413, { message, error: "PayloadTooLargeError" });
    const form = encoding === "protobuf" ? "Protobuf" : "JSON";
    throw new ApiError(400, { message, error: `Failed to parse OTel ${form} ${signal}` });
  }
}

/** Spans as records; those that are too large for one are left out and counted among the reasons. Throws 413. */
export async function recordsOf(
  spans: readonly OtelSpan[],
  reasons: Map<string, number>,
): Promise<AcceptedEvent[]> {
  const accepted: AcceptedEvent[] = [];
  let characters = 0;
  for (const [index, span] of spans.entries()) {
    if ((index + 1) % spansPerTurn === 0) await nextTurn();
    const body = JSON.stringify(span);
    if (body.length > spanCharactersMax) {
      count(reasons, "span:too_large");
      continue;
    }
    characters += body.length;
    if (characters > recordCharactersMax) throw bodyTooLarge();
    accepted.push({ owner: { traceId: span.traceId, id: span.spanId }, body, isPlain: true });
  }
  return accepted;
}

/** Others get their turn in between, so that no batch stops the process. */
const spansPerTurn = 500;

/** Of one span as a record, which takes up to three bytes for each: the log takes 32 MiB. */
const spanCharactersMax = 10_000_000;

/**
 * Of all records of a request. Each holds its resource, so that a large one with many small spans would become many
 * times what was sent; the log takes 64 MiB at once.
 */
const recordCharactersMax = 60_000_000;

function count(reasons: Map<string, number>, reason: string): void {
  reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
}

function nothingUsable(total: number, reasons: ReadonlyMap<string, number>): ApiError {
  const isLikeLogs = reasons.has("traceId:absent") || reasons.has("spanId:absent");
  const hint = isLikeLogs ? " OTLP logs have a path of their own: /v1/logs." : "";
  const message = `${sentenceOf(total, total, reasons)}${hint}`;
  return new ApiError(400, { message, error: message });
}

/** `2 of 512 spans were not kept: traceId:absent (1), spanId:not_an_id (1).` */
function sentenceOf(rejected: number, total: number, reasons: ReadonlyMap<string, number>): string {
  const most = [...reasons].toSorted(([, a], [, b]) => b - a);
  const shown = most.slice(0, reasonsShownMax).map(([reason, times]) => `${reason} (${times})`);
  const more = most.length > shown.length ? ", and others" : "";
  return `${rejected} of ${total} spans were not kept: ${shown.join(", ")}${more}.`;
}

const reasonsShownMax = 10;
