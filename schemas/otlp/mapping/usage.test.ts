import { describe, expect, test } from "vitest";

import { observationRowOf } from "../testing.ts";
import type { PlainMap } from "../testing.ts";

const generation = { "langfuse.observation.type": "generation" };

function usageOf(attributes: PlainMap): unknown {
  return observationRowOf({ attributes: { ...generation, ...attributes } }).provided_usage;
}

function costOf(attributes: PlainMap): unknown {
  return observationRowOf({ attributes: { ...generation, ...attributes } }).provided_cost;
}

function counters(prefix: string, counts: PlainMap): PlainMap {
  return Object.fromEntries(Object.entries(counts).map(([name, count]) => [prefix + name, count]));
}

describe("otlp.md §2.8", () => {
  test("usage that the client stated wins over every counter, and OpenAI's shapes are understood", () => {
    const other = { "gen_ai.usage.input_tokens": 9 };
    const stated = (details: string) =>
      usageOf({ ...other, "langfuse.observation.usage_details": details });
    expect(stated('{"input":1,"custom":2,"bad":"x"}')).toEqual({ input: 1, custom: 2 });
    expect(
      stated(
        '{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":4}}',
      ),
    ).toEqual({ input: 6, input_cached_tokens: 4, output: 5, total: 15 });
    expect(stated("no JSON")).toEqual({ input: 9 });
  });

  test.each<[string, PlainMap, PlainMap]>([
    [
      "the conventions, old names",
      counters("gen_ai.usage.", { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }),
      { input: 10, output: 5, total: 15 },
    ],
    [
      "the conventions, new names",
      counters("gen_ai.usage.", {
        input_tokens: 100,
        output_tokens: 50,
        "cache_read.input_tokens": 30,
        "cache_write.input_tokens": 20,
        "reasoning.output_tokens": 10,
        "text.input_tokens": 90,
        "image.input_tokens": 10,
      }),
      {
        input: 50,
        input_cached_tokens: 30,
        input_cache_creation: 20,
        output: 40,
        output_reasoning_tokens: 10,
      },
    ],
    [
      "OpenInference",
      counters("llm.token_count.", {
        prompt: 100,
        completion: 50,
        total: 150,
        "prompt_details.cache_read": 40,
        "prompt_details.audio": 5,
        "completion_details.reasoning": 20,
        "completion_details.audio": 5,
      }),
      {
        input: 55,
        input_cached_tokens: 40,
        input_audio_tokens: 5,
        output: 25,
        output_reasoning_tokens: 20,
        output_audio_tokens: 5,
        total: 150,
      },
    ],
    [
      "Pydantic AI",
      counters("gen_ai.usage.", {
        input_tokens: 10,
        output_tokens: 8,
        "details.cache_read_tokens": 4,
        "details.reasoning_tokens": 3,
        "details.something_new": 99,
      }),
      { input: 6, input_cached_tokens: 4, output: 5, output_reasoning_tokens: 3 },
    ],
    [
      "LiveKit",
      counters("gen_ai.usage.", {
        input_tokens: 10,
        output_tokens: 8,
        input_text_tokens: 6,
        input_audio_tokens: 4,
        input_cached_tokens: 2,
      }),
      { input: 4, input_cached_tokens: 2, input_audio_tokens: 4, output: 8 },
    ],
    [
      "the AI SDK 5",
      counters("ai.usage.", {
        inputTokens: 10,
        outputTokens: 8,
        totalTokens: 18,
        cachedInputTokens: 4,
        reasoningTokens: 3,
      }),
      { input: 6, input_cached_tokens: 4, output: 5, output_reasoning_tokens: 3, total: 18 },
    ],
    [
      "the AI SDK 6",
      {
        ...counters("ai.usage.", { inputTokens: 10, outputTokens: 8 }),
        "ai.usage.inputTokenDetails.cacheReadTokens": 4,
        "ai.usage.outputTokenDetails": '{"textTokens":5,"reasoningTokens":3}',
      },
      { input: 6, input_cached_tokens: 4, output: 5, output_reasoning_tokens: 3 },
    ],
    ["an embedding of the AI SDK", { "ai.usage.tokens": 7 }, { input: 7, total: 7 }],
    [
      "Anthropic through the AI SDK, which counts the cache apart",
      {
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 5,
        "ai.response.providerMetadata":
          '{"anthropic":{"usage":{"input_tokens":100,"cache_read_input_tokens":30,"cache_creation_input_tokens":20,"cache_creation":{"ephemeral_5m_input_tokens":12,"ephemeral_1h_input_tokens":8}}}}',
      },
      {
        input: 100,
        input_cached_tokens: 30,
        input_cache_creation_5m: 12,
        input_cache_creation_1h: 8,
        output: 5,
      },
    ],
    [
      "Genkit",
      {
        "genkit:output":
          '{"usage":{"inputTokens":10,"outputTokens":8,"thoughtsTokens":3,"totalTokens":18}}',
      },
      { input: 10, output: 5, output_reasoning_tokens: 3, total: 18 },
    ],
    [
      "Google ADK, whose answers leave thoughts out",
      {
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 8,
        "gcp.vertex.agent.llm_response":
          '{"usage_metadata":{"cached_content_token_count":4,"thoughts_token_count":3,"total_token_count":21}}',
      },
      { input: 6, input_cached_tokens: 4, output: 8, output_reasoning_tokens: 3, total: 21 },
    ],
    [
      "MLflow",
      { "mlflow.chat.tokenUsage": '{"input_tokens":1,"output_tokens":2,"total_tokens":3}' },
      { input: 1, output: 2, total: 3 },
    ],
    [
      "LangSmith",
      {
        "langsmith.usage_metadata":
          '{"input_tokens":10,"output_tokens":2,"total_tokens":12,"input_token_details":{"cache_read":4}}',
      },
      { input: 6, input_cached_tokens: 4, output: 2, total: 12 },
    ],
  ])("counters of %s add up to what was used", (_, attributes, usage) => {
    expect(usageOf(attributes)).toEqual(usage);
  });

  test("a zero under one name does not hide a count under another", () => {
    expect(
      usageOf(counters("gen_ai.usage.", { prompt_tokens: 0, input_tokens: 7, output_tokens: 0 })),
    ).toEqual({ input: 7, output: 0 });
  });

  test("what is no whole number of at least 0 is left out, and the span is kept", () => {
    for (const bad of ["many", -1, 1.5, true, [1], null]) {
      expect(
        usageOf({ "gen_ai.usage.input_tokens": bad, "gen_ai.usage.output_tokens": "3" }),
      ).toEqual({
        output: 3,
      });
    }
  });
});

