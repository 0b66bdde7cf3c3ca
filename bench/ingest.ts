import { setTimeout as pause } from "node:timers/promises";

import { countOf, get, healthy, ingest, readable, readableUpTo, until } from "./api.ts";
import type { Load, LoadResult } from "./load-generator.ts";
import { authorization, runApart, startFloor, startSluice } from "./processes.ts";
import type { ServerProcess } from "./processes.ts";
import { median, quantile } from "./stats.ts";
import {
  createWorkload,
  eventBytes,
  eventsPerBatch,
  eventsPerTrace,
  observationsPerTrace,
} from "./workload.ts";

/** Less than this share of the floor's rate is a failure. */
export const ratioMin = 0.5;

const concurrency = 12;
const warmUpBatches = 200;
const rounds = 7;
const batchesPerRound = 300;
const storedPollMs = 200;
const probes = 100;
const probeEveryMs = 125;
const probePollMs = 10;
const samplesPerRound = 20;

interface Round {
  /** Events per second. */
  readonly accepted: number;
  readonly stored: number;
  readonly floor: number;
  readonly answerMs: readonly number[];
  readonly repeats: number;
}

/** How fast events are taken in, beside a server that does nothing with them. Resolves with whether the bar is met. */
export async function ingestRate(print: (line: string) => void): Promise<boolean> {
  const sluice = await startSluice();
  const floor = await startFloor();
  try {
    await Promise.all([healthy(sluice), healthy(floor)]);
    const books = { traces: 0 };
    await takeIn(sluice, books, 0, warmUpBatches);
    await send(floor, 0, warmUpBatches);
    const measured: Round[] = [];
    for (let n = 1; n <= rounds; n += 1) measured.push(await round(sluice, floor, books, n));
    const readableMs = await probeReadable(sluice, books);
    await checkCounts(sluice, books);
    return report(print, measured, readableMs, sluice.memory());
  } finally {
    await Promise.all([sluice.stop(), floor.stop()]);
  }
}

/** Both sides once, in turns first, and never at the same time: they share the machine. */
async function round(
  sluice: ServerProcess,
  floor: ServerProcess,
  books: Books,
  seed: number,
): Promise<Round> {
  const floorFirst = seed % 2 === 0;
  const before = floorFirst ? await send(floor, seed, batchesPerRound) : null;
  const { result, storedMs } = await takeIn(sluice, books, seed, batchesPerRound);
  const compared = before ?? (await send(floor, seed, batchesPerRound));
  return {
    accepted: perSecond(result.events, result.elapsedMs),
    stored: perSecond(result.events, storedMs),
    floor: perSecond(compared.events, compared.elapsedMs),
    answerMs: result.answerMs,
    repeats: result.repeats,
  };
}

/** How many traces were accepted so far. */
interface Books {
  traces: number;
}

/** Sends batches and waits until all their rows can be read, so that nothing of them runs on into what comes next. */
async function takeIn(
  sluice: ServerProcess,
  books: Books,
  seed: number,
  batches: number,
): Promise<{ readonly result: LoadResult; readonly storedMs: number }> {
  const result = await send(sluice, seed, batches);
  books.traces += result.traceIds.length;
  await readableUpTo(sluice, result.position);
  const storedMs = Date.now() - result.startedAt;
  await checkSamples(sluice, result.traceIds);
  return { result, storedMs };
}

async function send(server: ServerProcess, seed: number, batches: number): Promise<LoadResult> {
  server.check();
  const startAt = Date.now();
  const load: Load = { url: server.url, authorization, seed, startAt, batches, concurrency };
  return await runApart<LoadResult>("load-generator.js", load);
}

