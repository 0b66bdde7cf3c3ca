import { describe, expect, test } from "vitest";

import { rowAfter } from "./testing.ts";
import type { AnyRow } from "./testing.ts";

describe("write-api §4.2: provided usage", () => {
  test.each([
    [{ usage: { input: 1, output: 2 } }, { input: 1, output: 2, total: 3 }],
    [{ usage: { input: 1, output: 2, total: 9 } }, { input: 1, output: 2, total: 9 }],
    [{ usage: { input: 1, output: 2, total: 0 } }, { input: 1, output: 2, total: 3 }],
    [{ usage: { input: 0, output: 5 } }, { input: 0, output: 5, total: 0 }],
    [{ usage: { output: 5 } }, { output: 5, total: 5 }],
    [{ usage: { input: 5, unit: "IMAGES" } }, { input: 5, total: 5 }],
    [{ usage: { input: 4, output: -7, total: -3 } }, { input: 4 }],
    [{ usage: { promptTokens: 3, input: 9, inputCost: 1 } }, { input: 3, total: 3 }],
    [
      { usage: { input: 1 }, usageDetails: { output: 2 } },
      { input: 1, output: 2 },
    ],
    [
      { usage: { input: 1, total: 9 }, usageDetails: { input: 3 } },
      { input: 3, total: 9 },
    ],
    [{ usage: {} }, {}],
    [{ usageDetails: { input: 0.5 } }, {}],
    [{}, {}],
  ])("of %j is %j (§6 #34)", (body, provided) => {
    expect(usageOf(body).provided_usage ?? {}).toEqual(provided);
  });

  test.each([
    [
      { usage: { inputCost: 1, outputCost: 2, totalCost: 4 } },
      { input: "1", output: "2", total: "4" },
    ],
    [
      { usage: { inputCost: 1, outputCost: 2 }, costDetails: { output: 5, cached: 0.1 } },
      { input: "1", output: "5", cached: "0.1" },
    ],
    [{ usage: { inputCost: -1 }, costDetails: { output: -1 } }, {}],
  ])("and cost of %j is %j", (body, provided) => {
    expect(usageOf(body).provided_cost ?? {}).toEqual(provided);
  });
});

describe("write-api §4.3: usage", () => {
  test.each([
    [{ usage: { input: 4, output: -7, total: -3 } }, { input: 4, total: 4 }],
    [
      { usageDetails: { input: 1, cached: 2, reasoning: 3 } },
      { input: 1, cached: 2, reasoning: 3, total: 6 },
    ],
    [{ usageDetails: { input: 5, total: 2 } }, { input: 5, total: 2 }],
    [{ usage: { input: 0, output: 5 } }, { input: 0, output: 5, total: 0 }],
    [{ usageDetails: { input: "x" } }, {}],
  ])("of %j is %j", (body, usage) => {
    expect(usageOf(body).usage_details ?? {}).toEqual(usage);
  });
});

describe("write-api §4.4: cost", () => {
  test.each([
    [
      { costDetails: { input: 0.5, output: 1 } },
      { input: "0.5", output: "1", total: "1.5" },
      "1.5",
    ],
    [{ costDetails: { output: 1 } }, { output: "1", total: "1" }, "1"],
    [{ costDetails: { input: 1, cached: 2 } }, { input: "1", cached: "2" }, null],
    [
      { costDetails: { input: 1, cached: 2, total: 3 } },
      { input: "1", cached: "2", total: "3" },
      "3",
    ],
    [
      { usage: { inputCost: 0, outputCost: 0, totalCost: 0 } },
      { input: "0", output: "0", total: "0" },
      "0",
    ],
    [{ usage: { inputCost: 1 }, costDetails: { total: 7 } }, { input: "1", total: "7" }, "7"],
    [
      { costDetails: { input: 0.1, output: 0.2 } },
      { input: "0.1", output: "0.2", total: "0.3" },
      "0.3",
    ],
    [{}, {}, null],
  ])("that the client gives as %j is %j, %s in all (§6 #33)", (body, cost, total) => {
    const row = usageOf(body);
    expect({ ...row.cost_details }).toEqual(cost);
    expect(row.total_cost ?? null).toBe(total);
  });
});

test("write-api §4.7, §6 #37: a prompt is kept as its name and version, known or not", () => {
  const row = usageOf({ promptName: "greet", promptVersion: 3 });
  expect(row).toMatchObject({ prompt_name: "greet", prompt_version: 3 });
});

function usageOf(body: Record<string, unknown>): AnyRow {
  return rowAfter([{ type: "generation-create", body: { id: "g", ...body } }]);
}
