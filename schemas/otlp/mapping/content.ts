import * as ai from "./content-ai.ts";
import * as conventions from "./content-conventions.ts";
import * as by from "./emitters.ts";
import { flattened } from "./flattened.ts";
import { withTools } from "./messages.ts";
import { attribute, quoted, within } from "./reader.ts";
import type { Source, SpanReader } from "./reader.ts";
import { asList, asText, member, parsed } from "./values.ts";

/**
 * Where input and output come from. The first rule that has either gives both, so that the two belong together; what
 * later rules would have given stays among the span's other attributes. (otlp.md §2.6)
 */
export interface ContentRule {
  readonly input: readonly Source[];
  readonly output: readonly Source[];
  /** Only for spans of which this holds. */
  readonly applies?: (span: SpanReader) => boolean;
  /** Nothing after it is asked, even when it has neither side. */
  readonly isLast?: boolean;
}

const rules: readonly ContentRule[] = [
  {
    input: [attribute("langfuse.observation.input", by.langfuse)],
    output: [attribute("langfuse.observation.output", by.langfuse)],
  },
  {
    applies: ({ scope }) => scope === "genkit-tracer",
    isLast: true,
    input: [within("genkit:input", ["messages"], by.genkit), attribute("genkit:input", by.genkit)],
    output: [
      within("genkit:output", ["message"], by.genkit),
      attribute("genkit:output", by.genkit),
    ],
  },
  ai.rule,
  {
    applies: ({ scope }) => scope === "@flue/opentelemetry",
    input: [
      quoted("flue.turn.input", by.flue),
      quoted("flue.tool.arguments", by.flue),
      quoted("flue.task.prompt", by.flue),
      quoted("flue.workflow.payload", by.flue),
    ],
    output: [
      quoted("flue.turn.output", by.flue),
      quoted("flue.tool.result", by.flue),
      quoted("flue.task.result", by.flue),
      quoted("flue.operation.result", by.flue),
      quoted("flue.workflow.result", by.flue),
    ],
  },
  conventions.operationDetails,
  conventions.messageEvents,
  conventions.contentEvents,
  {
    input: [
      captured("gcp.vertex.agent.llm_request", by.googleAdk),
      captured("gcp.vertex.agent.tool_call_args", by.googleAdk),
    ],
    output: [
      captured("gcp.vertex.agent.llm_response", by.googleAdk),
      captured("gcp.vertex.agent.tool_response", by.googleAdk),
    ],
  },
  {
    input: [attribute("prompt", by.logfire)],
    output: [attribute("all_messages_events", by.logfire)],
  },
  {
    input: [
      attribute("lk.input_text", by.liveKit),
      attribute("lk.user_transcript", by.liveKit),
      attribute("lk.chat_ctx", by.liveKit),
      attribute("lk.pii.input_text", by.liveKit),
      attribute("lk.pii.user_transcript", by.liveKit),
      attribute("lk.pii.chat_ctx", by.liveKit),
    ],
    output: [
      attribute("lk.function_tool.output", by.liveKit),
      attribute("lk.response.text", by.liveKit),
      attribute("lk.pii.function_tool.output", by.liveKit),
      attribute("lk.pii.response.text", by.liveKit),
    ],
  },
  conventions.logfireEvents,
  {
    input: [attribute("mlflow.spanInputs", by.mlflow)],
    output: [attribute("mlflow.spanOutputs", by.mlflow)],
  },
  {
    input: [attribute("traceloop.entity.input", by.traceloop)],
    output: [attribute("traceloop.entity.output", by.traceloop)],
  },
  {
    // With either of these keys the other side may still be spread over attributes.
    applies: (span) => openInferenceKeys.some((key) => asText(span.attribute(key)) !== null),
    input: [
      attribute("input.value", by.openInference),
      spread("llm.input_messages", by.openInference),
    ],
    output: [
      attribute("output.value", by.openInference),
      spread("llm.output_messages", by.openInference),
      spread("retrieval.documents", by.openInference),
      spread("reranker.output_documents", by.openInference),
    ],
  },
  {
    input: [attribute("input", by.pipecat)],
    output: [attribute("output", by.pipecat)],
  },
  {
    applies: ({ scope }) => scope.startsWith("pipecat"),
    input: [attribute("text", by.pipecat)],
    output: [attribute("transcript", by.pipecat)],
  },
  conventions.pydanticAgent,
  {
    input: [attribute("tool_arguments", by.pydanticAi)],
    output: [attribute("tool_response", by.pydanticAi)],
  },
  {
    input: [spread("gen_ai.prompt", by.traceloop, isMessagePart)],
    output: [spread("gen_ai.completion", by.traceloop, isMessagePart)],
  },
  {
    input: [spread("llm.input_messages", by.openInference)],
    output: [spread("llm.output_messages", by.openInference)],
  },
  conventions.messages,
  {
    input: [attribute("gen_ai.tool.call.arguments", by.genAi)],
    output: [attribute("gen_ai.tool.call.result", by.genAi)],
  },
  {
    input: [attribute("gen_ai.retrieval.query.text", by.genAi)],
    output: [attribute("gen_ai.retrieval.documents", by.genAi)],
  },
  {
    input: [
      spread("reranker.input_documents", by.openInference),
      spread("embedding.embeddings", by.openInference, (rest) => rest.endsWith(".embedding.text")),
    ],
    output: [
      spread("reranker.output_documents", by.openInference),
      spread("retrieval.documents", by.openInference),
    ],
  },
  {
    input: [attribute("spring.ai.tool.call.arguments", by.springAi)],
    output: [attribute("spring.ai.tool.call.result", by.springAi)],
  },
  {
    input: [ofMastra("input")],
    output: [ofMastra("output")],
  },
];

