import * as by from "./emitters.ts";
import type { Source, SpanReader } from "./reader.ts";
import { asText, parsed } from "./values.ts";

/**
 * What kind of observation a span is: the first line that knows its value decides, an unknown value falls through to
 * the next line. (otlp.md §2.5)
 */
const typeSources: readonly Source[] = [
  { key: "generation of Python SDK 3.0 to 3.3", by: by.langfuse, read: unmarkedGeneration },
  oneOf("langfuse.observation.type", by.langfuse, {
    span: "SPAN",
    generation: "GENERATION",
    event: "EVENT",
    embedding: "EMBEDDING",
    agent: "AGENT",
    tool: "TOOL",
    chain: "CHAIN",
    retriever: "RETRIEVER",
    guardrail: "GUARDRAIL",
    evaluator: "EVALUATOR",
  }),
  oneOf("openinference.span.kind", by.openInference, spanKinds()),
  oneOf("gen_ai.operation.name", by.genAi, {
    chat: "GENERATION",
    completion: "GENERATION",
    text_completion: "GENERATION",
    generate_content: "GENERATION",
    generate: "GENERATION",
    embeddings: "EMBEDDING",
    invoke_agent: "AGENT",
    create_agent: "AGENT",
    execute_tool: "TOOL",
    invoke_workflow: "CHAIN",
    retrieval: "RETRIEVER",
    rerank: "RETRIEVER",
  }),
  oneOf("genkit:metadata:subtype", by.genkit, {
    model: "GENERATION",
    "background-model": "GENERATION",
    embedder: "EMBEDDING",
    tool: "TOOL",
    "tool.v2": "TOOL",
    retriever: "RETRIEVER",
    evaluator: "EVALUATOR",
  }),
  oneOf("traceloop.span.kind", by.traceloop, {
    workflow: "CHAIN",
    task: "SPAN",
    agent: "AGENT",
    tool: "TOOL",
  }),
  oneOf("mlflow.spanType", by.mlflow, {
    LLM: "GENERATION",
    CHAT_MODEL: "GENERATION",
    AGENT: "AGENT",
    TOOL: "TOOL",
    CHAIN: "CHAIN",
    RETRIEVER: "RETRIEVER",
    RERANKER: "RETRIEVER",
    EMBEDDING: "EMBEDDING",
    GUARDRAIL: "GUARDRAIL",
    EVALUATOR: "EVALUATOR",
  }),
  oneOf("langsmith.span.kind", by.langSmith, {
    llm: "GENERATION",
    chain: "CHAIN",
    tool: "TOOL",
    retriever: "RETRIEVER",
    embedding: "EMBEDDING",
    prompt: "SPAN",
    parser: "SPAN",
  }),
  oneOf("fi.span.kind", by.traceAi, spanKinds()),
  oneOf("mastra.span.type", by.mastra, {
    agent_run: "AGENT",
    model_generation: "GENERATION",
    llm_generation: "GENERATION",
    tool_call: "TOOL",
    mcp_tool_call: "TOOL",
    workflow_run: "CHAIN",
  }),
  oneOf("spring.ai.kind", by.springAi, {
    chat_client: "CHAIN",
    advisor: "SPAN",
    vector_store: "RETRIEVER",
    tool_call: "TOOL",
  }),
  { key: "operation.name", by: by.aiSdk, read: aiCall },
  oneOf("ai.operationId", by.aiSdk, { "ai.toolCall": "TOOL" }),
  { key: "operation.name (tool)", by: by.aiSdk, read: aiToolCall },
  anyOf(["gen_ai.tool.name", "gen_ai.tool.call.id"], by.genAi, "TOOL"),
  anyOf(["flue.tool.name", "flue.tool.call_id"], by.flue, "TOOL"),
  anyOf(["flue.task.id", "flue.task.agent"], by.flue, "AGENT"),
  { key: "span name (livekit-agents)", by: by.liveKit, read: liveKitKind },
  anyOf(
    [
      "langfuse.observation.model.name",
      "gen_ai.request.model",
      "gen_ai.response.model",
      "llm.model_name",
      "model",
    ],
    "any that names a model",
    "GENERATION",
  ),
];

