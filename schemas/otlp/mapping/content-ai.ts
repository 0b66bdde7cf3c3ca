import { operationInput, operationOutput } from "./content-conventions.ts";
import type { ContentRule } from "./content.ts";
import * as by from "./emitters.ts";
import { attribute } from "./reader.ts";
import type { Source, SpanReader } from "./reader.ts";
import { asList, asTruthyText, parsed } from "./values.ts";

/** The Vercel AI SDK until version 6; from 7 on it writes the GenAI conventions. (otlp.md §2.6 #3) */
export const rule: ContentRule = {
  applies: ({ scope }) => scope === "ai",
  isLast: true,
  input: [
    attribute("ai.prompt.messages", by.aiSdk),
    attribute("ai.prompt", by.aiSdk),
    attribute("ai.toolCall.args", by.aiSdk),
    attribute("ai.value", by.aiSdk),
    { key: "ai.values", by: by.aiSdk, needs: "ai.values", read: embeddedValues },
    operationInput,
    attribute("gen_ai.tool.call.arguments", by.genAi),
  ],
  output: [
    { key: "ai.response.text + ai.response.toolCalls", by: by.aiSdk, read: answerWithCalls },
    truthy("ai.response.text"),
    truthy("ai.result.text"),
    truthy("ai.toolCall.result"),
    truthy("ai.response.object"),
    truthy("ai.result.object"),
    truthy("ai.response.toolCalls"),
    truthy("ai.result.toolCalls"),
    operationOutput,
    attribute("gen_ai.tool.call.result", by.genAi),
  ],
};

/** Each of them is JSON text. */
function embeddedValues(span: SpanReader): unknown {
  return asList(span.attribute("ai.values"))?.map(parsed);
}

/** The calls stay text within. */
function answerWithCalls(span: SpanReader): unknown {
  const content = asTruthyText(span.attribute("ai.response.text"));
  const calls = asTruthyText(span.attribute("ai.response.toolCalls"));
  if (content === null || calls === null) return null;
  return { role: "assistant", content, tool_calls: calls };
}

function truthy(key: string): Source {
  return { key, by: by.aiSdk, read: (span) => span.attribute(key) || null };
}
