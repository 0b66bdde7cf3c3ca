import { expect, test } from "vitest";
import { insertRows } from "./insert.ts";
import { allIds, greatestVer, lookupRows } from "./lookup.ts";
import { migrate } from "./migrate.ts";
import { observationRow, openTestDb } from "./testing.ts";

test("everything works in a process whose prototypes are frozen and have no __proto__", async () => {
  Reflect.deleteProperty(Object.prototype, "__proto__");
  for (const prototype of [Object.prototype, Array.prototype, Function.prototype]) {
    Object.freeze(prototype);
  }
  const db = await openTestDb();
  await migrate(db);
  const metadata = Object.fromEntries([
    ["__proto__", "a"],
    ["constructor", "b"],
    ["toString", "c"],
  ]);
  const row = observationRow({ metadata });
  await insertRows(db, "observations", [row]);
  const [found] = await lookupRows(db, "observations", [{ project: "project-1", id: "id-1" }]);
  const ids: unknown[] = [];
  for await (const chunk of allIds(db, "observations")) ids.push(...chunk);
  const refusal = await db.query("SELECT nope").catch((error: unknown) => String(error));
  const greatest = await greatestVer(db);
  await db.close();

  expect(Object.entries(found?.metadata ?? {})).toEqual(Object.entries(metadata));
  expect(ids).toEqual([{ project: "project-1", id: "id-1" }]);
  expect(greatest).toBe(1n);
  expect(refusal).toContain("47");
});
