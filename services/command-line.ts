import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import type { Writable } from "node:stream";
import { parseArgs } from "node:util";

import { listSettings, parseConfig, showConfig } from "./runtime/config.ts";
import type { Config, Environment } from "./runtime/config.ts";
import { stopRequested } from "./runtime/lifecycle.ts";
import type { SignalSource } from "./runtime/lifecycle.ts";
import { createLogger } from "./runtime/logger.ts";
import type { Logger } from "./runtime/logger.ts";

/** What the command line touches of the process. */
export interface Surroundings {
  readonly stdout: Writable;
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly signals: SignalSource;
}

const exitCodes = { done: 0, failed: 1, usage: 2 } as const;

/** How long closing may overrun its own deadline before the process is ended by force. */
const forceAfterMs = 1000;

const options = {
  project: { type: "string" },
  "public-key": { type: "string" },
  note: { type: "string" },
  "check-config": { type: "boolean" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "v" },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof options }>>["values"];

interface Command {
  readonly usage: string;
  readonly about: string;
  readonly required: readonly (keyof Values)[];
  readonly allowed: readonly (keyof Values)[];
  /** What stands behind the command's name, where it takes something there. */
  readonly operand?: string;
  readonly run: (call: Call) => Promise<void>;
}

/** One use of a command whose arguments and configuration were found good. */
interface Call {
  readonly config: Config;
  readonly values: Values;
  /** Empty for a command that takes none. */
  readonly operand: string;
  readonly around: Surroundings;
  readonly logger: Logger;
}

const commands: Readonly<Record<string, Command>> = {
  standalone: {
    usage: "standalone",
    about: "Gateway, writer and query in one process, with an embedded ClickHouse engine.",
    required: [],
    allowed: [],
    run: standalone,
  },
  "keys create": {
    usage: "keys create [--project ID] [--note TEXT]",
    about: "Makes a key pair and shows its secret once.",
    required: [],
    allowed: ["project", "note"],
    run: (call) => keys(call, "create"),
  },
  "keys list": {
    usage: "keys list [--project ID]",
    about: "Lists keys, without their secrets.",
    required: [],
    allowed: ["project"],
    run: (call) => keys(call, "list"),
  },
  "keys revoke": {
    usage: "keys revoke --public-key KEY",
    about: "Ends a key pair, for good.",
    required: ["public-key"],
    allowed: ["public-key"],
    run: (call) => keys(call, "revoke"),
  },
  export: {
    usage: "export --project ID",
    about: "Writes every row of a project to standard output, one JSON object a line.",
    required: ["project"],
    allowed: ["project"],
    run: exportProject,
  },
  explain: {
    usage: "explain FILE",
    about: "Shows what would become of the spans of an OTLP request, in protobuf or JSON.",
    required: [],
    allowed: [],
    operand: "FILE",
    run: explainFile,
  },
};

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
    around.stdout.write(asked.values.help === true ? help() : `${version()}\n`);
    return exitCodes.done;
  }
  const parsed = parseConfig(env);
  if (!parsed.ok) {
    say(`sluice: the settings need attention:\n${parsed.problems.map(indented).join("\n")}`);
    return exitCodes.usage;
  }
  if (asked.values["check-config"] === true) {
    around.stdout.write(`${[...showConfig(env), ...parsed.warnings].join("\n")}\n`);
    return exitCodes.done;
  }
  if (asked.command === null) {
    say(help().trimEnd());
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

async function standalone({ config, around, logger }: Call): Promise<void> {
  // Before anything opens, so that a signal during the start is not lost.
  const deadlineMs = config.shutdownMs + forceAfterMs;
  const stop = stopRequested({ deadlineMs, logger, source: around.signals });
  // Loaded only here: the engine is large, and the other commands do without it.
  const { startStandalone } = await import("./standalone/standalone.ts");
  const print = (line: string): void => void around.stdout.write(`${line}\n`);
  const running = await startStandalone(config, { logger, print });
  await stop;
  await running.close();
}

async function keys(call: Call, action: "create" | "list" | "revoke"): Promise<void> {
  const { keysCommand } = await import("./standalone/commands.ts");
  const { project, "public-key": publicKey, note } = call.values;
  await keysCommand(call.config, {
    action,
    ...(project !== undefined && { project }),
    ...(publicKey !== undefined && { publicKey }),
    ...(note !== undefined && { note }),
    print: lineWriter(call.around.stdout),
  });
}

async function exportProject({ config, values, around }: Call): Promise<void> {
  const { exportCommand } = await import("./standalone/commands.ts");
  try {
    const print = lineWriter(around.stdout);
    await exportCommand(config, { project: values.project ?? "", print });
  } catch (error) {
    // The reader had enough, as `head` does.
    if (codeOf(error) !== "EPIPE") throw error;
  }
}

async function explainFile({ operand, around }: Call): Promise<void> {
  // Apart from the other commands: it needs no engine.
  const { explainCommand } = await import("./standalone/explain.ts");
  await explainCommand(operand, lineWriter(around.stdout));
}

/** Writes lines as fast as their reader takes them; rejects once the reader is gone. */
function lineWriter(stream: Writable): (line: string) => Promise<void> {
  let broken: Error | null = null;
  stream.once("error", (error) => {
    broken = error;
  });
  return async (line) => {
    if (broken !== null) throw broken;
    if (!stream.write(`${line}\n`)) await once(stream, "drain");
  };
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
  for (const option of ["project", "public-key", "note"] as const) {
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

function help(): string {
  const list = Object.values(commands).map(
    ({ usage, about }) => `  sluice ${usage}\n      ${about}`,
  );
  const settings = listSettings().map(({ name, twin, initial, about }) => {
    const also = twin === null ? "" : ` Also read as ${twin}.`;
    return `  ${name}${initial === null ? "" : ` (${initial})`}\n      ${about}${also}`;
  });
  return [
    "Sluice takes in traces of LLM applications and stores them in ClickHouse.",
    `Commands:\n${list.join("\n")}`,
    "Options:\n  --check-config  Check the settings, show them, and end.\n  -h, --help\n  -v, --version",
    `Settings, from the environment (defaults in parentheses):\n${settings.join("\n")}\n`,
  ].join("\n\n");
}

/** From package.json, which lies one folder up from the source and two up from the build. */
function version(): string {
  const path = ["../package.json", "../../package.json"].find((candidate) =>
    existsSync(new URL(candidate, import.meta.url)),
  );
  if (path === undefined) return "unknown";
  const manifest: unknown = JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"));
  return typeof manifest === "object" && manifest !== null && "version" in manifest
    ? String(manifest.version)
    : "unknown";
}

function indented(line: string): string {
  return `  ${line}`;
}
