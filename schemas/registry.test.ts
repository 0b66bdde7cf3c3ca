import { expect, test } from "vitest";

import type { ModelDefinition } from "./models.ts";
import { foldVersion, Registry } from "./registry.ts";
import type { ApiKey, RegistryChange } from "./registry.ts";

const organization = { id: "o", name: "O" };
const project = { id: "p", name: "P", organizationId: "o", createdAt: 1 };
const key: ApiKey = {
  publicKey: "pk",
  secretDigest: "d",
  displaySecretKey: "sk",
  projectId: "p",
  note: null,
  createdAt: 1,
  revokedAt: null,
};

function folded(...changes: readonly RegistryChange[]): { registry: Registry; outcomes: string[] } {
  const registry = new Registry();
  const outcomes = changes.map((change, index) =>
    registry.apply(
      { id: String(index), foldVersion, at: 10 + index, by: "test", change },
      index + 1,
    ),
  );
  return { registry, outcomes };
}

const made: RegistryChange[] = [
  { type: "organization-create", organization },
  { type: "project-create", project },
  { type: "key-create", key },
];

test("names and keys have one winner each: the first in the stream", () => {
  const { outcomes } = folded(...made, ...made, {
    type: "key-create",
    key: { ...key, publicKey: "other" },
  });
  expect(outcomes).toEqual([
    "done",
    "done",
    "done",
    "conflict",
    "conflict",
    "conflict",
    "conflict",
  ]);
});

test("what a command needs must be there", () => {
  const { outcomes } = folded(
    { type: "key-create", key },
    { type: "project-create", project },
    {
      type: "key-revoke",
      publicKey: "pk",
    },
  );
  expect(outcomes).toEqual(["not-found", "not-found", "not-found"]);
});

test("a key stays revoked since its first revocation", () => {
  const revoke: RegistryChange = { type: "key-revoke", publicKey: "pk" };
  const { registry, outcomes } = folded(...made, revoke, revoke);
  expect(outcomes.slice(3)).toEqual(["done", "done"]);
  expect(registry.keysBySecretDigest.get("d")?.revokedAt).toBe(13);
});

test("a command that is sent again gets its first outcome", () => {
  const { registry } = folded(...made);
  const again = {
    id: "1",
    foldVersion,
    at: 99,
    by: "test",
    change: made[1] ?? { type: "key-revoke", publicKey: "" },
  };
  expect(registry.apply(again, 9)).toBe("done");
});

test("a command of a later version stops the fold", () => {
  const change: RegistryChange = { type: "organization-create", organization };
  const later = { id: "x", foldVersion: foldVersion + 1, at: 1, by: "test", change };
  expect(() => new Registry().apply(later, 1)).toThrow("upgrade");
});

test("a model's name has one owner in a project at a time, and models need their project", () => {
  const tier = { id: "t", name: "Standard", priority: 0, conditions: [], prices: { input: "1" } };
  const model: ModelDefinition = {
    id: "m1",
    modelName: "house",
    matchPattern: "^house$",
    startDate: null,
    unit: null,
    tokenizerId: null,
    tokenizerConfig: null,
    tiers: [tier],
    rank: 0,
  };
  const create = (projectId: string, id: string): RegistryChange => ({
    type: "model-create",
    projectId,
    model: { ...model, id },
  });
  const { outcomes, registry } = folded(
    ...made,
    create("p", "m1"),
    create("p", "m2"),
    create("nobody", "m3"),
    { type: "model-delete", projectId: "p", id: "m2" },
    { type: "model-delete", projectId: "p", id: "m1" },
    create("p", "m4"),
  );
  expect(outcomes.slice(3)).toEqual(["done", "conflict", "not-found", "not-found", "done", "done"]);
  expect(registry.models.match("p", "house", 7, 0)?.definition.id).toBe("m1");
  expect(registry.models.match("p", "house", 8, 0)).toBeNull();
  expect(registry.models.match("p", "house", 9, 0)?.definition.id).toBe("m4");
});
