import { describe, expect, test } from "vitest";

import { observationRowOf, readerOf, spanOf } from "../testing.ts";
import type { PlainMap, SpanParts } from "../testing.ts";
import { contentOf } from "./content.ts";
import { slotsMax } from "./flattened.ts";
import { mapSpan } from "./map-span.ts";

function content(attributes: PlainMap, parts: SpanParts = {}): unknown {
  return contentOf(readerOf({ ...parts, attributes }));
}

describe("otlp.md §2.6", () => {
  test.each<[rule: string, scope: string, attributes: PlainMap]>([
    ["1", "x", { "langfuse.observation.input": "in", "langfuse.observation.output": "out" }],
    [
      "2",
      "genkit-tracer",
      { "genkit:input": '{"messages":"in"}', "genkit:output": '{"message":"out"}' },
    ],
    ["2, whole", "genkit-tracer", { "genkit:input": "in", "genkit:output": "out" }],
    ["3", "ai", { "ai.prompt.messages": "in", "ai.response.text": "out" }],
    ["3, older", "ai", { "ai.prompt": "in", "ai.result.text": "out" }],
    ["3, tool", "ai", { "ai.toolCall.args": "in", "ai.toolCall.result": "out" }],
    ["3, object", "ai", { "ai.prompt": "in", "ai.response.text": "", "ai.response.object": "out" }],
    ["3, calls", "ai", { "ai.prompt": "in", "ai.response.toolCalls": "out" }],
    ["4", "@flue/opentelemetry", { "flue.tool.arguments": '"in"', "flue.tool.result": '"out"' }],
    ["8", "x", { "gcp.vertex.agent.llm_request": "in", "gcp.vertex.agent.llm_response": "out" }],
    [
      "8, tool",
      "x",
      {
        "gcp.vertex.agent.llm_request": "{}",
        "gcp.vertex.agent.tool_call_args": "in",
        "gcp.vertex.agent.llm_response": "{}",
        "gcp.vertex.agent.tool_response": "out",
      },
    ],
    ["9", "x", { prompt: "in", all_messages_events: "out" }],
    ["10", "x", { "lk.user_transcript": "in", "lk.response.text": "out" }],
    ["10, since August 2026", "x", { "lk.pii.chat_ctx": "in", "lk.pii.response.text": "out" }],
    ["12", "x", { "mlflow.spanInputs": "in", "mlflow.spanOutputs": "out" }],
    ["13", "x", { "traceloop.entity.input": "in", "traceloop.entity.output": "out" }],
    ["14", "x", { "input.value": "in", "output.value": "out" }],
    ["15", "x", { input: "in", output: "out" }],
    ["15, speech", "pipecat", { text: "in", transcript: "out" }],
    ["16", "pydantic-ai", { "pydantic_ai.all_messages": "in", final_result: "out" }],
    ["17", "x", { tool_arguments: "in", tool_response: "out" }],
    ["18, whole", "x", { "gen_ai.prompt": "in", "gen_ai.completion": "out" }],
    ["20", "x", { "gen_ai.input.messages": "in", "gen_ai.output.messages": "out" }],
    ["21", "x", { "gen_ai.tool.call.arguments": "in", "gen_ai.tool.call.result": "out" }],
    [
      "retrieval",
      "x",
      { "gen_ai.retrieval.query.text": "in", "gen_ai.retrieval.documents": "out" },
    ],
    [
      "Spring AI",
      "x",
      { "spring.ai.tool.call.arguments": "in", "spring.ai.tool.call.result": "out" },
    ],
    [
      "Mastra",
      "x",
      {
        "mastra.span.type": "workflow_step",
        "mastra.workflow_step.input": "in",
        "mastra.workflow_step.output": "out",
      },
    ],
  ])("rule %s of scope %s gives input and output", (_, scope, attributes) => {
    expect(content(attributes, { scope })).toEqual({ input: "in", output: "out" });
  });

  test("the AI SDK's values to embed, each of them JSON text, are the values", () => {
    const attributes = { "ai.values": ['"one"', '{"text":"two"}'] };
    const input = ["one", { text: "two" }];
    expect(content(attributes, { scope: "ai" })).toEqual({ input, output: null });
  });

  test("the first rule that has a side gives both; what the others have stays among the attributes", () => {
    const row = observationRowOf({
      attributes: { "langfuse.observation.input": "mine", "gen_ai.output.messages": "theirs" },
    });
    expect(row).toMatchObject({ input: "mine" });
    expect(row.output).toBeUndefined();
    expect(JSON.parse(row.metadata["attributes"] ?? "")).toEqual({
      "gen_ai.output.messages": "theirs",
    });
  });

  test("the scopes ai and genkit-tracer leave nothing to general rules", () => {
    for (const scope of ["ai", "genkit-tracer"]) {
      expect(content({ input: "x", "output.value": "y" }, { scope })).toEqual({
        input: null,
        output: null,
      });
    }
    const conventions = { "gen_ai.input.messages": "in", "gen_ai.tool.call.result": "out" };
    expect(content(conventions, { scope: "ai" })).toEqual({ input: "in", output: "out" });
  });

  test("an answer of the AI SDK with text and calls is one message, whose calls stay text", () => {
    const calls = '[{"toolName":"weather"}]';
    expect(
      content(
        { "ai.response.text": "Let me see.", "ai.response.toolCalls": calls },
        { scope: "ai" },
      ),
    ).toEqual({
      input: null,
      output: { role: "assistant", content: "Let me see.", tool_calls: calls },
    });
  });

  test("events hold messages in each of the three ways of the conventions", () => {
    expect(
      content(
        {},
        {
          events: [
            { name: "gen_ai.system.message", attributes: { content: "Be brief." } },
            { name: "gen_ai.user.message", attributes: { content: "Hi" } },
            { name: "gen_ai.choice", attributes: { index: 0, message: "Hello" } },
          ],
        },
      ),
    ).toEqual({
      input: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hi" },
      ],
      output: { index: 0, message: "Hello" },
    });
    expect(
      content(
        {},
        {
          events: [
            { name: "gen_ai.content.prompt", attributes: { "gen_ai.prompt": "in" } },
            { name: "gen_ai.content.completion", attributes: { other: "out" } },
          ],
        },
      ),
    ).toEqual({ input: "in", output: { other: "out" } });
    expect(
      content(
        {},
        {
          events: [
            {
              name: "gen_ai.client.inference.operation.details",
              attributes: { "gen_ai.input.messages": "in", "gen_ai.output.messages": "out" },
            },
          ],
        },
      ),
    ).toEqual({ input: "in", output: "out" });
  });

  test("Logfire's list of events is divided into what was said and what was chosen", () => {
    const asked = { "event.name": "gen_ai.user.message", content: "Hi" };
    const chosen = { "event.name": "gen_ai.choice", message: { content: "Hello" } };
    expect(content({ events: JSON.stringify([asked, chosen]) })).toEqual({
      input: [asked],
      output: chosen,
    });
    expect(content({ events: "no JSON" })).toEqual({ input: null, output: null });
  });

  test("messages that are spread over attributes are put together in the order of their numbers", () => {
    expect(
      content({
        "gen_ai.prompt.10.content": "third",
        "gen_ai.prompt.0.role": "system",
        "gen_ai.prompt.0.content": "first",
        "gen_ai.prompt.2.tool_calls.0.name": "second",
        "gen_ai.completion.0.content": "answer",
      }),
    ).toEqual({
      input: [
        { role: "system", content: "first" },
        { tool_calls: [{ name: "second" }] },
        { content: "third" },
      ],
      output: [{ content: "answer" }],
    });
    expect(
      content({
        "llm.input_messages.0.message.role": "user",
        "llm.output_messages.0.message.role": "a",
      }),
    ).toEqual({ input: [{ message: { role: "user" } }], output: [{ message: { role: "a" } }] });
  });

  test("the attributes that link a prompt are no messages", () => {
    expect(
      content({
        "gen_ai.prompt.name": "greeting",
        "gen_ai.prompt.version": "3",
        "gen_ai.prompt.variable.who": "you",
        "gen_ai.input.messages": "in",
      }),
    ).toEqual({ input: "in", output: null });
  });

  test("far-off numbers make no long list, and no more than 10,001 elements are spelled", () => {
    expect(content({ "gen_ai.prompt.999999999.content": "far" })).toEqual({
      input: [{ content: "far" }],
      output: null,
    });
    const many = Object.fromEntries(
      Array.from({ length: slotsMax + 5 }, (_, index) => [`gen_ai.prompt.${index}.content`, "x"]),
    );
    const mapped = mapSpan(spanOf({ attributes: many }), 0);
    expect(JSON.parse(mapped.input ?? "")).toHaveLength(10_001);
    expect(Object.keys(JSON.parse(mapped.metadata["attributes"] ?? ""))).toHaveLength(5);
    const deep = { [`gen_ai.prompt.${"0.".repeat(50_000)}content`]: "x" };
    expect(content(deep)).toEqual({ input: null, output: null });
  });

  test("keys that name members of every object are keys like any other", () => {
    const { input } = mapSpan(
      spanOf({
        attributes: {
          "gen_ai.prompt.0.__proto__.polluted": "x",
          "gen_ai.prompt.0.constructor.prototype.polluted": "y",
        },
      }),
      0,
    );
    expect(input).toBe(
      '[{"__proto__":{"polluted":"x"},"constructor":{"prototype":{"polluted":"y"}}}]',
    );
    expect("polluted" in {}).toBe(false);
  });

  test("system instructions stand in front, once, and only of messages", () => {
    const instructions = '[{"type":"text","content":"Be"},{"type":"text","content":"brief."}]';
    const user = { role: "user", content: "Hi" };
    const withMessages = (messages: PlainMap[]) =>
      content({
        "gen_ai.input.messages": JSON.stringify(messages),
        "gen_ai.system_instructions": instructions,
      });
    expect(withMessages([user])).toMatchObject({
      input: [{ role: "system", content: "Be\nbrief." }, user],
    });
    const system = { role: "system", content: "Other." };
    expect(withMessages([system, user])).toMatchObject({ input: JSON.stringify([system, user]) });
    expect(content({ "gen_ai.system_instructions": instructions })).toEqual({
      input: null,
      output: null,
    });
  });
});