export interface Content {
  readonly input: unknown;
  readonly output: unknown;
}

/** Input, with the tools that were offered, and output; null for none. */
export function contentOf(span: SpanReader): Content {
  let found: { input: unknown; output: unknown } | null = null;
  for (const rule of rules) {
    if (rule.applies && !rule.applies(span)) continue;
    if (found) {
      span.passOver("input", rule.input);
      span.passOver("output", rule.output);
      continue;
    }
    const input = span.first("input", rule.input, asPayload);
    const output = span.first("output", rule.output, asPayload);
    if (rule.isLast || input !== null || output !== null) found = { input, output };
  }
  return {
    input: withTools(found?.input ?? null, offeredTools(span)),
    output: found?.output ?? null,
  };
}

const traceInputSources = [attribute("langfuse.trace.input", by.langfuse)];
const traceOutputSources = [attribute("langfuse.trace.output", by.langfuse)];

/** What the client gave as input and output of the trace as a whole. */
export function traceContentOf(span: SpanReader): Content {
  return {
    input: span.first("trace.input", traceInputSources, asPayload),
    output: span.first("trace.output", traceOutputSources, asPayload),
  };
}

/** Nothing but null and empty text is no payload. */
function asPayload(value: unknown): unknown {
  return value === undefined || value === "" ? null : value;
}

const openInferenceKeys = ["input.value", "output.value"];

function spread(key: string, emitter: string, isPart?: (rest: string) => boolean): Source {
  return { key: `${key}.*`, by: emitter, read: (span) => flattened(span, key, isPart) };
}

/** `gen_ai.prompt.name` and its like link a prompt; they are no message. */
function isMessagePart(rest: string): boolean {
  return !/^(?:name|version|variable)(?:\.|$)/.test(rest);
}

/** With the capture of content switched off there is an empty object. */
function captured(key: string, emitter: string): Source {
  return {
    key,
    by: emitter,
    read: (span) => {
      const value = span.attribute(key);
      return value === "{}" ? null : value;
    },
  };
}

function ofMastra(side: "input" | "output"): Source {
  return {
    key: `mastra.<span type>.${side}`,
    by: by.mastra,
    read: (span) => {
      const type = asText(span.attribute("mastra.span.type"));
      return type === null ? null : span.attribute(`mastra.${type}.${side}`);
    },
  };
}

const toolSources: readonly Source[] = [
  attribute("ai.prompt.tools", by.aiSdk),
  attribute("gen_ai.tool.definitions", by.genAi),
  within("model_request_parameters", ["function_tools"], by.pydanticAi),
  spread("llm.tools", by.openInference),
  quoted("mlflow.chat.tools", by.mlflow),
  attribute("metadata.tools", by.liteLlm),
];

function offeredTools(span: SpanReader): readonly unknown[] {
  const tools: unknown[] = [];
  span.every("tools", toolSources, (value) => {
    const list = asList(value);
    for (const tool of list ?? []) {
      tools.push(parsed(member(member(tool, "tool"), "json_schema") ?? tool));
    }
    return list !== null;
  });
  return tools;
}
