import { expect, test } from "vitest";

import { compareDecoders } from "./otlp-differential.ts";
import type { DifferentialOptions } from "./otlp-differential.ts";

/** As `npm run fuzz -- --seed N --only N` gives them. */
const options: DifferentialOptions = {
  seed: numberOf("FUZZ_SEED") ?? Math.floor(Math.random() * 1e9),
  requests: 100_000,
  only: numberOf("FUZZ_ONLY"),
};

test("On 100,000 fuzzed requests our reader and a generated decoder agree, or the protobuf format says why not.", () => {
  console.log(`otlp: seed ${options.seed}, ${options.requests} requests`);
  const { counts, findings } = compareDecoders(options);
  console.log(JSON.stringify(counts, null, 2));
  for (const finding of findings.slice(0, examplesMax)) console.log(`FOUND ${finding}`);
  expect(findings.length, "findings, listed above").toBe(0);
  // A run in which one kind of ending never came proves little.
  const least = options.only === null ? options.requests / 200 : 0;
  for (const count of Object.values(counts)) expect(count).toBeGreaterThanOrEqual(least);
});

function numberOf(name: string): number | null {
  const text = process.env[name];
  return text === undefined ? null : Number(text);
}

const examplesMax = 5;