/** Reads some of the traces in full: what the creates and what the updates said must both be there. */
async function checkSamples(server: ServerProcess, traceIds: readonly string[]): Promise<void> {
  const step = Math.ceil(traceIds.length / samplesPerRound);
  for (let index = 0; index < traceIds.length; index += step) {
    const { status, body } = await get(server, `/api/public/traces/${traceIds[index]}`);
    const { observations = [], name } = body as {
      name?: string;
      observations?: { input: unknown; output: unknown; endTime: string | null }[];
    };
    const complete = observations.filter((one) => one.input && one.output && one.endTime);
    if (status !== 200 || !name || complete.length !== observationsPerTrace)
      throw new Error(`trace ${traceIds[index]} was accepted but reads ${JSON.stringify(body)}`);
  }
}

/** The observations of the last trace may follow it by a moment; nothing may be missing, and nothing twice. */
async function checkCounts(server: ServerProcess, books: Books): Promise<void> {
  const expected = books.traces * observationsPerTrace;
  await until(
    server,
    storedPollMs,
    async () => (await countOf(server, "observations")) >= expected,
  );
  const found = [await countOf(server, "traces"), await countOf(server, "observations")];
  const accepted = [books.traces, expected];
  if (found.join() !== accepted.join())
    throw new Error(`accepted ${accepted.join()} traces and observations, found ${found.join()}`);
}

/** From the answer to a batch of one trace until the trace can be read, at a rate that is no load. */
async function probeReadable(server: ServerProcess, books: Books): Promise<number[]> {
  const next = createWorkload(rounds + 1, Date.now(), 1);
  const times: number[] = [];
  for (let n = 0; n < probes; n += 1) {
    const { body, traceIds } = next();
    const slot = pause(probeEveryMs);
    await ingest(server, body);
    books.traces += traceIds.length;
    const answeredAt = performance.now();
    for (const id of traceIds) await readable(server, id, probePollMs);
    times.push(performance.now() - answeredAt);
    await slot;
  }
  return times;
}

function report(
  print: (line: string) => void,
  measured: readonly Round[],
  readableMs: readonly number[],
  memory: { readonly now: number; readonly peak: number },
): boolean {
  const ratios = measured.map((one) => one.accepted / one.floor);
  const answerMs = measured.flatMap((one) => one.answerMs);
  const repeats = measured.reduce((sum, one) => sum + one.repeats, 0);
  const { body } = createWorkload(1, Date.now())();
  const isMet = median(ratios) >= ratioMin;
  print(
    `ingest: batches of ${eventsPerBatch} events of ${eventBytes} bytes (${body.length} bytes a request), ` +
      `${concurrency} connections, ${rounds} rounds of ${batchesPerRound} batches, medians (least to greatest)`,
  );
  print(
    `  accepted  ${spread(measured.map((one) => one.accepted))} events/s, answered when durable`,
  );
  print(`  floor     ${spread(measured.map((one) => one.floor))} events/s, parsed and dropped`);
  print(`  ratio     ${spread(ratios, 2)}, at least ${ratioMin}: ${isMet ? "met" : "NOT MET"}`);
  print(
    `  stored    ${spread(measured.map((one) => one.stored))} events/s, until the last is readable`,
  );
  print(
    `  answer    p50 ${ms(answerMs, 0.5)}, p99 ${ms(answerMs, 0.99)} under this load; ` +
      `${repeats} of ${answerMs.length} requests got 503 and were repeated`,
  );
  print(
    `  readable  p50 ${ms(readableMs, 0.5)}, p99 ${ms(readableMs, 0.99)} after the answer ` +
      `(${probes} batches of one trace in ${eventsPerTrace} events, ${1000 / probeEveryMs} a second at most)`,
  );
  print(
    `  memory    ${Math.round(memory.now)} MiB resident, ${Math.round(memory.peak)} MiB at most`,
  );
  return isMet;
}

function perSecond(events: number, elapsedMs: number): number {
  return (events / elapsedMs) * 1000;
}

function spread(values: readonly number[], digits = 0): string {
  const show = (value: number): string =>
    value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${show(median(values))} (${show(Math.min(...values))} to ${show(Math.max(...values))})`;
}

function ms(values: readonly number[], share: number): string {
  return `${quantile(values, share).toFixed(1)} ms`;
}
