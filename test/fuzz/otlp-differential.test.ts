import { expect, test } from "vitest";

import { compareDecoders } from "./otlp-differential.ts";

/** For a few seconds of work, on a machine that may have much else to do. */
const timeoutMs = 120_000;

test(
  "On 2,000 fuzzed requests our reader and a generated decoder agree, or the protobuf format says why not.",
  () => {
    const { counts, findings } = compareDecoders({ seed: 1, requests: 2_000, only: null });
    expect(findings).toStrictEqual([]);
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(20);
  },
  timeoutMs,
);
