import { describe, expect, test } from "vitest";

import { withCostBasis } from "./cost-basis.ts";
import type { Fact } from "./facts.ts";
import { ModelBook } from "./model-book.ts";
import type { ModelDefinition } from "./models.ts";

function model(id: string, rest: Partial<ModelDefinition> = {}): ModelDefinition {
  return {
    id,
    modelName: id,
    matchPattern: "(?i)^(gpt-4o)$",
    startDate: null,
    unit: "TOKENS",
    tokenizerId: null,
    tokenizerConfig: null,
    tiers: [{ id: "t", name: "Standard", priority: 0, conditions: [], prices: { input: "1" } }],
    rank: 0,
    ...rest,
  };
}

function matched(book: ModelBook, name = "gpt-4o", position = 99, startTime = 0): string | null {
  return book.match("p", name, position, startTime)?.definition.id ?? null;
}

describe("write-api §4.5, §6 #35: matching", () => {
  test("a project's own definition comes before a built-in one, whatever their start dates", () => {
    const book = new ModelBook();
    book.set(null, model("built-in", { startDate: -5, rank: 1 }), 0, 1);
    book.set("p", model("own"), 0, 2);
    expect(matched(book)).toBe("own");
    expect(book.match("other", "gpt-4o", 99, 0)?.definition.id).toBe("built-in");
  });

  test("of a project's own the newest start date comes first, none last, and the future is not left out", () => {
    const book = new ModelBook();
    book.set("p", model("none"), 0, 1);
    book.set("p", model("old", { startDate: 1000 }), 0, 2);
    expect(matched(book)).toBe("old");
    book.set("p", model("future", { startDate: 1e15 }), 0, 3);
    expect(matched(book)).toBe("future");
  });

  test("a built-in change of price holds for what started at its date or later", () => {
    const book = new ModelBook();
    book.set(null, model("before"), 0, 1);
    book.set(null, model("after", { startDate: 1000 }), 0, 1);
    expect([999, 1000].map((at) => matched(book, "gpt-4o", 99, at))).toEqual(["before", "after"]);
  });

  test("names match by pattern alone: with its own case, and without guesses", () => {
    const book = new ModelBook();
    book.set("p", model("folded"), 0, 1);
    book.set("p", model("exact", { matchPattern: "^Llama-[0-9]+$" }), 0, 1);
    expect(matched(book, "GPT-4O")).toBe("folded");
    expect(matched(book, "Llama-3")).toBe("exact");
    for (const name of ["llama-3", "gpt-4o-mini", "", "x".repeat(100_000)])
      expect(matched(book, name)).toBeNull();
  });
});

describe("the configuration as of a position", () => {
  test("creating, replacing and deleting a definition leaves what came before as it was", () => {
    const book = new ModelBook();
    book.set("p", model("m", { modelName: "first" }), 0, 3);
    expect(matched(book, "gpt-4o", 2)).toBeNull();
    book.set("p", model("m", { modelName: "second" }), 0, 5);
    book.remove("p", "m", 8);
    const names = [2, 3, 4, 5, 7, 8].map(
      (position) => book.match("p", "gpt-4o", position, 0)?.definition.modelName,
    );
    expect(names).toEqual([undefined, "first", "first", "second", "second", undefined]);
    expect(book.list("p")).toEqual([]);
  });

  test("a match that was remembered is forgotten when definitions change", () => {
    const book = new ModelBook();
    expect(matched(book)).toBeNull();
    book.set(null, model("new"), 0, 1);
    expect(matched(book)).toBe("new");
  });
});

describe("what an observation's fact adds for its cost", () => {
  const fact: Fact = {
    kind: "observation",
    project: "p",
    id: "o",
    receivedAt: 1,
    time: 1,
    step: 0,
    event: "e",
    columns: {
      provided_usage: { input: 1 },
      model_params: '{"service_tier":"flex","n":3,"list":["a"]}',
    },
    ranks: {},
    metadata: { plan: "gold", long: "x".repeat(1000) },
  };
  const asking = model("m", {
    tiers: [
      { id: "t", name: "Standard", priority: 0, conditions: [], prices: { input: "1" } },
      {
        id: "u",
        name: "Flex",
        priority: 1,
        conditions: ["service_tier", "n", "list", "absent", "toString"].map((key) => ({
          source: "model_parameters" as const,
          key,
          operator: "in" as const,
          values: ["flex"],
        })),
        prices: { input: "2" },
      },
      {
        id: "v",
        name: "Plan",
        priority: 2,
        conditions: ["plan", "long"].map((key) => ({
          source: "metadata" as const,
          key,
          operator: "in" as const,
          values: ["gold"],
        })),
        prices: { input: "2" },
      },
    ],
  });

  test("are the attributes that some tier asks for, of the event that brings the usage (write-api §4.6, §6 #36)", () => {
    const book = new ModelBook();
    book.set("p", asking, 0, 4);
    expect(withCostBasis(fact, 7, book).columns).toMatchObject({
      registry_position: 7,
      usage_attributes: {
        "metadata.plan": "gold",
        "model_parameters.n": "3",
        "model_parameters.service_tier": "flex",
      },
    });
    expect(withCostBasis(fact, 3, book).columns["usage_attributes"]).toEqual({});
  });

  test("is nothing when it states neither usage nor cost nor model", () => {
    const other = { ...fact, columns: { end_time: 5 } };
    expect(withCostBasis(other, 7, new ModelBook())).toBe(other);
  });
});
