import { expect, test } from "vitest";

import { idFilter } from "./id-filter.ts";

test("an id that was added is never called new, through every layer", () => {
  const filter = idFilter(4 << 20);
  for (let index = 0; index < 300_000; index++) filter.add(`trace\rproject\r${index}`);
  filter.complete();
  for (let index = 0; index < 300_000; index++) {
    if (!filter.mayHave(`trace\rproject\r${index}`)) throw new Error(`lost ${index}`);
  }
  let needless = 0;
  for (let index = 0; index < 100_000; index++) {
    if (filter.mayHave(`observation\rproject\r${index}`)) needless++;
  }
  expect(filter.covers).toBe(true);
  expect(needless).toBeLessThan(2500);
});

test("it calls nothing new before it was filled", () => {
  const filter = idFilter(1 << 20);
  expect(filter.mayHave("a")).toBe(true);
  filter.complete();
  expect(filter.mayHave("a")).toBe(false);
});

test("it stops covering, and gives its memory back, when it would outgrow its bytes", () => {
  const filter = idFilter(200_000);
  filter.complete();
  for (let index = 0; index <= 100_000; index++) filter.add(String(index));
  expect(filter.covers).toBe(false);
  expect(filter.mayHave("never added")).toBe(true);
  expect(filter.bytes).toBe(0);
});
