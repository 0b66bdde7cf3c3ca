import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import type { ConsumeOptions, Consumer, EventLog, LogBatch, LogEntry } from "./port.ts";

export interface LogUnderTest {
  /** A new, empty stream of one partition or several. */
  readonly log: EventLog;
  /** Opens the same stream again, after `log` was closed. */
  readonly reopen: () => Promise<EventLog>;
  /** Opens the same stream as if the process with `log` had been killed at this moment. */
  readonly crash: () => Promise<EventLog>;
  readonly dispose: () => Promise<void>;
}

/** The log under test of the test that runs. */
export type Current = () => LogUnderTest;

/** Entries whose values are the numbers from `from` on, padded to `bytes`; equal keys with `key`, else each its own. */
export function numbered(
  from: number,
  count: number,
  options: { readonly bytes?: number; readonly key?: string } = {},
): LogEntry[] {
  return Array.from({ length: count }, (_, n) => ({
    key: options.key ?? `key-${from + n}`,
    value: Buffer.from(`${from + n}`.padEnd(options.bytes ?? 0)),
  }));
}

/** What one consumer was given, in the order in which it was given it. */
export interface Collector {
  readonly batches: readonly LogBatch[];
  readonly consumer: Consumer;
  /** All values as trimmed text, repeats included. */
  readonly values: () => string[];
  /** All records as `partition/offset value`. */
  readonly lines: () => string[];
}

/** Consumes until stopped and says "done" to everything, unless `onBatch` says otherwise. */
export async function collect(
  log: EventLog,
  group: string | null,
  options: Partial<ConsumeOptions> = {},
): Promise<Collector> {
  const batches: LogBatch[] = [];
  const consumer = await log.consume({
    recordsMax: 1000,
    bytesMax: 1 << 20,
    lingerMs: 0,
    ...options,
    group,
    async onBatch(batch, signal, earlier) {
      batches.push(batch);
      return options.onBatch === undefined ? "done" : options.onBatch(batch, signal, earlier);
    },
  });
  const list = <Item>(of: (batch: LogBatch) => Item[]): Item[] => batches.flatMap(of);
  return {
    batches,
    consumer,
    values: () => list(({ records }) => records.map(({ value }) => value.toString().trim())),
    lines: () =>
      list(({ partition, records }) =>
        records.map(({ offset, value }) => `${partition}/${offset} ${value.toString().trim()}`),
      ),
  };
}

/** Everything that a log holds, as `partition/offset value`, one partition after the other. */
export async function readAll(log: EventLog): Promise<string[]> {
  const ends = [...(await log.ends())].filter(([, end]) => end > 0n);
  const all = await collect(log, null);
  const lasts = ends.map(([partition, end]) => `${partition}/${end - 1n} `);
  await until(() => lasts.every((last) => all.lines().some((line) => line.startsWith(last))));
  await all.consumer.stop();
  // Which partition is delivered first is nobody's promise.
  return all.lines().toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
}

/** Waits until a condition holds; rejects after half a minute. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`never came true: ${condition.toString()}`);
    await sleep(2);
  }
}

export async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/** A promise to settle by hand. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  const settle: (() => void)[] = [];
  const opened = new Promise<void>((resolve) => {
    settle.push(resolve);
  });
  return { opened, open: () => settle[0]?.() };
}

export async function temporaryDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), "sluice-log-"));
}

/** What another process would find if this one were killed now: the files as they are, and no living holder. */
export async function copyAsAfterKill(dir: string): Promise<string> {
  const copy = await temporaryDirectory();
  await cp(dir, copy, {
    recursive: true,
    filter: (source) => !basename(source).startsWith("lock"),
  });
  return copy;
}

export async function removeDirectories(dirs: readonly string[]): Promise<void> {
  for (const dir of dirs) await rm(dir, { recursive: true, force: true });
}

/** The files of a directory whose names end so, oldest segment first. */
export async function filesOf(dir: string, suffix: string): Promise<string[]> {
  const names = await readdir(dir);
  return names.filter((name) => name.endsWith(suffix)).toSorted();
}
