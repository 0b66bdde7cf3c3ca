import { parseArgs } from "node:util";

import { commands, options } from "./commands.ts";
import type { Command, Surroundings, Values } from "./commands.ts";
import { help, version } from "./help.ts";
import { parseConfig, showConfig } from "./runtime/config.ts";
import type { Config, Environment } from "./runtime/config.ts";
import { createLogger } from "./runtime/logger.ts";

const exitCodes = { done: 0, failed: 1, usage: 2 } as const;

/**
 * Runs one command line. Resolves with the exit code: 0 when done, 1 when it failed, 2 when the
 * arguments or settings are wrong, with every problem named on standard error.
 */
export async function run(
  args: readonly string[],
  env: Environment,
  around: Surroundings,
): Promise<number> {
  // Whoever reads our output may go away at any time; that alone must not end the process.
  for (const stream of [around.stdout, around.stderr]) stream.on("error", () => {});
  const say = (line: string): void => void around.stderr.write(`${line}\n`);

  const asked = parseCommand(args);
  if ("problem" in asked) {
    say(`sluice: ${asked.problem}\nTry: sluice --help`);
    return exitCodes.usage;
  }
  if (asked.values.help === true || asked.values.version === true) {
    around.stdout.write(asked.values.help === true ? help(asked.command) : `${version()}\n`);
    return exitCodes.done;
  }
  const parsed = parseConfig(env);
  if (!parsed.ok) {
    say(`sluice: the settings need attention:\n${parsed.problems.map(indented).join("\n")}`);
    return exitCodes.usage;
  }
  const missing = (asked.command?.needs ?? []).filter(({ isMet }) => !isMet(parsed.config));
  if (missing.length > 0) {
    const lines = missing.map(({ advice }) => indented(advice));
    say(`sluice: the settings need attention:\n${lines.join("\n")}`);
    return exitCodes.usage;
  }
  if (asked.values["check-config"] === true) {
    around.stdout.write(`${[...showConfig(env), ...parsed.warnings].join("\n")}\n`);
    return exitCodes.done;
  }
  if (asked.command === null) {
    say(help(null).trimEnd());
    return exitCodes.usage;
  }
  const logger = createLogger({
    level: parsed.config.logLevel,
    format: around.stderr.isTTY === true ? "human" : "json",
    write: (line) => void around.stderr.write(line),
  });
  for (const warning of parsed.warnings) logger.warn(warning);
  try {
    const { values, operand } = asked;
    await asked.command.run({ config: parsed.config, values, operand, around, logger });
    return exitCodes.done;
  } catch (error) {
    logger.debug("failed", { error });
    say(`sluice: ${explain(error, parsed.config)}`);
    return exitCodes.failed;
  }
}

type Asked =
  | { readonly command: Command | null; readonly values: Values; readonly operand: string }
  | { readonly problem: string };

function parseCommand(args: readonly string[]): Asked {
  let parsed;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
  const { values, positionals } = parsed;
  const { name, command, operand } = commandOf(positionals);
  if (name !== "" && command === null) return { problem: `there is no command "${name}"` };
  if (values.help === true || values.version === true) return { command, values, operand };
  for (const option of ["project", "public-key", "note", "json"] as const) {
    if (values[option] !== undefined && command?.allowed.includes(option) !== true)
      return { problem: `${name || "sluice"} takes no --${option}` };
  }
  const missing = command?.required.find((option) => !values[option]);
  if (missing !== undefined && values["check-config"] !== true)
    return { problem: `${name} needs --${missing}` };
  if (command?.operand !== undefined && operand === "" && values["check-config"] !== true)
    return { problem: `${name} needs a ${command.operand}` };
  return { command, values, operand };
}

function commandOf(positionals: readonly string[]): {
  readonly name: string;
  readonly command: Command | null;
  readonly operand: string;
} {
  const [first = "", second = ""] = positionals;
  const taking = positionals.length <= 2 ? commandNamed(first) : null;
  if (taking?.operand !== undefined) return { name: first, command: taking, operand: second };
  const name = positionals.join(" ");
  return { name, command: commandNamed(name), operand: "" };
}

function commandNamed(name: string): Command | null {
  return Object.hasOwn(commands, name) ? (commands[name] ?? null) : null;
}

function explain(error: unknown, config: Config): string {
  const { host, port } = config.http;
  switch (codeOf(error)) {
    case "EADDRINUSE":
      return `${host}:${port} is in use: stop what listens there, or set SLUICE_PORT.`;
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `${host} is not an address of this machine: set SLUICE_HOST.`;
    case "EACCES":
      return `${error instanceof Error ? error.message : ""}: allow it, or choose another SLUICE_DATA_DIR or SLUICE_PORT.`;
    default:
      return error instanceof Error ? error.message : String(error);
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function indented(line: string): string {
  return `  ${line}`;
}
