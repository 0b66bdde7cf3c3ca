import { countOf, healthy, readableUpTo } from "./api.ts";
import type { DirectInsert, DirectResult } from "./direct-insert.ts";
import type { Load, LoadResult } from "./load-generator.ts";
import { authorization, runApart, startSluice } from "./processes.ts";
import {
  eventBytes,
  eventsPerBatch,
  observationsPerTrace,
  scoresPerTrace,
  tracesPerBatch,
} from "./workload.ts";

/** Less than this share of the rate of bare inserts is a failure. */
export const shareMin = 0.5;

const batches = 2_000;
const warmUpBatches = 200;
const concurrency = 12;

/**
 * 100,000 events, three tenths of them updates, from the first request until all can be read; beside inserting the rows
 * they end as straight into the engine. Resolves with whether the bar is met.
 */
export async function pipelineRate(print: (line: string) => void): Promise<boolean> {
  const startAt = Date.now();
  const sluice = await startSluice();
  try {
    await healthy(sluice);
    await taken(sluice, { seed: 1, startAt, batches: warmUpBatches }, 0);
    const elapsedMs = await taken(sluice, { seed: 2, startAt, batches }, warmUpBatches);
    const memory = sluice.memory();
    const task: DirectInsert = { seed: 2, startAt, batches };
    const direct = await runApart<DirectResult>("direct-insert.js", task);

    const events = batches * eventsPerBatch;
    const share = direct.elapsedMs / elapsedMs;
    const isMet = share >= shareMin;
    print(
      `pipeline: ${events} events of ${eventBytes} bytes in batches of ${eventsPerBatch}, ${direct.rows} rows`,
    );
    print(
      `  end to end  ${perSecond(events, elapsedMs)} events/s, ${perSecond(direct.rows, elapsedMs)} rows/s until all can be read`,
    );
    print(`  direct      ${perSecond(direct.rows, direct.elapsedMs)} rows/s, inserts alone`);
    print(`  share       ${share.toFixed(2)}, at least ${shareMin}: ${isMet ? "met" : "NOT MET"}`);
    print(
      `  memory      ${Math.round(memory.now)} MiB resident, ${Math.round(memory.peak)} MiB at most`,
    );
    return isMet;
  } finally {
    await sluice.stop();
  }
}

/** Sends batches, waits until what they made can be read, and counts it; `before` batches were sent already. */
async function taken(
  sluice: Awaited<ReturnType<typeof startSluice>>,
  task: DirectInsert,
  before: number,
): Promise<number> {
  const load: Load = { ...task, url: sluice.url, authorization, concurrency };
  const result = await runApart<LoadResult>("load-generator.js", load);
  await readableUpTo(sluice, result.position);
  const elapsedMs = Date.now() - result.startedAt;
  const traces = (before + task.batches) * tracesPerBatch;
  const expected = [
    ["traces", traces],
    ["observations", traces * observationsPerTrace],
    ["v2/scores", traces * scoresPerTrace],
  ] as const;
  for (const [what, count] of expected) {
    const found = await countOf(sluice, what);
    if (found !== count) throw new Error(`${count} ${what} were sent, ${found} can be read`);
  }
  return elapsedMs;
}

function perSecond(count: number, elapsedMs: number): string {
  return Math.round((count / elapsedMs) * 1000).toLocaleString("en");
}
