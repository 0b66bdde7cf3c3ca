import { expect, test } from "vitest";

import { fuzz } from "./run.ts";
import type { FuzzOptions, Outcome } from "./run.ts";
import type { Finding } from "./judge.ts";
import { createTwoProjects } from "./servers.ts";

const bodiesDefault = 10_000;

/** As `npm run fuzz -- --seed N --bodies N --only N` gives them. */
const options: FuzzOptions = {
  seed: numberOf("FUZZ_SEED") ?? Math.floor(Math.random() * 1e9),
  bodies: numberOf("FUZZ_BODIES") ?? bodiesDefault,
  only: numberOf("FUZZ_ONLY"),
};

test("Nothing that a client can send crashes the server, costs a neighbour or reaches another project.", async () => {
  console.log(`seed ${options.seed}, ${options.bodies} bodies`);
  const startedAt = performance.now();
  const place = await createTwoProjects();
  try {
    const outcome = await fuzz(options, place);
    report(outcome, (performance.now() - startedAt) / 1000);
    expect(outcome.findings.length, "findings, listed above").toBe(0);
    // A run in which nothing happened proves nothing.
    const floor = options.only === null ? options.bodies / 20 : 0;
    expect(outcome.events.accepted).toBeGreaterThanOrEqual(floor);
    expect(outcome.events.refused).toBeGreaterThanOrEqual(floor);
    expect(outcome.rows).toBeGreaterThanOrEqual(floor);
  } finally {
    await place.dispose();
  }
});

function numberOf(name: string): number | null {
  const text = process.env[name];
  return text === undefined ? null : Number(text);
}

function report({ findings, ...counts }: Outcome, seconds: number): void {
  console.log(JSON.stringify({ seconds: Math.round(seconds), ...counts }, null, 2));
  const kinds = new Map<string, Finding[]>();
  for (const finding of findings) {
    kinds.set(finding.kind, [...(kinds.get(finding.kind) ?? []), finding]);
  }
  for (const [kind, found] of kinds) {
    console.log(`\nFOUND ${kind}: ${found.length}`);
    for (const { n, text } of found.slice(0, examplesMax)) {
      const replay = n === null ? "" : `\n    npm run fuzz -- --seed ${options.seed} --only ${n}`;
      console.log(`  ${text}${replay}`);
    }
  }
}

const examplesMax = 5;
