import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { bootstrap } from "./bootstrap.ts";
import { openMemoryLog } from "./event-log/memory-log.ts";
import { keyRing, loadPepper, sharedPepper } from "./keys.ts";
import { publishPrices } from "./price-book.ts";
import { openRegistry } from "./registry.ts";
import type { RegistryFold } from "./registry.ts";

const pepper = Buffer.alloc(32, 7);
const nothing = { projectId: null, projectName: null, publicKey: null, secretKey: null };

/** Processes that share one registry stream. */
async function processes(count: number): Promise<RegistryFold[]> {
  const stream = await openMemoryLog({ partitions: 1 });
  onTestFinished(() => stream.close());
  return await Promise.all(
    Array.from({ length: count }, async () => {
      const fold = await openRegistry(stream);
      onTestFinished(() => fold.close());
      return fold;
    }),
  );
}

test("of processes that start together one makes the first key, which all of them know", async () => {
  const folds = await processes(5);
  const made = await Promise.all(folds.map((fold) => bootstrap(fold, nothing, pepper)));
  const pairs = made.flatMap(({ pair }) => pair ?? []);
  expect(pairs).toHaveLength(1);
  const [pair] = pairs;
  for (const fold of folds) {
    await fold.caughtUp();
    expect([...fold.registry.keysByPublicKey.keys()]).toEqual([pair?.publicKey]);
    expect(await keyRing(fold, pepper).bySecret(pair?.secretKey ?? "")).not.toBeNull();
  }
});

test("a key of the settings that several processes add at once is there once, without a warning", async () => {
  const folds = await processes(5);
  const init = { ...nothing, publicKey: "pk-lf-1", secretKey: "sk-lf-1" };
  const made = await Promise.all(folds.map((fold) => bootstrap(fold, init, pepper)));
  expect(made.flatMap(({ warnings }) => warnings)).toEqual([]);
  expect(made.map(({ publicKeys }) => publicKeys)).toEqual(folds.map(() => ["pk-lf-1"]));
});

test("when every key was revoked the next start makes another", async () => {
  const [fold] = await processes(1);
  if (!fold) throw new Error("no process");
  const first = await bootstrap(fold, nothing, pepper);
  const publicKey = first.pair?.publicKey ?? "";
  await fold.submit({ type: "key-revoke", publicKey }, "test");
  const second = await bootstrap(fold, nothing, pepper);
  expect(second.publicKeys).toEqual([second.pair?.publicKey]);
});

test("prices that several processes publish at once count once", async () => {
  const folds = await processes(3);
  await Promise.all(folds.map((fold) => publishPrices(fold)));
  const [one, ...others] = folds.map(({ registry }) => registry.models.builtIn());
  expect(one?.length).toBeGreaterThan(100);
  for (const other of others) expect(other).toEqual(one);
  expect(await Promise.all(folds.map((fold) => publishPrices(fold)))).toEqual([0, 0, 0]);
});

test("processes that share a registry take their pepper from the settings or the directory, and make none", async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), "sluice-pepper-"));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  expect(await sharedPepper({ keyPepper: pepper, dataDir })).toBe(pepper);
  const without = sharedPepper({ keyPepper: null, dataDir });
  await expect(without).rejects.toThrow(/SLUICE_KEY_PEPPER is not set.*openssl rand -hex 32/s);
  await loadPepper(path.join(dataDir, "secrets"));
  const file = path.join(dataDir, "secrets", "pepper");
  expect(await sharedPepper({ keyPepper: null, dataDir })).toEqual(await readFile(file));
});
