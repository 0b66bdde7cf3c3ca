import { expect, onTestFinished, test } from "vitest";

import type { RegistryChange } from "../../schemas/registry.ts";
import { createMemoryTopic, openMemoryLog } from "./event-log/memory-log.ts";
import type { EventLog } from "./event-log/port.ts";
import { apiKeyOf, keyRing, makeKeyPair } from "./keys.ts";
import { openRegistry } from "./registry.ts";
import type { RegistryFold } from "./registry.ts";

const pepper = Buffer.alloc(32, 7);
const organization = { id: "o", name: "O" };
const project = { id: "p", name: "P", organizationId: "o", createdAt: 1 };

async function opened(log: EventLog): Promise<RegistryFold> {
  const fold = await openRegistry(log, () => 42);
  onTestFinished(() => fold.close());
  return fold;
}

async function openedLog(topic = createMemoryTopic(1)): Promise<EventLog> {
  const log = await openMemoryLog({ partitions: 1, topic });
  onTestFinished(() => log.close());
  return log;
}

test("of many callers that make the same project at once, one wins and the others learn that they did not", async () => {
  const log = await openedLog();
  const folds = [await opened(log), await opened(log), await opened(log)];
  await folds[0]?.submit({ type: "organization-create", organization }, "test");
  const change: RegistryChange = { type: "project-create", project };
  const callers = Array.from({ length: 10 }, () => folds).flat();
  const outcomes = await Promise.all(callers.map((fold) => fold.submit(change, "test")));
  expect(outcomes.filter((outcome) => outcome === "done")).toHaveLength(1);
  expect(outcomes.filter((outcome) => outcome === "conflict")).toHaveLength(29);
});

test("a process that starts later folds to the same state", async () => {
  const log = await openedLog();
  const first = await opened(log);
  await first.submit({ type: "organization-create", organization }, "test");
  await first.submit({ type: "project-create", project }, "test");
  const second = await opened(log);
  expect([...second.registry.projects]).toEqual([...first.registry.projects]);
  expect(second.position()).toBe("2");
});

test("a repeat of a command is answered with its first outcome", async () => {
  const fold = await opened(await openedLog());
  const change: RegistryChange = { type: "organization-create", organization };
  expect(await fold.submit(change, "test", "same id")).toBe("done");
  expect(await fold.submit(change, "test", "same id")).toBe("done");
});

test("write-api §1.7: a new key pair has Langfuse's form", () => {
  const uuid = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";
  const { publicKey, secretKey } = makeKeyPair();
  expect(publicKey).toMatch(new RegExp(`^pk-lf-${uuid}$`));
  expect(secretKey).toMatch(new RegExp(`^sk-lf-${uuid}$`));
});

test("a command of a later version stops the fold with an error that says so, instead of diverging", async () => {
  const log = await openedLog();
  const fold = await opened(log);
  const later = { id: "x", foldVersion: 99, at: 1, by: "t", change: { type: "unheard-of" } };
  await log.append([{ key: "registry", value: Buffer.from(JSON.stringify(later)) }]);
  await expect(fold.caughtUp()).rejects.toThrow("upgrade");
});

test("keys are known at once where they are made and elsewhere, and end when revoked", async () => {
  const log = await openedLog();
  const here = await opened(log);
  const elsewhere = keyRing(await opened(log), pepper);
  await here.submit({ type: "organization-create", organization }, "test");
  await here.submit({ type: "project-create", project }, "test");
  const pair = makeKeyPair();
  const key = apiKeyOf(pair, pepper, "p", null, 1);
  expect(JSON.stringify(key)).not.toContain(pair.secretKey);
  await here.submit({ type: "key-create", key }, "test");
  const info = { keyId: pair.publicKey, project: { id: "p", name: "P" }, organization };
  expect(await elsewhere.bySecret(pair.secretKey)).toEqual(info);
  expect(await elsewhere.byPublicKey(pair.publicKey)).toEqual(info);
  expect(await elsewhere.bySecret(`${pair.secretKey}x`)).toBeNull();
  expect(await keyRing(here, Buffer.alloc(32, 8)).bySecret(pair.secretKey)).toBeNull();

  await here.submit({ type: "key-revoke", publicKey: pair.publicKey }, "test");
  await expect.poll(() => elsewhere.bySecret(pair.secretKey)).toBeNull();
});
