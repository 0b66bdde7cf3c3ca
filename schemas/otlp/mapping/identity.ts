import { environmentOf } from "../../dialects/langfuse-fields.ts";
import * as by from "./emitters.ts";
import { attribute, quoted, resource } from "./reader.ts";
import type { Source, SpanReader } from "./reader.ts";
import { asList, asText, asTruthyText, isTrue } from "./values.ts";

/** What a span is called and whom it belongs to. (otlp.md §2.3, §2.4) */

const nameSources: readonly Source[] = [
  attribute("gen_ai.tool.name", by.genAi),
  attribute("genkit:name", by.genkit),
  attribute("logfire.msg", by.logfire),
  attribute("ai.toolCall.name", by.aiSdk),
  { key: "ai.operationId", by: by.aiSdk, read: aiOperation },
  attribute("langsmith.trace.name", by.langSmith),
  { key: "span name", by: by.openTelemetry, read: ({ span }) => span.name },
];

export function observationName(span: SpanReader): string | null {
  return span.first("name", nameSources, asText);
}

/** `functionId` is what the caller named the call. */
function aiOperation(span: SpanReader): string | null {
  const operation = asText(span.attribute("ai.operationId"));
  if (operation === null) return null;
  const functionId = asText(span.attribute("ai.telemetry.functionId"));
  return functionId === null ? operation : `${functionId}:${operation}`;
}

const traceNameSources = [attribute("langfuse.trace.name", by.langfuse)];

/** The name that the client gave to the trace as a whole. */
export function traceName(span: SpanReader): string | null {
  return span.first("trace.name", traceNameSources, asText);
}

const userSources: readonly Source[] = [
  attribute("langfuse.user.id", by.langfuseCompat),
  attribute("user.id", by.langfuse),
  attribute("langfuse.observation.metadata.langfuse_user_id", by.langfuseCompat),
  attribute("langfuse.trace.metadata.langfuse_user_id", by.langfuseCompat),
  attribute("ai.telemetry.metadata.userId", by.aiSdk),
  attribute("traceloop.association.properties.user_id", by.traceloop),
  quoted("mlflow.trace.user", by.mlflow),
  attribute("langsmith.metadata.user_id", by.langSmith),
  attribute("mastra.metadata.userId", by.mastra),
];

const sessionSources: readonly Source[] = [
  attribute("langfuse.session.id", by.langfuseCompat),
  attribute("session.id", by.langfuse),
  attribute("gen_ai.conversation.id", by.genAi),
  attribute("langfuse.observation.metadata.langfuse_session_id", by.langfuseCompat),
  attribute("langfuse.trace.metadata.langfuse_session_id", by.langfuseCompat),
  attribute("ai.telemetry.metadata.sessionId", by.aiSdk),
  attribute("traceloop.association.properties.session_id", by.traceloop),
  quoted("mlflow.trace.session", by.mlflow),
  attribute("langsmith.metadata.session_id", by.langSmith),
  attribute("langsmith.metadata.thread_id", by.langSmith),
  attribute("gcp.vertex.agent.session_id", by.googleAdk),
  attribute("genkit:sessionId", by.genkit),
  attribute("spring.ai.chat.client.conversation.id", by.springAi),
  attribute("mastra.metadata.sessionId", by.mastra),
];

/** Whose attributes speak of the trace as a whole (otlp.md §3.1, triggers); the others speak of their own span. */
const speakOfTheTrace: ReadonlySet<string> = new Set([by.langfuse, by.langfuseCompat, by.aiSdk]);

/** An id, and whether it was said of the trace as a whole. */
export interface Belonging {
  readonly id: string;
  readonly isOfTrace: boolean;
}

export function userOf(span: SpanReader): Belonging | null {
  return belonging(span, "trace.user_id", userSources);
}

export function sessionOf(span: SpanReader): Belonging | null {
  return belonging(span, "trace.session_id", sessionSources);
}

function belonging(span: SpanReader, field: string, sources: readonly Source[]): Belonging | null {
  const found = span.winner(field, sources, asTruthyText);
  return found && { id: found.value, isOfTrace: speakOfTheTrace.has(found.source.by) };
}

const tagSources: readonly Source[] = [
  attribute("langfuse.trace.tags", by.langfuse),
  attribute("langfuse.tags", by.langfuseCompat),
  attribute("langfuse.observation.metadata.langfuse_tags", by.langfuseCompat),
  attribute("langfuse.trace.metadata.langfuse_tags", by.langfuseCompat),
  attribute("ai.telemetry.metadata.tags", by.aiSdk),
  attribute("tag.tags", by.openInference),
  attribute("langsmith.span.tags", by.langSmith),
];

export function tagsOf(span: SpanReader): readonly string[] | null {
  return span.first("trace.tags", tagSources, asTags);
}

/** A list, the JSON text of one, or text with commas between. */
function asTags(value: unknown): readonly string[] | null {
  const list = asList(value) ?? (typeof value === "string" ? value.split(",") : null);
  const tags = list?.flatMap((tag) => asText(tag)?.trim() || []) ?? [];
  return tags.length > 0 ? tags : null;
}

const publicSources: readonly Source[] = [
  attribute("langfuse.trace.public", by.langfuse),
  attribute("langfuse.public", by.langfuseCompat),
];

export function isPublic(span: SpanReader): boolean {
  return span.first("trace.public", publicSources, isTrue) === true;
}

const environmentSources: readonly Source[] = [
  "langfuse.environment",
  "deployment.environment.name",
  "deployment.environment",
].flatMap((key) => {
  const emitter = key === "langfuse.environment" ? by.langfuse : by.openTelemetry;
  return [attribute(key, emitter), resource(key, emitter)];
});

/** Null when none was named, or when the first one named cannot be used: then it is the default. */
export function environment(span: SpanReader): string | null {
  const found = span.first("environment", environmentSources, (value) => ({ value }));
  return found && environmentOf(found.value);
}

const versionSources: readonly Source[] = [
  attribute("langfuse.version", by.langfuse),
  resource("service.version", by.openTelemetry),
];

export function versionOf(span: SpanReader): string | null {
  return span.first("version", versionSources, asText);
}

const releaseSources: readonly Source[] = [
  attribute("langfuse.release", by.langfuse),
  resource("langfuse.release", by.langfuse),
];

export function releaseOf(span: SpanReader): string | null {
  return span.first("trace.release", releaseSources, asText);
}

/** How a span stands in its trace: its true root, a root because the SDK says so, or below another span. */
export type Standing = "root" | "marked root" | "child";

const rootMarks: readonly Source[] = [
  attribute("langfuse.internal.as_root", by.langfuse),
  attribute("langfuse.internal.is_app_root", by.langfuse),
];

export function standingOf(span: SpanReader): Standing {
  const isMarked = span.first("root", rootMarks, (value) => isTrue(value) || null);
  if (span.span.parentSpanId === "") return "root";
  return isMarked ? "marked root" : "child";
}
