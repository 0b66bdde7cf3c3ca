import fc from "fast-check";
import { expect, test } from "vitest";

import { addDecimals, decimalOf, exactDecimal, timesDecimal } from "./decimal.ts";

test.each([
  [0, "0"],
  [1, "1"],
  [0.1, "0.1"],
  [7.5e-8, "0.000000075"],
  [1e-13, "0"],
  [123.45, "123.45"],
  [-0.5, "-0.5"],
  [1e300, "100000000000000000000"],
])("%d USD is written as %s", (amount, text) => {
  expect(decimalOf(amount)).toBe(text);
});

test("sums are exact where doubles are not", () => {
  expect(addDecimals([])).toBe("0");
  expect(addDecimals(["0.1", "0.2"])).toBe("0.3");
  expect(addDecimals(["-0.5", "0.25"])).toBe("-0.25");
});

test("adding in any order and grouping gives the same text", () => {
  const amount = fc.double({ min: 0, max: 1e6, noNaN: true }).map(decimalOf);
  fc.assert(
    fc.property(amount, amount, amount, (a, b, c) => {
      expect(addDecimals([addDecimals([a, b]), c])).toBe(addDecimals([c, addDecimals([b, a])]));
    }),
  );
});

test.each([
  ["0.0000025", 1000, "0.0025"],
  ["0.0000000028", 3, "0.0000000084"],
  ["0.0000000000005", 1, "0.000000000001"],
  ["0.0000000000004", 1, "0"],
  ["2", 0, "0"],
  ["1000000", Number.MAX_SAFE_INTEGER, "100000000000000000000"],
])("%s USD for one is for %i units %s", (price, units, cost) => {
  expect(timesDecimal(price, units)).toBe(cost);
});

test("a number is written in full, and reads as the same number", () => {
  expect(exactDecimal(2.8e-9)).toBe("0.0000000028");
  expect(exactDecimal(1e21)).toBe("1000000000000000000000");
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e30, noNaN: true }), (amount) => {
      const text = exactDecimal(amount);
      expect(text).toMatch(/^\d+(\.\d+)?$/);
      expect(Number(text)).toBe(amount + 0);
    }),
  );
});