describe("otlp.md §6 #12", () => {
  const messages = [
    {
      role: "user",
      parts: [
        { type: "text", content: "Weather?" },
        { type: "uri", uri: "u" },
      ],
    },
    {
      role: "assistant",
      finish_reason: "tool_call",
      parts: [
        { type: "reasoning", content: "Look it up." },
        { type: "tool_call", id: "c1", name: "weather", arguments: { city: "Bern" } },
      ],
    },
    { role: "tool", parts: [{ type: "tool_call_response", id: "c1", response: { c: 7 } }] },
    { role: "assistant", parts: [{ type: "text", content: "7 degrees." }] },
  ];
  const chat = [
    {
      role: "user",
      content: [
        { type: "text", text: "Weather?" },
        { type: "uri", uri: "u" },
      ],
    },
    {
      role: "assistant",
      finish_reason: "tool_call",
      content: [{ type: "reasoning", text: "Look it up." }],
      tool_calls: [
        { id: "c1", type: "function", function: { name: "weather", arguments: '{"city":"Bern"}' } },
      ],
    },
    { role: "tool", tool_call_id: "c1", content: { c: 7 } },
    { role: "assistant", content: "7 degrees." },
  ];

  test("messages in parts become chat messages, as JSON text and as structured values alike", () => {
    expect(content({ "gen_ai.input.messages": JSON.stringify(messages) })).toEqual({
      input: chat,
      output: null,
    });
    expect(content({ "gen_ai.input.messages": messages })).toEqual({ input: chat, output: null });
  });

  test("what is not all messages in parts stays as it was sent", () => {
    for (const text of ['[{"role":"user","content":"Hi"}]', "[]", "plain", '[{"parts":1}]']) {
      expect(content({ "gen_ai.output.messages": text })).toEqual({ input: null, output: text });
    }
  });
});

