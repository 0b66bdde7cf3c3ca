import { expect, test } from "vitest";

import { usageAndCost } from "./usage.ts";

test("write-api §4.3: a missing usage total is the sum of all buckets", () => {
  const { usage, inputUnits, outputUnits, totalUnits } = usageAndCost(
    { input: 1, cached: 2, output_reasoning: 3 },
    {},
  );
  expect(usage).toEqual({ input: 1, cached: 2, output_reasoning: 3, total: 6 });
  expect([inputUnits, outputUnits, totalUnits]).toEqual([1, 3, 6]);
});

test("write-api §4.3: a given usage total is trusted, also when the buckets exceed it", () => {
  expect(usageAndCost({ input: 5, total: 2 }, {}).totalUnits).toBe(2);
});

test("write-api §4.3: no usage stays no usage", () => {
  expect(usageAndCost({}, {}).usage).toEqual({});
});

test.each([
  [{}, null],
  [{ output: "1" }, "1"],
  [{ input: "0.5", output: "1" }, "1.5"],
  [{ input: "1", cached: "2" }, null],
  [{ input: "1", total: "9" }, "9"],
  [{ input: "0", output: "0" }, "0"],
  [{ input: "0.1", output: "0.2" }, "0.3"],
])("write-api §4.4, §6 #33: the cost total of %j is %s", (cost, total) => {
  const known = usageAndCost({}, cost);
  expect(known.totalCost).toBe(total);
  expect(known.cost["total"]).toBe(total ?? undefined);
});
