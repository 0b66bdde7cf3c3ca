import { expect, onTestFinished, test } from "vitest";

import { openMemoryLog } from "./event-log/memory-log.ts";
import type { EventLog } from "./event-log/port.ts";
import { recordingLogger } from "./http/testing.ts";
import { withLease } from "./lease.ts";
import { openRegistry } from "./registry.ts";
import type { RegistryFold } from "./registry.ts";

const { log } = recordingLogger();

async function openedLog(): Promise<EventLog> {
  const stream = await openMemoryLog({ partitions: 1 });
  onTestFinished(() => stream.close());
  return stream;
}

async function process(stream: EventLog, now: () => number = Date.now): Promise<RegistryFold> {
  const fold = await openRegistry(stream, now);
  onTestFinished(() => fold.close());
  return fold;
}

test("of several processes one does the work at a time, and each gets its turn", async () => {
  const stream = await openedLog();
  let working = 0;
  let most = 0;
  const works = Array.from({ length: 4 }, async () => {
    const fold = await process(stream);
    return await withLease(fold, { name: "work", log, lastsMs: 1_000 }, async () => {
      working += 1;
      most = Math.max(most, working);
      await new Promise((resolve) => setTimeout(resolve, 20));
      working -= 1;
      return "done";
    });
  });
  expect(await Promise.all(works)).toEqual(["done", "done", "done", "done"]);
  expect(most).toBe(1);
});

test("work that fails lets the next one in, and says so to its own caller", async () => {
  const fold = await process(await openedLog());
  const failing = withLease(fold, { name: "work", log }, () => Promise.reject(new Error("no")));
  await expect(failing).rejects.toThrow("no");
  expect(await withLease(fold, { name: "work", log }, async () => "next")).toBe("next");
});

test("the lease of a process that died ends by itself, and its successor has a greater fence", async () => {
  const stream = await openedLog();
  let now = 1_000;
  const fold = await process(stream, () => now);
  const take = (holder: string) =>
    fold.submit({ type: "lease-take", name: "work", holder, lastsMs: 100 }, "test");
  expect(await take("dead")).toBe("done");
  expect(await take("next")).toBe("conflict");
  const before = fold.registry.leases.get("work")?.fence ?? 0;
  now += 101;
  expect(await take("next")).toBe("done");
  expect(fold.registry.leases.get("work")?.fence).toBeGreaterThan(before);
  const release = { type: "lease-release", name: "work", holder: "dead" } as const;
  expect(await fold.submit(release, "test")).toBe("conflict");
});
