import { isGenAiEvent } from "../../schemas/otlp/event-facts.ts";
import { decodeJsonLogs, decodeProtobufLogs, logEventOf } from "../../schemas/otlp/log-request.ts";
import type { OtelEvent, OtelSpan } from "../../schemas/otlp/span.ts";
import { textOf } from "../runtime/http/text.ts";
import type { Gateway } from "./app.ts";
import type { Outcome } from "./otlp-answers.ts";
import type { ExportRequest } from "./otlp-export.ts";
import { decoded, recordsOf } from "./otlp-traces.ts";

/**
 * Keeps the GenAI events among log records, those of one span as one record, because an input may be spread over many
 * (otlp.md §6 #18). Other logs are counted and answered with success: they often go wherever the traces go.
 */
export async function exportLogs(
  gateway: Gateway,
  { source, encoding, body }: ExportRequest,
): Promise<Outcome> {
  const { spans, refused } = decoded(encoding, "Logs", () =>
    encoding === "protobuf" ? decodeProtobufLogs(body) : decodeJsonLogs(textOf(body)),
  );
  const total = spans.length + refused.length;
  const groups = new Map<string, SpanEvents>();
  let kept = 0;
  for (const span of spans) {
    const event = logEventOf(span);
    if (!event || !isGenAiEvent(event)) continue;
    kept += 1;
    const key = `${span.traceId}\r${span.spanId}`;
    const group = groups.get(key);
    if (group) group.events.push(event);
    else groups.set(key, { ...span, events: [event] });
  }
  const accepted = await recordsOf([...groups.values()], new Map());
  const position = await gateway.accept(source, "otlp-events", accepted);
  const rejected = total - kept + (groups.size - accepted.length);
  const message =
    rejected === 0
      ? ""
      : `${rejected} of ${total} log records were not kept: only GenAI events that name their span are.`;
  return { total, rejected, message, position };
}

interface SpanEvents extends OtelSpan {
  readonly events: OtelEvent[];
}
