import { once } from "node:events";
import type { Writable } from "node:stream";

import type { Config } from "./runtime/config.ts";
import { stopRequested } from "./runtime/lifecycle.ts";
import type { SignalSource } from "./runtime/lifecycle.ts";
import type { Logger } from "./runtime/logger.ts";
import type { ProcessIo, Running } from "./runtime/process.ts";

/** What the command line touches of the process. */
export interface Surroundings {
  readonly stdout: Writable;
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly signals: SignalSource;
}

export const options = {
  project: { type: "string" },
  "public-key": { type: "string" },
  note: { type: "string" },
  json: { type: "boolean" },
  "check-config": { type: "boolean" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "v" },
} as const;

export interface Values {
  readonly project?: string;
  readonly "public-key"?: string;
  readonly note?: string;
  readonly json?: boolean;
  readonly "check-config"?: boolean;
  readonly help?: boolean;
  readonly version?: boolean;
}

export interface Command {
  readonly usage: string;
  readonly about: string;
  readonly required: readonly (keyof Values)[];
  readonly allowed: readonly (keyof Values)[];
  /** What stands behind the command's name, where it takes something there. */
  readonly operand?: string;
  /** The groups of settings that it reads. */
  readonly settings: Groups;
  /** What it cannot do without, as the settings' paths; each is named when it is missing. */
  readonly needs?: readonly Need[];
  readonly run: (call: Call) => Promise<void>;
}

export interface Need {
  readonly isMet: (config: Config) => boolean;
  /** What to set, in a sentence. */
  readonly advice: string;
}

/** One use of a command whose arguments and configuration were found good. */
export interface Call {
  readonly config: Config;
  readonly values: Values;
  /** Empty for a command that takes none. */
  readonly operand: string;
  readonly around: Surroundings;
  readonly logger: Logger;
}

type Groups = readonly (keyof Config)[];

const ofAll: Groups = ["logLevel", "shutdownMs"];
const ofDirectory: Groups = ["dataDir", "eventLog", "engine", "keyPepper", "init", ...ofAll];
/** Who may call, and the first of them. */
const ofKeys: Groups = ["dataDir", "keyPepper", "init", ...ofAll];

const kafka: Need = {
  isMet: ({ kafka: { brokers } }) => brokers !== null,
  advice: "SLUICE_KAFKA_BROKERS is not set: it names the brokers, like kafka-1:9092,kafka-2:9092.",
};
const clickhouse: Need = {
  isMet: ({ clickhouse: { url } }) => url !== null,
  advice: "SLUICE_CLICKHOUSE_URL is not set: it names the server, like http://clickhouse:8123.",
};

export const commands: Readonly<Record<string, Command>> = {
  standalone: {
    usage: "standalone",
    about: "Gateway, writer and query in one process, with an embedded ClickHouse engine.",
    required: [],
    allowed: [],
    settings: ["http", "otlp", "writer", "reads", "forward", ...ofDirectory],
    run: standalone,
  },
  gateway: {
    usage: "gateway",
    about: "Takes in events over HTTP and gRPC and appends them to Kafka; sends reads on.",
    required: [],
    allowed: [],
    settings: ["http", "otlp", "kafka", "gateway", "forward", "drainMs", ...ofKeys],
    needs: [kafka],
    run: gateway,
  },
  writer: {
    usage: "writer",
    about: "Moves events from Kafka to a ClickHouse server; several share the work.",
    required: [],
    allowed: [],
    settings: ["http", "kafka", "clickhouse", "writer", "reads", "drainMs", ...ofAll],
    needs: [kafka, clickhouse],
    run: async (call) =>
      await runProcess(call, async (io) => {
        const { startWriterProcess } = await import("./writer/process.ts");
        return await startWriterProcess(call.config, io);
      }),
  },
  query: {
    usage: "query",
    about: "Answers reads from a ClickHouse server, with its configuration from Kafka.",
    required: [],
    allowed: [],
    settings: ["http", "kafka", "clickhouse", "reads", "drainMs", ...ofKeys],
    needs: [kafka, clickhouse],
    run: async (call) =>
      await runProcess(call, async (io) => {
        const { startQuery } = await import("./query/process.ts");
        const { gatewayDescriptions } = await import("./gateway/descriptions.ts");
        return await startQuery(call.config, io, gatewayDescriptions);
      }),
  },
  "keys create": {
    usage: "keys create [--project ID] [--note TEXT]",
    about: "Makes a key pair and shows its secret once.",
    required: [],
    allowed: ["project", "note"],
    settings: ofDirectory,
    run: (call) => keys(call, "create"),
  },
  "keys list": {
    usage: "keys list [--project ID]",
    about: "Lists keys, without their secrets.",
    required: [],
    allowed: ["project"],
    settings: ofDirectory,
    run: (call) => keys(call, "list"),
  },
  "keys revoke": {
    usage: "keys revoke --public-key KEY",
    about: "Ends a key pair, for good.",
    required: ["public-key"],
    allowed: ["public-key"],
    settings: ofDirectory,
    run: (call) => keys(call, "revoke"),
  },
  export: {
    usage: "export --project ID",
    about: "Writes every row of a project to standard output, one JSON object a line.",
    required: ["project"],
    allowed: ["project"],
    settings: ofDirectory,
    run: exportProject,
  },
  explain: {
    usage: "explain FILE",
    about: "Shows what would become of the spans of an OTLP request, in protobuf or JSON.",
    required: [],
    allowed: [],
    operand: "FILE",
    settings: [],
    run: explainFile,
  },
  doctor: {
    usage: "doctor [--json]",
    about: "Looks at all that the settings name (Kafka, ClickHouse, disks) and says what to do.",
    required: [],
    allowed: ["json"],
    settings: ["kafka", "clickhouse", "forward", ...ofDirectory],
    run: doctor,
  },
};

