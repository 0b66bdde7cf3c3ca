import fc from "fast-check";
import { expect, test } from "vitest";

import { openFileLog } from "./file-log.ts";
import type { EventLog } from "./port.ts";
import {
  collect,
  copyAsAfterKill,
  numbered,
  readAll,
  removeDirectories,
  temporaryDirectory,
  until,
} from "./testing.ts";

/** One thing that is done to the log and to the model. */
type Step =
  | { readonly do: "append"; readonly calls: readonly number[]; readonly bytes: number }
  | { readonly do: "consume"; readonly batches: number; readonly recordsMax: number }
  | { readonly do: "close" }
  | { readonly do: "kill" };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant("append" as const),
        calls: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 }),
        bytes: fc.oneof(
          { weight: 9, arbitrary: fc.integer({ min: 0, max: 3000 }) },
          // Groups that are larger than one read.
          { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 120_000 }) },
        ),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant("consume" as const),
        batches: fc.integer({ min: 1, max: 4 }),
        recordsMax: fc.integer({ min: 1, max: 25 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("close" as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("kill" as const) }) },
  ),
  { minLength: 5, maxLength: 25 },
);

test("any sequence of appends, batches, stops and kills leaves what a plain list would hold", async () => {
  let reopened = 0;
  let delivered = 0;
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      const subject = await openSubject();
      /** The model: how many numbered entries there are, and how many of them the group has done. */
      const model = { appended: 0, done: 0 };
      for (const step of sequence) {
        const { appended, done } = model;
        let offsets: number[] = [];
        let handed: number[] = [];
        if (step.do === "append") offsets = await appendAtOnce(subject.log, appended, step);
        else if (step.do !== "consume") await subject[step.do]();
        else if (done < appended) handed = await consume(subject.log, step);
        expect(offsets).toEqual(range(appended, appended + offsets.length));
        expect(handed).toEqual(range(done, done + handed.length));
        model.appended += offsets.length;
        model.done = step.do === "kill" ? 0 : done + handed.length;
        expect(await subject.log.ends()).toEqual(new Map([[0, BigInt(model.appended)]]));
        expect(subject.log.health().lag).toBe(BigInt(model.appended - model.done));
        reopened += step.do === "kill" || step.do === "close" ? 1 : 0;
        delivered += handed.length;
      }
      expect(await readAll(subject.log)).toEqual(
        range(0, model.appended).map((n) => `0/${n} ${n}`),
      );
      await subject.dispose();
    }),
    { numRuns: 40, endOnFailure: true },
  );
  expect(reopened).toBeGreaterThan(20);
  expect(delivered).toBeGreaterThan(1000);
}, 300_000);

interface Subject {
  readonly log: EventLog;
  close(): Promise<void>;
  kill(): Promise<void>;
  dispose(): Promise<void>;
}

async function openSubject(): Promise<Subject> {
  const dirs = [await temporaryDirectory()];
  const logs = [await openSmall(dirs[0] ?? "")];
  const last = (): EventLog => {
    const log = logs.at(-1);
    if (log === undefined) throw new Error("no log");
    return log;
  };
  return {
    get log() {
      return last();
    },
    async close() {
      await last().close();
      logs.push(await openSmall(dirs.at(-1) ?? ""));
    },
    async kill() {
      dirs.push(await copyAsAfterKill(dirs.at(-1) ?? ""));
      logs.push(await openSmall(dirs.at(-1) ?? ""));
    },
    async dispose() {
      for (const log of logs) await log.close();
      await removeDirectories(dirs);
    },
  };
}

async function openSmall(dir: string): Promise<EventLog> {
  const retention = { keepBytes: 1 << 30, keepMs: 3_600_000 };
  return openFileLog({ dir, retention, diskFloorBytes: 0, segmentBytes: 50_000 });
}

/** Makes all calls of a step at the same time, and gives the offsets that they were told. */
async function appendAtOnce(
  log: EventLog,
  from: number,
  { calls, bytes }: Extract<Step, { do: "append" }>,
): Promise<number[]> {
  let next = from;
  const appends = calls.map(async (count) => {
    const entries = numbered(next, count, { bytes });
    next += count;
    return log.append(entries);
  });
  return (await Promise.all(appends)).flat().map(({ offset }) => Number(offset));
}

/** Has the group do so many batches, or all there are, and gives the entries of these batches. */
async function consume(
  log: EventLog,
  { batches, recordsMax }: Extract<Step, { do: "consume" }>,
): Promise<number[]> {
  const handed: number[] = [];
  let done = 0;
  let atEnd = false;
  const { consumer } = await collect(log, "g", {
    recordsMax,
    async onBatch({ records, end }) {
      if (done === batches) return "retry";
      done += 1;
      for (const { value } of records) handed.push(Number(value.toString()));
      atEnd = records.at(-1)?.offset === end - 1n;
      return "done";
    },
  });
  await until(() => done === batches || atEnd);
  await consumer.stop();
  return handed;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, n) => from + n);
}
