import { expect, test } from "vitest";

import { median, quantile } from "./stats.ts";

test("The median is the middle value, or lies between the two in the middle.", () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([7])).toBe(7);
  expect(median([])).toBeNaN();
});

test("A quantile is a value that occurred, and not exceeded by its share of the values.", () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(quantile(values, 0.5)).toBe(50);
  expect(quantile(values, 0.99)).toBe(99);
  expect(quantile(values, 1)).toBe(100);
  expect(quantile([3], 0.01)).toBe(3);
  expect(quantile([], 0.5)).toBeNaN();
});
