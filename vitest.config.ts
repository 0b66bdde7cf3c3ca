import { defineConfig } from "vitest/config";

/** What runs apart from the README's test command, by folder of `test/` (each has its own script). */
const apart = ["smoke", "sdk", "faults", "exporters", "kafka", "processes", "kafka-faults"];

/** Against hanging for ever, and longer than any wait inside a test: a test says best what it waited for in vain. */
const limitMs = 300_000;

const suites = apart.map((name) => ({
  extends: true as const,
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: limitMs,
    hookTimeout: limitMs,
    // These start the built command, which has threads enough of its own to keep a machine busy.
    maxWorkers: 1,
  },
}));

const unit = {
  extends: true as const,
  test: {
    name: "unit",
    include: ["{schemas,clickhouse,services,bench,test}/**/*.test.ts"],
    exclude: apart.map((name) => `test/${name}/**`),
  },
};

/** Not a test of every day: `npm run fuzz` starts it with a seed. */
const fuzz = {
  extends: true as const,
  test: {
    name: "fuzz",
    include: ["test/fuzz/*.fuzz.ts"],
    testTimeout: 3_600_000,
    disableConsoleIntercept: true,
  },
};

export default defineConfig({
  test: {
    // The embedded engine crashes under vitest's threads; forks give each file its own process.
    pool: "forks",
    // Without this a machine of two cores would use one of them.
    maxWorkers: "100%",
    // Of the unit tests; a busy machine makes each of them ten times slower.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    teardownTimeout: 60_000,
    expect: { poll: { timeout: 30_000, interval: 20 } },
    allowOnly: false,
    reporters: ["default", "json"],
    outputFile: { json: "reports/last.json" },
    projects: [unit, ...suites, fuzz],
  },
});