/** One of the ten types of the contract; null when nothing tells, which makes it a SPAN. */
export function observationType(span: SpanReader): string | null {
  return span.first("type", typeSources, asText);
}

function spanKinds(): Readonly<Record<string, string>> {
  return {
    LLM: "GENERATION",
    CHAIN: "CHAIN",
    RETRIEVER: "RETRIEVER",
    EMBEDDING: "EMBEDDING",
    AGENT: "AGENT",
    TOOL: "TOOL",
    GUARDRAIL: "GUARDRAIL",
    EVALUATOR: "EVALUATOR",
  };
}

/** A value that the table knows; a list of one counts as its only value. */
function oneOf(key: string, emitter: string, types: Readonly<Record<string, string>>): Source {
  const known = new Map(Object.entries(types));
  return {
    key,
    by: emitter,
    read: (span) => {
      const value = parsed(span.attribute(key));
      return known.get(String(Array.isArray(value) && value.length === 1 ? value[0] : value));
    },
  };
}

/** Whatever the value, when there is one. */
function anyOf(keys: readonly string[], emitter: string, type: string): Source {
  return {
    key: keys.join(" | "),
    by: emitter,
    read: (span) => (keys.some((key) => asText(span.attribute(key)) !== null) ? type : null),
  };
}

const aiCalls: ReadonlyMap<string, string> = new Map([
  ["ai.generateText.doGenerate", "GENERATION"],
  ["ai.generateObject.doGenerate", "GENERATION"],
  ["ai.streamText.doStream", "GENERATION"],
  ["ai.streamObject.doStream", "GENERATION"],
  ["ai.embed.doEmbed", "EMBEDDING"],
  ["ai.embedMany.doEmbed", "EMBEDDING"],
]);

const aiModelKeys = ["gen_ai.request.model", "gen_ai.response.model", "ai.model.id", "model"];

/** Only the inner spans, which call the model, are generations: the outer ones repeat their usage. */
function aiCall(span: SpanReader): string | null {
  const operation = asText(span.attribute("operation.name")) ?? "";
  const id = asText(span.attribute("ai.operationId"));
  for (const [name, type] of aiCalls) {
    if (id !== name && !operation.startsWith(name)) continue;
    return aiModelKeys.some((key) => asText(span.attribute(key)) !== null) ? type : null;
  }
  return null;
}

function aiToolCall(span: SpanReader): string | null {
  return asText(span.attribute("operation.name"))?.startsWith("ai.toolCall") ? "TOOL" : null;
}

const liveKitKinds: ReadonlyMap<string, string> = new Map([
  ["agent_turn", "AGENT"],
  ["start_agent_activity", "AGENT"],
  ["function_tool", "TOOL"],
]);

function liveKitKind({ scope, span }: SpanReader): string | null {
  return scope === "livekit-agents" ? (liveKitKinds.get(span.name) ?? null) : null;
}

const generationKeys = [
  "langfuse.observation.model.name",
  "langfuse.observation.usage_details",
  "langfuse.observation.cost_details",
  "langfuse.observation.completion_start_time",
  "langfuse.observation.model.parameters",
  "langfuse.observation.prompt.name",
  "langfuse.observation.prompt.version",
];

/** Python SDKs until 3.3 sent generations as spans. */
function unmarkedGeneration(span: SpanReader): string | null {
  const { name, version } = span.span.scope;
  if (name !== "langfuse-sdk" || !/^(?:$|3\.[0-3](?:\D|$))/.test(version)) return null;
  if (span.resource("telemetry.sdk.language") !== "python") return null;
  if (span.attribute("langfuse.observation.type") !== "span") return null;
  const isGeneration = generationKeys.some((key) => asText(span.attribute(key)) !== null);
  return isGeneration ? "GENERATION" : null;
}
