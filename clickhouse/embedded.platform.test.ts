import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { openEmbedded } from "./embedded.ts";

test("on a platform without the engine, opening it says what it needs", async () => {
  const directory = await mkdtemp(path.join(tmpdir(), "sluice-clickhouse-"));
  Object.defineProperty(process, "platform", { value: "win32" });
  const opening = openEmbedded({ directory, readers: 1, memoryBytesMax: 1e9, readDefaults: {} });
  await expect(opening).rejects.toThrow(/does not load on win32-.*glibc or macOS/s);
  await rm(directory, { recursive: true });
});
