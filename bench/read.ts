import { availableParallelism } from "node:os";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { healthy } from "./api.ts";
import { newDirectory, runApart, startSluice } from "./processes.ts";
import type { ServerProcess } from "./processes.ts";
import type { ReadData, ReadDataResult } from "./read-data.ts";
import { deepTrace } from "./read-deep.ts";
import { measuredReads, sampleTraces, timedGet } from "./read-requests.ts";
import type { Bars, MeasuredRead } from "./read-requests.ts";
import { quantile } from "./stats.ts";

const callsPerRead = 60;
const warmUpCalls = 6;

/** A number of observations, `5m` or `500k` or plain digits; undefined when the text is none. */
export function rowsOf(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,9})([km]?)$/i.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const scale = { k: 1e3, m: 1e6 }[unit?.toLowerCase() ?? ""] ?? 1;
  return Number(digits) * scale;
}

/** Reads of a server that holds `observations` rows of them. Resolves with whether all bars are met. */
export async function readLatencies(
  observations: number,
  print: (line: string) => void,
): Promise<boolean> {
  const directory = await newDirectory();
  try {
    const task: ReadData = {
      directory: join(directory, "data", "clickhouse"),
      traces: Math.ceil(observations / 5),
      endsAt: Date.now(),
    };
    const made = await runApart<ReadDataResult>("read-data.js", task);
    print(`read: ${shapeLine(task, made)}`);
    const sluice = await startSluice(directory);
    try {
      await healthy(sluice);
      const isFast = await measureReads(sluice, task.endsAt, print);
      return (await deepTrace(sluice, print)) && isFast;
    } finally {
      await sluice.stop();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Every kind of read, one call after the other; resolves with whether all bars are met. */
export async function measureReads(
  sluice: ServerProcess,
  endsAt: number,
  print: (line: string) => void,
): Promise<boolean> {
  const samples = await sampleTraces(sluice, endsAt, callsPerRead + warmUpCalls);
  print(`  ${"".padEnd(34)}    p50 ms    p95 ms     cpu ms   rows p50   rows max`);
  let isMet = true;
  for (const read of measuredReads) {
    const result = await measure(sluice, read, samples);
    const missed = missedBars(result, read.bars);
    print(`  ${read.name.padEnd(34)}${figures(result)}${missed}`);
    isMet &&= missed === "";
  }
  const { now, peak } = sluice.memory();
  print(`  memory ${Math.round(now)} MiB resident, ${Math.round(peak)} MiB at most`);
  print(`  ${availableParallelism()} cores; bars: ${isMet ? "met" : "NOT MET"}`);
  return isMet;
}

interface Figures {
  /** Of one call on average. */
  readonly cpuMs: number;
  readonly ms: readonly number[];
  readonly rows: readonly number[];
}

async function measure(
  sluice: ServerProcess,
  read: MeasuredRead,
  samples: Parameters<MeasuredRead["path"]>[0],
): Promise<Figures> {
  const path = read.path(samples);
  let body: unknown;
  for (let n = 0; n < warmUpCalls; n += 1) ({ body } = await timedGet(sluice, path(n, body)));
  const cpuBefore = sluice.cpuMs();
  const ms: number[] = [];
  const requestIds: string[] = [];
  for (let n = warmUpCalls; n < warmUpCalls + callsPerRead; n += 1) {
    const answer = await timedGet(sluice, path(n, body));
    body = answer.body;
    ms.push(answer.ms);
    requestIds.push(answer.requestId);
  }
  const cpuMs = (sluice.cpuMs() - cpuBefore) / callsPerRead;
  return { ms, cpuMs, rows: await rowsRead(sluice, requestIds) };
}

/** From the lines of the access log, each of which comes a moment after its answer. */
async function rowsRead(sluice: ServerProcess, requestIds: readonly string[]): Promise<number[]> {
  for (;;) {
    const rows = new Map<string, number>();
    for (const line of sluice.log().split("\n").filter(Boolean)) {
      const { requestId, rowsRead: read } = JSON.parse(line) as Record<string, unknown>;
      if (typeof requestId === "string" && typeof read === "number") rows.set(requestId, read);
    }
    const found = requestIds.map((id) => rows.get(id)).filter((read) => read !== undefined);
    if (found.length === requestIds.length) return found;
    sluice.check();
    await pause(20);
  }
}

function figures({ ms, cpuMs, rows }: Figures): string {
  const times = [quantile(ms, 0.5), quantile(ms, 0.95), cpuMs];
  const counts = [quantile(rows, 0.5), Math.max(...rows)];
  return [...times.map((time) => time.toFixed(1)), ...counts.map(count)]
    .map((figure) => figure.padStart(10))
    .join(" ");
}

function missedBars({ ms, rows }: Figures, { p95Ms, rowsMax }: Bars): string {
  const missed: string[] = [];
  if (p95Ms !== undefined && quantile(ms, 0.95) > p95Ms) missed.push(`p95 above ${p95Ms} ms`);
  if (rowsMax !== undefined && Math.max(...rows) > rowsMax)
    missed.push(`more than ${rowsMax} rows`);
  return missed.length === 0 ? "" : `  NOT MET: ${missed.join(", ")}`;
}

function count(value: number): string {
  return value.toLocaleString("en");
}

function shapeLine({ traces }: ReadData, made: ReadDataResult): string {
  return (
    `${count(traces)} traces, ${count(traces * 5)} observations, ${count(traces / 2)} scores, ` +
    `${count(made.unmerged)} older versions unmerged, ${made.parts} parts, ` +
    `${Math.round(made.bytesOnDisk / 2 ** 20)} MiB, made in ${Math.round(made.elapsedMs / 1000)} s`
  );
}
