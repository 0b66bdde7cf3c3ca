import { defineConfig } from "vitest/config";

/** What runs apart from the README's test command, by folder of `test/` (each has its own script). */
const apart = ["smoke", "sdk", "faults"];

const suites = apart.map((name) => ({
  extends: true as const,
  // These start the built command, which takes longer than a call inside the process.
  test: { name, include: [`test/${name}/**/*.test.ts`], testTimeout: 60_000, hookTimeout: 60_000 },
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
    testTimeout: 20_000,
    allowOnly: false,
    reporters: ["default", "json"],
    outputFile: { json: "reports/last.json" },
    projects: [unit, ...suites, fuzz],
  },
});