describe("otlp.md §2.6, tools", () => {
  const weather = { name: "weather" };
  const tools = JSON.stringify([weather, weather]);

  test.each<[string, PlainMap, unknown]>([
    [
      "messages",
      { input: '[{"role":"user"}]' },
      { messages: [{ role: "user" }], tools: [weather] },
    ],
    ["a map", { input: '{"a":1}' }, { a: 1, tools: [weather] }],
    ["text", { input: "Hi" }, { prompt: "Hi", tools: [weather] }],
    ["no input", {}, { tools: [weather] }],
  ])("tools that were offered join %s", (_, attributes, input) => {
    const row = observationRowOf({
      attributes: { ...attributes, "gen_ai.tool.definitions": tools },
    });
    expect(JSON.parse(row.input)).toEqual(input);
    expect(row.metadata["attributes"]).toBeUndefined();
  });

  test.each<[string, PlainMap]>([
    ["the AI SDK", { "ai.prompt.tools": ['{"name":"weather"}'] }],
    ["Pydantic AI", { model_request_parameters: '{"function_tools":[{"name":"weather"}]}' }],
    ["OpenInference", { "llm.tools.0.tool.json_schema": '{"name":"weather"}' }],
    ["MLflow", { "mlflow.chat.tools": '[{"name":"weather"}]' }],
  ])("tools are known as %s writes them", (_, attributes) => {
    expect(content(attributes)).toEqual({ input: { tools: [weather] }, output: null });
  });
});
