import { describe, expect, test } from "vitest";

import { readerOf } from "../testing.ts";
import type { PlainMap, SpanParts } from "../testing.ts";
import { observationType } from "./type.ts";

function typeOf(attributes: PlainMap, parts: SpanParts = {}): string | null {
  return observationType(readerOf({ ...parts, attributes }));
}

describe("otlp.md §2.5", () => {
  test.each<[string, string, string | null]>([
    ["langfuse.observation.type", "guardrail", "GUARDRAIL"],
    ["langfuse.observation.type", "AGENT", null],
    ["langfuse.observation.type", "constructor", null],
    ["langfuse.observation.type", "__proto__", null],
    ["openinference.span.kind", "LLM", "GENERATION"],
    ["openinference.span.kind", "llm", null],
    ["openinference.span.kind", "toString", null],
    ["openinference.span.kind", "RERANKER", null],
    ["gen_ai.operation.name", "chat", "GENERATION"],
    ["gen_ai.operation.name", "generate_content", "GENERATION"],
    ["gen_ai.operation.name", "embeddings", "EMBEDDING"],
    ["gen_ai.operation.name", "create_agent", "AGENT"],
    ["gen_ai.operation.name", "execute_tool", "TOOL"],
    ["gen_ai.operation.name", "framework", null],
    ["genkit:metadata:subtype", "background-model", "GENERATION"],
    ["genkit:metadata:subtype", "tool.v2", "TOOL"],
    ["traceloop.span.kind", "workflow", "CHAIN"],
    ["traceloop.span.kind", "task", "SPAN"],
    ["mlflow.spanType", '"CHAT_MODEL"', "GENERATION"],
    ["mlflow.spanType", "RERANKER", "RETRIEVER"],
    ["langsmith.span.kind", "retriever", "RETRIEVER"],
    ["fi.span.kind", "TOOL", "TOOL"],
    ["mastra.span.type", "workflow_run", "CHAIN"],
    ["spring.ai.kind", "chat_client", "CHAIN"],
    ["ai.operationId", "ai.toolCall", "TOOL"],
    ["gen_ai.tool.name", "search", "TOOL"],
    ["gen_ai.tool.call.id", "call-1", "TOOL"],
    ["flue.tool.call_id", "1", "TOOL"],
    ["flue.task.agent", "researcher", "AGENT"],
    ["langfuse.observation.model.name", "m", "GENERATION"],
    ["gen_ai.request.model", "m", "GENERATION"],
    ["gen_ai.response.model", "m", "GENERATION"],
    ["llm.model_name", "m", "GENERATION"],
    ["model", "m", "GENERATION"],
    ["model", "", null],
    ["embedding.model_name", "m", null],
  ])("%s of %s is %s", (key, value, type) => {
    expect(typeOf({ [key]: value })).toBe(type);
  });

  test("an unknown value leaves the choice to the next line", () => {
    expect(
      typeOf({ "langfuse.observation.type": "unheard-of", "openinference.span.kind": "AGENT" }),
    ).toBe("AGENT");
    expect(typeOf({ "gen_ai.operation.name": "constructor", "gen_ai.tool.name": "t" })).toBe(
      "TOOL",
    );
    expect(typeOf({ "gen_ai.operation.name": ["chat"] })).toBe("GENERATION");
    expect(typeOf({ "gen_ai.operation.name": ["chat", "chat"] })).toBeNull();
  });

  test("of the AI SDK's spans only those that call a model with a name are generations", () => {
    const model = { "ai.model.id": "gpt-5" };
    for (const call of ["generateText.doGenerate", "streamObject.doStream"]) {
      expect(typeOf({ ...model, "ai.operationId": `ai.${call}` })).toBe("GENERATION");
      expect(typeOf({ ...model, "operation.name": `ai.${call} summarise` })).toBe("GENERATION");
      expect(typeOf({ "ai.operationId": `ai.${call}` })).toBeNull();
    }
    expect(typeOf({ ...model, "ai.operationId": "ai.embedMany.doEmbed" })).toBe("EMBEDDING");
    expect(typeOf({ ...model, "ai.operationId": "ai.generateText" })).toBeNull();
    expect(typeOf({ "operation.name": "ai.toolCall weather" })).toBe("TOOL");
  });

  test("LiveKit's spans are known by their names, within its scope only", () => {
    expect(typeOf({}, { scope: "livekit-agents", name: "function_tool" })).toBe("TOOL");
    expect(typeOf({}, { scope: "livekit-agents", name: "agent_turn" })).toBe("AGENT");
    expect(typeOf({}, { scope: "other", name: "agent_turn" })).toBeNull();
  });

  test("spans of Python SDK 3.0 to 3.3 that have what only generations have are generations", () => {
    const parts = {
      scope: "langfuse-sdk",
      scopeVersion: "3.3.4",
      resource: { "telemetry.sdk.language": "python" },
    };
    const attributes = {
      "langfuse.observation.type": "span",
      "langfuse.observation.usage_details": "{}",
    };
    expect(typeOf(attributes, parts)).toBe("GENERATION");
    expect(typeOf(attributes, { ...parts, scopeVersion: "" })).toBe("GENERATION");
    expect(typeOf(attributes, { ...parts, scopeVersion: "3.4.0" })).toBe("SPAN");
    expect(typeOf(attributes, { ...parts, scopeVersion: "3.30.0" })).toBe("SPAN");
    expect(typeOf(attributes, { ...parts, scope: "other" })).toBe("SPAN");
    expect(typeOf(attributes, { ...parts, resource: {} })).toBe("SPAN");
    expect(typeOf({ "langfuse.observation.type": "span" }, parts)).toBe("SPAN");
  });
});
