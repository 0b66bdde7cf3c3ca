import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { runSluice } from "./run-sluice.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-"));
/** Loaded before the command; tells at its end how many threads it has and whether it is hardened. */
const probe = join(folder, "probe.cjs");
writeFileSync(
  probe,
  `process.on("exit", () => {
    const threads = require("node:fs").readdirSync("/proc/self/task").length;
    const hardened = Object.isFrozen(Object.prototype) && {}.__proto__ === undefined;
    process.stderr.write(JSON.stringify({ threads, hardened }));
  });`,
);

afterAll(() => rmSync(folder, { recursive: true }));

describe("the entry of the built command", () => {
  it("sets the thread pool to 16 threads before the pool starts, unless told otherwise", async () => {
    const { threads } = await probed({});
    expect(threads - (await probed({ UV_THREADPOOL_SIZE: "5" })).threads).toBe(11);
  });

  it("hardens the process before it runs anything", async () => {
    expect((await probed({})).hardened).toBe(true);
  });
});

async function probed(
  env: Readonly<Record<string, string>>,
): Promise<{ threads: number; hardened: boolean }> {
  const { code, err } = await runSluice(["--version"], {
    ...env,
    NODE_OPTIONS: `--require=${probe}`,
  });
  expect(code).toBe(0);
  return JSON.parse(err) as { threads: number; hardened: boolean };
}
