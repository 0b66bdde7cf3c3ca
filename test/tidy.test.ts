import { join } from "node:path";

import { describe, expect, it } from "vitest";

import {
  areaOf,
  citationViolations,
  environmentViolations,
  importViolations,
  lengthViolations,
  lockViolations,
  mayImport,
  migrationViolations,
  purityViolations,
  readTree,
  strayViolations,
  switchedOffViolations,
} from "./tidy.ts";
import type { Lock, SourceFile } from "./tidy.ts";

const files = readTree(join(import.meta.dirname, ".."));
const textOf = (path: string): string => files.find((file) => file.path === path)?.text ?? "";

describe("this repository", () => {
  it.each(Object.keys(mayImport))(
    "has sources in %s, so that the rules below check something",
    (area) => {
      expect(files.filter(({ path }) => path.endsWith("ts") && areaOf(path) === area)).not.toEqual(
        [],
      );
    },
  );

  it("imports only along the map", () => {
    expect(importViolations(files)).toEqual([]);
  });

  it("keeps schemas pure: no clock, no randomness, no I/O", () => {
    expect(purityViolations(files)).toEqual([]);
  });

  it("reads the environment only in the command line's entry", () => {
    expect(environmentViolations(files)).toEqual([]);
    expect(textOf("services/cli.cts")).toContain("process");
  });

  it("has no source file over 400 lines", () => {
    expect(lengthViolations(files)).toEqual([]);
  });

  it("numbers its migrations without gaps", () => {
    expect(migrationViolations(files)).toEqual([]);
  });

  it("cites only paths that exist", () => {
    expect(citationViolations(files)).toEqual([]);
  });

  it("switches no test off", () => {
    expect(switchedOffViolations(files)).toEqual([]);
  });

  it("names no machine's path and no registry's host, and holds nothing that a build made", () => {
    expect(strayViolations(files)).toEqual([]);
  });

  it("has a lock file that is complete for every platform", () => {
    const lock = JSON.parse(textOf("package-lock.json")) as Lock;
    expect(Object.keys(lock.packages).length).toBeGreaterThan(50);
    expect(lockViolations(lock)).toEqual([]);
  });

  it("draws the same import map in its architecture page, which stays within 120 lines", () => {
    const page = textOf("ARCHITECTURE.md");
    expect(page.split("\n").length - 1).toBeLessThanOrEqual(120);
    for (const [area, allowed] of Object.entries(mayImport)) {
      const names =
        area === "test"
          ? "everything"
          : allowed.map((name) => `\`${name}\``).join(", ") || "nothing";
      const row = new RegExp(`^\\| \`${area}\` +\\| ${names} +\\|`, "m");
      expect(page, `the row of ${area}`).toMatch(row);
    }
  });

  it("gives the same two commands in the README, the contributors' page and CI", () => {
    expect(textOf("README.md")).toContain("npm ci && npm start");
    expect(textOf("README.md")).toContain("npm ci && npm test");
    expect(textOf(".ci/run")).toMatch(/npm ci\b[\s\S]*npm test\b/);
  });
});

