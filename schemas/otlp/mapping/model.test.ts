import { describe, expect, test } from "vitest";

import { observationRowOf, readerOf } from "../testing.ts";
import type { PlainMap } from "../testing.ts";
import { modelOf } from "./model.ts";

const generation = { "openinference.span.kind": "LLM" };

function parametersOf(attributes: PlainMap, scope = "x"): unknown {
  const row = observationRowOf({ scope, attributes: { ...generation, ...attributes } });
  return row.model_params && JSON.parse(row.model_params);
}

describe("otlp.md §2.4", () => {
  test("the model comes from the first of the sources", () => {
    const attributes = {
      "langfuse.observation.model.name": "1",
      "gen_ai.response.model": "2",
      "ai.model.id": "3",
      "gen_ai.request.model": "4",
      "llm.response.model": "5",
      "llm.model_name": "6",
      model: "7",
      "llm.response.model_name": "8",
      "llm.request.model_name": "9",
      "embedding.model_name": "10",
      "reranker.model_name": "11",
      "mlflow.llm.model": "12",
    };
    const entries = Object.entries(attributes);
    for (const [index, [, model]] of entries.entries()) {
      const left = Object.fromEntries(entries.slice(index).toReversed());
      expect(modelOf(readerOf({ attributes: left }), false)).toBe(model);
    }
    const genkit = { "genkit:name": "gemini", "genkit:metadata:subtype": "model" };
    expect(modelOf(readerOf({ attributes: genkit }), false)).toBe("gemini");
    expect(modelOf(readerOf({ attributes: { "genkit:name": "flow" } }), false)).toBeNull();
  });

  test.each<[string, PlainMap, string | undefined, number | undefined]>([
    [
      "the Langfuse SDKs",
      { "langfuse.observation.prompt.name": "p", "langfuse.observation.prompt.version": 3 },
      "p",
      3,
    ],
    ["older ones", { "langfuse.prompt.name": "p", "langfuse.prompt.version": "3" }, "p", 3],
    ["the AI SDK", { "ai.telemetry.metadata.langfusePrompt": '{"name":"p","version":3}' }, "p", 3],
    ["the conventions", { "gen_ai.prompt.name": "p", "gen_ai.prompt.version": "3" }, "p", 3],
    ["a name alone", { "langfuse.observation.prompt.name": "p" }, undefined, undefined],
    ["a version alone", { "langfuse.observation.prompt.version": 3 }, undefined, undefined],
    [
      "a version that is no number",
      { "langfuse.observation.prompt.name": "p", "langfuse.observation.prompt.version": "latest" },
      undefined,
      undefined,
    ],
  ])("the prompt is linked by %s", (_, attributes, name, version) => {
    const row = observationRowOf({ attributes: { ...generation, ...attributes } });
    expect([row.prompt_name, row.prompt_version]).toEqual([name, version]);
    // Everything else of the span is there all the same.
    expect(row.type).toBe("GENERATION");
  });

  test("a prompt is linked to what can have been made with one, not to spans and events", () => {
    const link = { "langfuse.prompt.name": "p", "langfuse.prompt.version": 1 };
    const promptOf = (type: string) =>
      observationRowOf({ attributes: { ...link, "langfuse.observation.type": type } }).prompt_name;
    expect(["agent", "tool", "span", "event"].map(promptOf)).toEqual([
      "p",
      "p",
      undefined,
      undefined,
    ]);
  });
});

describe("otlp.md §2.7", () => {
  test.each<[string, PlainMap, unknown]>([
    [
      "langfuse.observation.model.parameters",
      { "langfuse.observation.model.parameters": '{"t":0.5,"stop":["a"],"deep":{"b":true}}' },
      { t: 0.5, stop: '["a"]', deep: '{"b":true}' },
    ],
    ["llm.invocation_parameters", { "llm.invocation_parameters": '{"t":1}' }, { t: 1 }],
    ["model_config", { model_config: '{"t":1}' }, { t: 1 }],
    [
      "single attributes",
      {
        "gen_ai.request.temperature": 0.7,
        "gen_ai.request.model": "m",
        "gen_ai.request.stop_sequences": ["x"],
        "llm.invocation_parameters.top_p": 1,
      },
      { temperature: 0.7, stop_sequences: '["x"]', top_p: 1 },
    ],
    ["the misspelt model_parameters", { "langfuse.observation.model_parameters": "{}" }, undefined],
    ["a text that is no map", { "llm.invocation_parameters": "high" }, undefined],
  ])("parameters come from %s", (_, attributes, parameters) => {
    expect(parametersOf(attributes)).toEqual(parameters);
  });

  test("Genkit's configuration is within its input, or within the request that its output repeats", () => {
    const input = { "genkit:input": '{"config":{"t":1}}' };
    const output = { "genkit:output": '{"request":{"config":{"t":2}}}' };
    expect(parametersOf({ ...input, ...output }, "genkit-tracer")).toEqual({ t: 1 });
    expect(parametersOf(output, "genkit-tracer")).toEqual({ t: 2 });
    expect(parametersOf(input)).toBeUndefined();
  });

  test("the AI SDK's record has each of its settings, null for those that were not made", () => {
    expect(
      parametersOf(
        {
          "ai.settings.maxRetries": 2,
          "gen_ai.response.finish_reasons": ["stop"],
          "ai.response.providerMetadata": '{"openai":{"serviceTier":"flex"}}',
          "langfuse.observation.model.parameters": '{"temperature":0.1}',
        },
        "ai",
      ),
    ).toEqual({
      maxSteps: null,
      toolChoice: null,
      maxTokens: null,
      finishReason: '["stop"]',
      system: null,
      maxRetries: "2",
      mode: null,
      temperature: 0.1,
      service_tier: "flex",
    });
  });
});
