import { millisOf } from "../../time.ts";
import * as by from "./emitters.ts";
import { attribute, eventAttributes, quoted } from "./reader.ts";
import type { Source, SpanReader } from "./reader.ts";
import { asNumber, asText } from "./values.ts";

/** How a call went: level, message, and when its answer began. (otlp.md §2.4) */

/** The numbers of the status enum of OTLP. */
const status = { ok: 1, error: 2 } as const;

const levelSources: readonly Source[] = [
  attribute("langfuse.observation.level", by.langfuse),
  { key: "span status", by: by.openTelemetry, read: statusLevel },
  { key: "event exception", by: by.openTelemetry, read: exceptionLevel },
  { key: "span name (livekit-agents)", by: by.liveKit, read: noiseLevel },
];

const levels: ReadonlyMap<string, string> = new Map([
  ...["DEBUG", "TRACE", "VERBOSE"].map((alias) => [alias, "DEBUG"] as const),
  ...["DEFAULT", "INFO", "LOG", "NOTICE", "OK", "SUCCESS"].map(
    (alias) => [alias, "DEFAULT"] as const,
  ),
  ...["WARNING", "WARN"].map((alias) => [alias, "WARNING"] as const),
  ...["ERROR", "FATAL", "CRITICAL"].map((alias) => [alias, "ERROR"] as const),
]);

/** Null when nothing tells: then it is the default. */
export function levelOf(span: SpanReader): string | null {
  return span.first(
    "level",
    levelSources,
    (value) => levels.get(String(value).trim().toUpperCase()) ?? null,
  );
}

function statusLevel({ span }: SpanReader): string | null {
  return span.statusCode === status.error ? "ERROR" : null;
}

/** What was recorded as an exception failed, unless the span says that it ended well. */
function exceptionLevel(span: SpanReader): string | null {
  const isFine = span.span.statusCode === status.ok;
  return !isFine && span.events("exception").length > 0 ? "ERROR" : null;
}

const liveKitNoise: ReadonlySet<string> = new Set([
  "user_speaking",
  "eou_detection",
  "llm_request_run",
  "tts_node",
  "tts_request",
  "tts_request_run",
  "tts_stream_adapter",
  "agent_speaking",
  "drain_agent_activity",
  "on_exit",
  "on_enter",
  "llm_fallback_adapter",
  "tts_fallback_adapter",
  "start_agent_activity",
]);

function noiseLevel({ scope, span }: SpanReader): string | null {
  return scope === "livekit-agents" && liveKitNoise.has(span.name) ? "DEBUG" : null;
}

const messageSources: readonly Source[] = [
  attribute("langfuse.observation.status_message", by.langfuse),
  { key: "span status message", by: by.openTelemetry, read: ({ span }) => span.statusMessage },
  { key: "event exception", by: by.openTelemetry, read: exceptionMessage },
];

export function statusMessageOf(span: SpanReader): string | null {
  return span.first("status_message", messageSources, asText);
}

/** Of the last exception: the earlier ones led to it. */
function exceptionMessage(span: SpanReader): string | null {
  const event = span.events("exception").at(-1);
  if (!event) return null;
  const attributes = eventAttributes(event);
  const type = asText(attributes["exception.type"]);
  const message = asText(attributes["exception.message"]);
  return type !== null && message !== null ? `${type}: ${message}` : (message ?? type);
}

/** A moment, or how long after the span's start it was. */
const completionStartSources: readonly Source[] = [
  moment("langfuse.observation.completion_start_time", by.langfuse),
  after("ai.response.msToFirstChunk", 1, by.aiSdk),
  after("ai.stream.msToFirstChunk", 1, by.aiSdk),
  after("gen_ai.response.time_to_first_chunk", 1000, by.genAi),
  after("gen_ai.server.ttft", 1000, by.openLit),
  after("lk.response.ttft", 1000, by.liveKit),
  after("metrics.ttfb", 1000, by.pipecat),
  moment("mastra.completion_start_time", by.mastra),
];

/** Epoch milliseconds; offsets count from `startMs` and are rounded up. */
export function completionStartOf(span: SpanReader, startMs: number): number | null {
  return span.first("completion_start_time", completionStartSources, (value) => {
    if (typeof value === "string") {
      const at = millisOf(value);
      return Number.isNaN(at) ? null : at;
    }
    return typeof value === "number" ? startMs + value : null;
  });
}

function moment(key: string, emitter: string): Source {
  const source = quoted(key, emitter);
  return { ...source, read: (span) => asText(source.read(span)) };
}

function after(key: string, millisPerUnit: number, emitter: string): Source {
  return {
    key,
    by: emitter,
    read: (span) => {
      const offset = asNumber(span.attribute(key));
      if (offset === null || offset < 0) return null;
      // Seconds times a thousand: 1.1 gives 1100.0000000000002.
      return Math.ceil(Number((offset * millisPerUnit).toFixed(6)));
    },
  };
}
