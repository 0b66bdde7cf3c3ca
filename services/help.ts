import { existsSync, readFileSync } from "node:fs";

import type { Command } from "./commands.ts";
import { commands } from "./commands.ts";
import { listSettings } from "./runtime/config.ts";
import type { Setting } from "./runtime/setting.ts";

/** What `--help` shows: of all commands, or of one with the settings that concern it. */
export function help(command: Command | null): string {
  const shown = command ? [command] : Object.values(commands);
  const list = shown.map(({ usage, about }) => `  sluice ${usage}\n      ${about}`);
  const settings = listSettings(command?.settings).map((entry) => settingLine(entry));
  return [
    "Sluice takes in traces of LLM applications and stores them in ClickHouse.",
    `${command ? "Usage" : "Commands"}:\n${list.join("\n")}`,
    "Options:\n  --check-config  Check the settings, show them, and end.\n  -h, --help      With a command: what concerns it.\n  -v, --version",
    `Settings, from the environment (defaults in parentheses):\n${settings.join("\n")}\n`,
  ].join("\n\n");
}

function settingLine({ name, twin, initial, about }: Setting<unknown>): string {
  const also = twin === null ? "" : ` Also read as ${twin}.`;
  return `  ${name}${initial === null ? "" : ` (${initial})`}\n      ${about}${also}`;
}

/** From package.json, which lies one folder up from the source and two up from the build. */
export function version(): string {
  const path = ["../package.json", "../../package.json"].find((candidate) =>
    existsSync(new URL(candidate, import.meta.url)),
  );
  if (path === undefined) return "unknown";
  const manifest: unknown = JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"));
  return typeof manifest === "object" && manifest !== null && "version" in manifest
    ? String(manifest.version)
    : "unknown";
}