/** How long closing may overrun its own deadline before the process is ended by force. */
const forceAfterMs = 1000;

/** Runs until it is told to stop, or cannot go on by itself. */
async function runProcess(
  { config, around, logger }: Call,
  start: (io: ProcessIo) => Promise<Pick<Running, "close"> & Partial<Running>>,
  signals: SignalSource = around.signals,
): Promise<void> {
  // Before anything opens, so that a signal during the start is not lost.
  const deadlineMs = config.shutdownMs + config.drainMs + forceAfterMs;
  const stop = stopRequested({ deadlineMs, logger, source: signals });
  const print = (line: string): void => void around.stdout.write(`${line}\n`);
  const running = await start({ logger, print });
  const why = await Promise.race([stop, ...(running.ended ? [running.ended] : [])]);
  await running.close();
  if (typeof why === "string") throw new Error(`${why}: start it again`);
}

async function standalone(call: Call): Promise<void> {
  await runProcess(call, async (io) => {
    // Loaded only here: the engine is large, and the other commands do without it.
    const { startStandalone } = await import("./standalone/standalone.ts");
    return await startStandalone(call.config, io);
  });
}

async function gateway(call: Call): Promise<void> {
  const { config, around, logger } = call;
  const workers = await import("./gateway/workers.ts");
  if (config.gateway.workers > 1 && !workers.isWorker()) {
    const deadlineMs = config.shutdownMs + config.drainMs + 2 * forceAfterMs;
    const stop = stopRequested({ deadlineMs, logger, source: around.signals });
    return await workers.superviseWorkers({ count: config.gateway.workers, log: logger, stop });
  }
  const start = async (io: ProcessIo): Promise<Running> => {
    const { startGateway } = await import("./gateway/process.ts");
    const { queryDescriptions } = await import("./query/descriptions.ts");
    const { pageRoutes } = await import("./query/docs.ts");
    return await startGateway(config, io, [...queryDescriptions, ...pageRoutes]);
  };
  try {
    const signals = workers.isWorker() ? workers.workerSignals(process) : around.signals;
    await runProcess(call, start, signals);
  } finally {
    workers.leaveSupervisor();
  }
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
    if (!(error instanceof Error && "code" in error && error.code === "EPIPE")) throw error;
  }
}

async function explainFile({ operand, around }: Call): Promise<void> {
  // Apart from the other commands: it needs no engine.
  const { explainCommand } = await import("./standalone/explain.ts");
  await explainCommand(operand, lineWriter(around.stdout));
}

async function doctor({ config, values, around, logger }: Call): Promise<void> {
  const { doctorCommand } = await import("./standalone/doctor.ts");
  const print = lineWriter(around.stdout);
  await doctorCommand({ config, log: logger, json: values.json === true, print });
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
