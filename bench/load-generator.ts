import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";

import { Pool } from "undici";

import { formatPosition, parsePosition } from "../schemas/position.ts";
import type { Position } from "../schemas/position.ts";
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
  /** How many requests were answered with 503 and sent again. */
  readonly repeats: number;
  readonly traceIds: readonly string[];
  /** Of Sluice's log: a read that names it sees everything that was sent. */
  readonly position: string;
}

async function main(): Promise<void> {
  const [load] = (await once(process, "message")) as [Load];
  process.send?.(await run(load));
}

/** Sends every batch until it is accepted; rejects when an answer is neither that nor a 503. */
async function run(load: Load): Promise<LoadResult> {
  const next = createWorkload(load.seed, load.startAt);
  // All are made before the clock starts: making one costs more than sending it.
  const batches = Array.from({ length: load.batches }, next);
  const pool = new Pool(load.url, { connections: load.concurrency, pipelining: 1 });
  const answerMs: number[] = [];
  const offsets = new Map<number, bigint>();
  let generation = 0;
  let index = 0;
  let repeats = 0;
  const worker = async (): Promise<void> => {
    for (let batch = batches[index++]; batch !== undefined; batch = batches[index++]) {
      for (;;) {
        const sentAt = performance.now();
        const position = await send(pool, load.authorization, batch);
        answerMs.push(performance.now() - sentAt);
        if (position !== null) {
          ({ generation } = position);
          for (const [partition, offset] of position.offsets) {
            if (offset > (offsets.get(partition) ?? -1n)) offsets.set(partition, offset);
          }
          break;
        }
        repeats += 1;
        await pause(repeatAfterMs);
      }
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
    repeats,
    traceIds: batches.flatMap(({ traceIds }) => traceIds),
    position: formatPosition({ generation, offsets }),
  };
}

/** Where the events lie now; null when the server asks to try again. */
async function send(pool: Pool, authorization: string, { body }: Batch): Promise<Position | null> {
  const answer = await pool.request({
    method: "POST",
    path: "/api/public/ingestion",
    headers: { authorization, "content-type": "application/json" },
    body,
  });
  const text = await answer.body.text();
  if (answer.statusCode === 503) return null;
  const accepted = text.split('"status":201').length - 1;
  if (answer.statusCode !== 207 || accepted !== eventsPerBatch || !text.endsWith('"errors":[]}')) {
    throw new Error(`refused with ${answer.statusCode}: ${text.slice(0, 500)}`);
  }
  // The floor has no log, and so no positions.
  const position = parsePosition(String(answer.headers["x-sluice-position"]));
  return position ?? { generation: 0, offsets: new Map() };
}

/** Shorter than any client waits, so that the server is kept busy. */
const repeatAfterMs = 100;

void main();
