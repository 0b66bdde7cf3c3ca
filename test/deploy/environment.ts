import { readFileSync } from "node:fs";
import { join } from "node:path";

import { parseAllDocuments } from "yaml";

import { commands } from "../../services/commands.ts";
import { listSettings, parseConfig } from "../../services/runtime/config.ts";

const folder = join(import.meta.dirname, "..", "..", "deploy");

export function textOf(path: string): string {
  return readFileSync(join(folder, path), "utf8");
}

/** The documents of a YAML file, with merge keys as Compose has them. Throws what the parser complains of, warnings too. */
export function documentsOf(path: string): readonly unknown[] {
  return parseAllDocuments(textOf(path), { merge: true }).map((document) => {
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) throw new Error(`${path}: ${problem.message}`);
    return document.toJS() as unknown;
  });
}

/** What is wrong with the environment that one of Sluice's commands is given; the values are those in force. */
export function environmentProblems(
  name: string,
  env: Readonly<Record<string, string>>,
): readonly string[] {
  const command = commands[name];
  if (command === undefined) return [`there is no command ${name}`];
  const parsed = parseConfig(env);
  if (!parsed.ok) return parsed.problems;
  const { config, warnings } = parsed;
  const read = new Set(listSettings(command.settings).map((setting) => setting.name));
  const unread = Object.keys(env).filter((key) => key.startsWith("SLUICE_") && !read.has(key));
  const lacking = (command.needs ?? []).filter(({ isMet }) => !isMet(config));
  return [
    ...warnings,
    ...unread.map((key) => `${name} does not read ${key}`),
    ...lacking.map(({ advice }) => advice),
    // A command that reads keys starts without the pepper only where a data directory holds one.
    ...(command.settings.includes("keyPepper") && config.keyPepper === null ? ["no pepper"] : []),
    ...(command.settings.includes("clickhouse") && config.clickhouse.password === null
      ? ["no password for ClickHouse"]
      : []),
    ...(name === "gateway" && config.forward.queryUrl === null ? ["no query process"] : []),
  ];
}

/** Milliseconds from SIGTERM until a command with this environment ends itself by force (services/commands.ts). */
export function stopMs(env: Readonly<Record<string, string>>): number {
  const parsed = parseConfig(env);
  if (!parsed.ok) throw new Error(parsed.problems.join("\n"));
  return parsed.config.drainMs + parsed.config.shutdownMs + 2_000;
}

/** Whether an image is named by a version, of which nothing newer can take the place unnoticed. */
export function isPinned(image: string): boolean {
  return /^[\w./-]+:v?\d+\.\d+\.\d+[\w.-]*(?:@sha256:[\da-f]{64})?$/.test(image);
}
