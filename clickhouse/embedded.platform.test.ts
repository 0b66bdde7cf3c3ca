import { expect, test } from "vitest";
import { openTestDb } from "./testing.ts";

test("on a platform without the engine, opening it says what it needs", async () => {
  Object.defineProperty(process, "platform", { value: "win32" });
  await expect(openTestDb()).rejects.toThrow(/does not load on win32-.*glibc or macOS/s);
});
