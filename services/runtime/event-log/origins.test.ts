import { afterEach, beforeEach, expect, test } from "vitest";

import { openFileLog } from "./file-log.ts";
import { Origins } from "./origins.ts";
import type { EventLog, LogBatch, LogEntry } from "./port.ts";
import { collect, removeDirectories, temporaryDirectory, until } from "./testing.ts";

function entry(n: number, bytes = 10): LogEntry & { readonly origin: object } {
  return { key: "k", value: Buffer.alloc(bytes), origin: { n } };
}

test("each origin is given once, in the order of the offsets", () => {
  const origins = new Origins(1000);
  for (let n = 0; n < 5; n += 1) origins.put(n, entry(n));
  expect([0, 1, 1, 3].map((offset) => origins.take(offset))).toEqual([
    { n: 0 },
    { n: 1 },
    undefined,
    { n: 3 },
  ]);
  expect(origins.take(2)).toBeUndefined();
  expect(origins.take(4)).toEqual({ n: 4 });
});

test("beyond the bound the newer ones are dropped, until the older are taken or passed over", () => {
  const origins = new Origins(25);
  for (let n = 0; n < 4; n += 1) origins.put(n, entry(n));
  expect(origins.take(2)).toBeUndefined();
  origins.put(5, entry(5, 25));
  expect(origins.take(5)).toEqual({ n: 5 });
});

test("a thousand times as many as fit leave nothing behind", () => {
  const origins = new Origins(100);
  for (let n = 0; n < 10_000; n += 1) {
    origins.put(n, entry(n));
    expect(origins.take(n)).toEqual({ n });
  }
});

let dir: string;
let log: EventLog;

beforeEach(async () => {
  dir = await temporaryDirectory();
  log = await openFileLog({ dir, retention: "forever", diskFloorBytes: 0, originBytesMax: 100 });
});

afterEach(async () => {
  await log.close();
  await removeDirectories([dir]);
});

function originsIn(batches: readonly LogBatch[]): unknown[] {
  return batches.flatMap(({ records }) => records.map(({ origin }) => origin));
}

test("a group gets the origins that fit with their own entries, and one that reads without a group gets none", async () => {
  const entries = Array.from({ length: 12 }, (_, n) => entry(n));
  await log.append(entries);
  const all = await collect(log, null);
  await until(() => all.values().length === 12);
  expect(originsIn(all.batches)).toEqual(Array(12).fill(undefined));
  const group = await collect(log, "writer");
  await until(() => group.values().length === 12);
  const kept = entries.slice(0, 10).map(({ origin }) => origin);
  expect(originsIn(group.batches)).toEqual([...kept, undefined, undefined]);
  await log.append([entry(12)]);
  await until(() => group.values().length === 13);
  expect(originsIn(group.batches).at(-1)).toEqual({ n: 12 });
});