function cachedWithTotal(total: number): unknown {
  return usageOf(
    counters("gen_ai.usage.", {
      input_tokens: 100,
      output_tokens: 10,
      cache_read_input_tokens: 40,
      total_tokens: total,
    }),
  );
}

describe("otlp.md §6 #6: nothing is counted twice", () => {
  test("a total tells whether the cache was counted apart", () => {
    expect(cachedWithTotal(110)).toEqual({
      input: 60,
      input_cached_tokens: 40,
      output: 10,
      total: 110,
    });
    expect(cachedWithTotal(150)).toEqual({
      input: 100,
      input_cached_tokens: 40,
      output: 10,
      total: 150,
    });
  });

  test("so does a part that is larger than what should include it, and the total then counts it, too", () => {
    expect(
      usageOf(
        counters("gen_ai.usage.", {
          input_tokens: 5,
          output_tokens: 10,
          cache_read_input_tokens: 40,
          total_tokens: 15,
        }),
      ),
    ).toEqual({ input: 5, input_cached_tokens: 40, output: 10, total: 55 });
  });

  test("audio that was cached, too, is not taken out of the input twice", () => {
    expect(
      usageOf(
        counters("gen_ai.usage.", {
          input_tokens: 100,
          "cache_read.input_tokens": 80,
          "audio.input_tokens": 50,
        }),
      ),
    ).toEqual({ input: 20, input_cached_tokens: 80 });
  });

  test("counters that no table knows are in no sum and stay among the attributes", () => {
    const row = observationRowOf({
      attributes: { ...generation, "gen_ai.usage.input_tokens": 1, "gen_ai.usage.searches": 5 },
    });
    expect(row.usage_details).toEqual({ input: 1, total: 1 });
    expect(JSON.parse(row.metadata["attributes"] ?? "")).toMatchObject({
      "gen_ai.usage.searches": "5",
    });
  });
});

describe("otlp.md §6 #7: a span around calls counts nothing of theirs", () => {
  const counted = {
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.request.model": "m",
    "gen_ai.usage.cost": 0.5,
  };

  test.each<[string, PlainMap]>([
    ["an agent", { "gen_ai.operation.name": "invoke_agent" }],
    ["a step of an agent", { "gen_ai.operation.name": "agent_step" }],
    ["a span", { "langfuse.observation.type": "span" }],
  ])("%s keeps them where nobody adds them up", (_, attributes) => {
    const row = observationRowOf({ attributes: { ...counted, ...attributes } });
    expect(row.provided_usage).toBeUndefined();
    expect(row.provided_cost).toBeUndefined();
    expect(row.model).toBeUndefined();
    expect(row.metadata).toMatchObject({
      aggregatedUsage: '{"input":10}',
      aggregatedCost: '{"total":"0.5"}',
    });
  });

  test("what the client states through a Langfuse SDK counts wherever it is stated", () => {
    expect(
      observationRowOf({
        attributes: {
          "gen_ai.operation.name": "invoke_agent",
          "langfuse.observation.usage_details": '{"input":3}',
          "langfuse.observation.model.name": "mine",
          "langfuse.observation.cost_details": '{"total":1}',
          "gen_ai.request.model": "theirs",
        },
      }),
    ).toMatchObject({
      provided_usage: { input: 3 },
      provided_cost: { total: "1" },
      model: "mine",
    });
  });
});

describe("otlp.md §2.9", () => {
  test.each<[string, PlainMap, PlainMap | undefined]>([
    [
      "langfuse.observation.cost_details",
      { "langfuse.observation.cost_details": '{"input":0.1,"total":0.3}', "gen_ai.usage.cost": 9 },
      { input: "0.1", total: "0.3" },
    ],
    ["gen_ai.usage.cost", { "gen_ai.usage.cost": 0.25 }, { total: "0.25" }],
    [
      "llm.cost.*",
      { "llm.cost.prompt": 0.1, "llm.cost.completion": 0.2, "llm.cost.total": 0.3 },
      { input: "0.1", output: "0.2", total: "0.3" },
    ],
    ["operation.cost", { "operation.cost": 0.1 }, { total: "0.1" }],
    ["gen_ai.cost", { "gen_ai.cost": "0.1" }, { total: "0.1" }],
    [
      "mlflow.llm.cost",
      { "mlflow.llm.cost": '{"input_cost":1,"output_cost":2,"total_cost":3}' },
      { input: "1", output: "2", total: "3" },
    ],
    [
      "langsmith.usage_metadata",
      { "langsmith.usage_metadata": '{"total_cost":0.5}' },
      { total: "0.5" },
    ],
    ["a negative number", { "gen_ai.usage.cost": -1 }, undefined],
    ["a text", { "gen_ai.usage.cost": "free" }, undefined],
  ])("cost comes from %s", (_, attributes, cost) => {
    expect(costOf(attributes)).toEqual(cost);
  });
});