describe("the rules find what they are for", () => {
  it.each<[string, (tree: readonly SourceFile[]) => readonly string[], string, string, string]>([
    [
      "a forbidden import",
      importViolations,
      "services/gateway/a.ts",
      'import { b } from "../../clickhouse/engine.ts";',
      "services/gateway must not import clickhouse",
    ],
    [
      "one between services",
      importViolations,
      "services/query/a.ts",
      'import type { B } from "../writer/b.ts";',
      "services/query must not import services/writer",
    ],
    [
      "a lazy one",
      importViolations,
      "schemas/a.ts",
      'const b = await import("../services/runtime/b.ts");',
      "schemas must not import services/runtime",
    ],
    [
      "one without the suffix",
      importViolations,
      "schemas/a.ts",
      'export * from "./b";',
      "does not end in .ts",
    ],
    [
      "one out of the tree",
      importViolations,
      "bench/a.ts",
      'import "../bin/build.ts";',
      "outside the import map",
    ],
    [
      "a test imported by what ships",
      importViolations,
      "services/writer/a.ts",
      'import { b } from "./testing.ts";',
      "is for tests",
    ],
    [
      "the engine outside its folder",
      importViolations,
      "services/writer/a.ts",
      'import { Session } from "chdb";',
      "chdb belongs to clickhouse",
    ],
    ["an unknown folder", importViolations, "lib/a.ts", "", "no folder of the import map"],
    [
      "a clock in schemas",
      purityViolations,
      "schemas/a.ts",
      "export const now = Date.now();",
      "schemas/a.ts:1",
    ],
    [
      "I/O in schemas",
      purityViolations,
      "schemas/a.ts",
      'import { readFileSync } from "node:fs";',
      "schemas/a.ts:1",
    ],
    [
      "a read of the environment",
      environmentViolations,
      "services/writer/a.ts",
      "const port = process.env.PORT;",
      "services/writer/a.ts:1",
    ],
    [
      "a hidden one",
      environmentViolations,
      "clickhouse/a.ts",
      "const { env } = process;",
      "clickhouse/a.ts:1",
    ],
    ["a file of 401 lines", lengthViolations, "schemas/a.ts", "\n".repeat(401), "401 lines"],
    [
      "a migration with a gap before it",
      migrationViolations,
      "clickhouse/migrations/0002_a.sql",
      "",
      "expected number 1",
    ],
    ["no migrations at all", migrationViolations, "schemas/a.ts", "", "no migration found"],
    [
      "a citation of a missing file",
      citationViolations,
      "README.md",
      "See `schemas/ghost.ts`.",
      "schemas/ghost.ts does not exist",
    ],
    [
      "a link to a missing page",
      citationViolations,
      "README.md",
      "See [it](docs/ghost.md#part).",
      "docs/ghost.md does not exist",
    ],
    [
      "a skipped test",
      switchedOffViolations,
      "schemas/a.test.ts",
      'it.skip("later", () => {});',
      "it.skip",
    ],
    [
      "a lone test",
      switchedOffViolations,
      "schemas/a.test.ts",
      'describe.concurrent.only("a", () => {});',
      ".only",
    ],
    [
      "a machine's path",
      strayViolations,
      "README.md",
      ["", "home", "me", "sluice"].join("/"),
      "README.md:1",
    ],
    [
      "a registry's host",
      strayViolations,
      ".npmrc",
      ["registry", "example.com"].join("."),
      ".npmrc:1",
    ],
    ["a generated file", strayViolations, "deploy/bundle.js", "", "generated"],
  ])("%s", (_what, rule, path, text, expected) => {
    const violations = rule([{ path, text }]);
    expect(violations).toHaveLength(1);
    expect(violations[0]).toContain(expected);
  });

  it("a package missing in the lock file", () => {
    const lock = {
      packages: {
        "": { dependencies: { a: "1" } },
        "node_modules/a": { optionalDependencies: { b: "1" } },
      },
    };
    expect(lockViolations(lock)).toEqual(["node_modules/a needs b"]);
    expect(lockViolations({ packages: { ...lock.packages, "node_modules/b": {} } })).toEqual([]);
    expect(
      lockViolations({ packages: { ...lock.packages, "node_modules/a/node_modules/b": {} } }),
    ).toEqual([]);
  });

  it("and let pass what is allowed", () => {
    const allowed = [
      {
        path: "services/writer/a.ts",
        text: 'import { b } from "../../schemas/b.ts";\n// process.env is not read here',
      },
      { path: "services/writer/a.test.ts", text: 'import { c } from "../../test/c.ts";' },
      {
        path: "schemas/b.ts",
        text: 'import { createHash } from "node:crypto";\nexport const at = new Date(0);',
      },
      { path: "services/cli.cts", text: "process.env" },
    ];
    for (const rule of [
      importViolations,
      purityViolations,
      environmentViolations,
      lengthViolations,
      switchedOffViolations,
      strayViolations,
    ])
      expect(rule(allowed)).toEqual([]);
  });
});
