import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import type { ConsumeOptions, Consumer, EventLog, LogBatch, LogEntry } from "./port.ts";

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
    async onBatch(batch, signal) {
      batches.push(batch);
      return options.onBatch === undefined ? "done" : options.onBatch(batch, signal);
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

/** Everything that a log holds, as `partition/offset value`. */
export async function readAll(log: EventLog): Promise<string[]> {
  const ends = [...(await log.ends()).values()];
  const all = await collect(log, null);
  const total = Number(ends.reduce((sum, end) => sum + end, 0n));
  await until(() => all.lines().length >= total);
  await all.consumer.stop();
  return all.lines();
}

/** Waits until a condition holds; rejects after ten seconds. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
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
