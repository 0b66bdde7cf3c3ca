import { once } from "node:events";
import { Pool } from "undici";

import { createWorkload, eventsPerBatch } from "./workload.ts";
import type { Batch } from "./workload.ts";

/** What the process of this file is told. */
export interface Load {
  readonly url: string;
  readonly authorization: string;
  readonly seed: number;
  readonly startAt: number;
  readonly batches: number;
  /** Requests under way at the same time, each on a connection of its own that is kept open. */
  readonly concurrency: number;
}

/** What it answers. */
export interface LoadResult {
  readonly events: number;
  readonly bytes: number;
  /** Of the first request, epoch milliseconds. */
  readonly startedAt: number;
  /** From the first request to the last answer. */
  readonly elapsedMs: number;
  /** From a request to its whole answer, each. */
  readonly answerMs: readonly number[];
  readonly traceIds: readonly string[];
}

async function main(): Promise<void> {
  const [load] = (await once(process, "message")) as [Load];
  process.send?.(await run(load));
}

/** Sends every batch once; rejects when any answer is not a 207 that accepts all its events. */
async function run(load: Load): Promise<LoadResult> {
  const next = createWorkload(load.seed, load.startAt);
  // All are made before the clock starts: making one costs more than sending it.
  const batches = Array.from({ length: load.batches }, next);
  const pool = new Pool(load.url, { connections: load.concurrency, pipelining: 1 });
  const answerMs: number[] = [];
  let index = 0;
  const worker = async (): Promise<void> => {
    for (let batch = batches[index++]; batch !== undefined; batch = batches[index++]) {
      answerMs.push(await send(pool, load.authorization, batch));
    }
  };
  const startedAt = Date.now();
  const clockAt = performance.now();
  await Promise.all(Array.from({ length: load.concurrency }, worker));
  const elapsedMs = performance.now() - clockAt;
  await pool.close();
  return {
    events: batches.length * eventsPerBatch,
    bytes: batches.reduce((sum, { body }) => sum + body.length, 0),
    startedAt,
    elapsedMs,
    answerMs,
    traceIds: batches.flatMap(({ traceIds }) => traceIds),
  };
}

async function send(pool: Pool, authorization: string, { body }: Batch): Promise<number> {
  const sentAt = performance.now();
  const answer = await pool.request({
    method: "POST",
    path: "/api/public/ingestion",
    headers: { authorization, "content-type": "application/json" },
    body,
  });
  const text = await answer.body.text();
  const tookMs = performance.now() - sentAt;
  const accepted = text.split('"status":201').length - 1;
  if (answer.statusCode !== 207 || accepted !== eventsPerBatch || !text.endsWith('"errors":[]}')) {
    throw new Error(`refused with ${answer.statusCode}: ${text.slice(0, 500)}`);
  }
  return tookMs;
}

void main();
