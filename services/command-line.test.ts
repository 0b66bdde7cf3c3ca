import { EventEmitter } from "node:events";
import { readFileSync } from "node:fs";
import { PassThrough } from "node:stream";

import { describe, expect, it } from "vitest";

import { run } from "./command-line.ts";
import { listSettings } from "./runtime/config.ts";
import type { Environment } from "./runtime/config.ts";

describe("the command line", () => {
  it.each([["--help"], ["-h"]])(
    "shows every command, setting and default with %s",
    async (...args) => {
      const { code, out, err } = await sluice(args);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      for (const command of [
        "standalone",
        "gateway",
        "writer",
        "query",
        "keys create",
        "keys list",
        "keys revoke",
        "export",
        "explain",
        "doctor",
      ])
        expect(out).toContain(`  sluice ${command}`);
      for (const { name, initial, about } of listSettings()) {
        expect(out).toContain(`${name}${initial === null ? "" : ` (${initial})`}\n`);
        expect(out).toContain(about);
      }
    },
  );

  it.each([
    [
      ["gateway", "--help"],
      ["SLUICE_PORT", "SLUICE_KAFKA_BROKERS", "SLUICE_QUERY_URL"],
      "CLICKHOUSE",
    ],
    [["writer", "-h"], ["SLUICE_CLICKHOUSE_URL", "SLUICE_WRITER_ROWS_MAX"], "SLUICE_ENGINE"],
    [["query", "--help"], ["SLUICE_READ_ROWS_MAX", "SLUICE_KEY_PEPPER"], "SLUICE_WRITER"],
    [["standalone", "--help"], ["SLUICE_ENGINE_READERS", "SLUICE_UPSTREAM_URL"], "SLUICE_KAFKA"],
    [["keys", "revoke", "-h"], ["SLUICE_DATA_DIR", "--public-key"], "SLUICE_PORT"],
  ])("shows with %j what concerns that command and nothing else", async (args, has, hasNot) => {
    const { code, out } = await sluice(args);
    expect(code).toBe(0);
    expect(out.match(/^ {2}sluice /gm)).toHaveLength(1);
    for (const text of has) expect(out).toContain(text);
    expect(out).not.toContain(hasNot);
  });

  it.each([
    ["gateway", ["SLUICE_KAFKA_BROKERS"]],
    ["writer", ["SLUICE_KAFKA_BROKERS", "SLUICE_CLICKHOUSE_URL"]],
    ["query", ["SLUICE_KAFKA_BROKERS", "SLUICE_CLICKHOUSE_URL"]],
  ])("does not start %s without what it needs, all of which it names", async (command, names) => {
    const { code, err } = await sluice([command]);
    expect(code).toBe(2);
    for (const name of names) expect(err).toMatch(new RegExp(`${name} is not set: .*like`));
  });

  it("shows the version of the package", async () => {
    const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
    const { version } = JSON.parse(manifest) as { version: string };
    expect(await sluice(["--version"])).toEqual({ code: 0, out: `${version}\n`, err: "" });
  });

  it.each([
    [["stanalone"], 'there is no command "stanalone"'],
    [["keys"], 'there is no command "keys"'],
    [["constructor"], 'there is no command "constructor"'],
    [["standalone", "now"], 'there is no command "standalone now"'],
    [["standalone", "--port", "1"], "Unknown option '--port'"],
    [["standalone", "--project", "p"], "standalone takes no --project"],
    [["keys", "list", "--note", "n"], "keys list takes no --note"],
    [["keys", "list", "--json"], "keys list takes no --json"],
    [["--project", "p"], "sluice takes no --project"],
    [["keys", "revoke"], "keys revoke needs --public-key"],
    [["export"], "export needs --project"],
    [["export", "--project", ""], "export needs --project"],
    [["explain"], "explain needs a FILE"],
    [["explain", "a", "b"], 'there is no command "explain a b"'],
    [["explain", "a", "--note", "n"], "explain takes no --note"],
  ])("refuses %j with 2 and says why", async (args, problem) => {
    const { code, out, err } = await sluice(args);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(problem);
    expect(err).toContain("sluice --help");
  });

  it("shows the help on standard error, with 2, when no command is given", async () => {
    const { code, out, err } = await sluice([]);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain("Commands:");
  });

  it("names every bad setting at once and starts nothing", async () => {
    const env = { SLUICE_PORT: "http", SLUICE_LOG_LEVEL: "loud" };
    const { code, out, err } = await sluice(["standalone"], env);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain('SLUICE_PORT is "http"');
    expect(err).toContain('SLUICE_LOG_LEVEL is "loud"');
  });
});

describe("--check-config", () => {
  it.each([[["--check-config"]], [["standalone", "--check-config"]]])(
    "shows what would be in force, without secrets, and starts nothing (%j)",
    async (args) => {
      const env = {
        SLUICE_PORT: "4000",
        SLUICE_PROT: "1",
        LANGFUSE_INIT_PROJECT_PUBLIC_KEY: "pk-lf-1",
        LANGFUSE_INIT_PROJECT_SECRET_KEY: "sk-lf-1",
      };
      const { code, out, err } = await sluice(args, env);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toContain("SLUICE_PORT=4000\n");
      expect(out).toContain("SLUICE_INIT_PROJECT_PUBLIC_KEY=pk-lf-1\n");
      expect(out).toContain("SLUICE_INIT_PROJECT_SECRET_KEY=(hidden)\n");
      expect(out).toContain("SLUICE_PROT is not a setting");
      expect(out).not.toContain("sk-lf-1");
    },
  );

  it("ends with 2 and every problem when the settings are wrong", async () => {
    const { code, err } = await sluice(["--check-config"], { SLUICE_PORT: "-1" });
    expect(code).toBe(2);
    expect(err).toContain("SLUICE_PORT");
  });
});

async function sluice(
  args: readonly string[],
  env: Environment = {},
): Promise<{ code: number; out: string; err: string }> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const signals = Object.assign(new EventEmitter(), { pid: 7, kill: unexpectedKill });
  const code = await run(args, env, { stdout, stderr, signals });
  return { code, out: textOf(stdout), err: textOf(stderr) };
}

function textOf(stream: PassThrough): string {
  const chunk: unknown = stream.read();
  return Buffer.isBuffer(chunk) ? chunk.toString() : "";
}

function unexpectedKill(): never {
  throw new Error("the process must not be ended by force");
}
