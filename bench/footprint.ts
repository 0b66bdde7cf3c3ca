import { setTimeout as pause } from "node:timers/promises";

import { healthy, ingest, readable } from "./api.ts";
import { startSluice } from "./processes.ts";
import { median } from "./stats.ts";
import { createWorkload } from "./workload.ts";

const starts = 5;
const idleMs = 3_000;
const pollMs = 5;

/** What it costs to have the server: its start on a new directory, and its memory when it has nothing to do. */
export async function footprint(print: (line: string) => void): Promise<void> {
  const runs: Run[] = [];
  for (let n = 0; n < starts; n += 1) runs.push(await startOnce(n));
  const middle = (name: keyof Run): string =>
    Math.round(median(runs.map((run) => run[name]))).toLocaleString("en");
  print(`footprint: medians of ${starts} starts on an empty data directory`);
  print(
    `  first 200 of the health check  ${middle("healthyMs")} ms after the start of the process`,
  );
  print(`  first trace readable           ${middle("readableMs")} ms after the start`);
  print(`  memory at rest                 ${middle("restMiB")} MiB resident, ${idleMs} ms later`);
  print(`  memory at most                 ${middle("peakMiB")} MiB resident`);
}

interface Run {
  readonly healthyMs: number;
  readonly readableMs: number;
  readonly restMiB: number;
  readonly peakMiB: number;
}

async function startOnce(seed: number): Promise<Run> {
  const { body, traceIds } = createWorkload(seed, Date.now(), 1)();
  const server = await startSluice();
  try {
    await healthy(server);
    const healthyMs = performance.now() - server.startedAt;
    await ingest(server, body);
    for (const id of traceIds) await readable(server, id, pollMs);
    const readableMs = performance.now() - server.startedAt;
    await pause(idleMs);
    const { now, peak } = server.memory();
    return { healthyMs, readableMs, restMiB: now, peakMiB: peak };
  } finally {
    await server.stop();
  }
}
