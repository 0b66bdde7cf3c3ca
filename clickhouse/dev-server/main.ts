// Run by bin/clickhouse-dev-server.mjs, or by itself with UV_THREADPOOL_SIZE=32 in its environment.
import { parseArgs } from "node:util";
import { faultPath, openDevServer } from "./dev-server.ts";
import type { DevServer } from "./dev-server.ts";

const help = `Serves the embedded ClickHouse engine over ClickHouse's HTTP interface, on 127.0.0.1.
For development and tests on machines without a ClickHouse server; it is not one.
docs/clickhouse-dev-server.md says what it emulates.

  --directory PATH   where the engine keeps its data (./data/dev-clickhouse)
  --port PORT        port to listen on; 0 takes a free one (8123)
  --user NAME        the one user there is (default)
  --password TEXT    its password (none)
  --memory-mib MIB   memory that the engine may take (2048)
  --help             this text

Faults, until DELETE or for so many statements: POST ${faultPath}
  {"kind": "down" | "lost" | "cut" | "slow" | "refuse", "code": 252, "ms": 1000, "match": "INSERT", "times": 1}
`;

const options = {
  directory: { type: "string", default: "./data/dev-clickhouse" },
  port: { type: "string", default: "8123" },
  user: { type: "string", default: "default" },
  password: { type: "string", default: "" },
  "memory-mib": { type: "string", default: "2048" },
  help: { type: "boolean", default: false },
} as const;

/** Each waits on a thread of libuv's pool, which the script that starts this has made large enough. */
const statementsMax = 24;

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
  process.disconnect?.();
}

/** Starts it; SIGTERM or SIGINT stop it. */
async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options });
  if (values.help) {
    process.stdout.write(help);
    process.disconnect?.();
    return;
  }
  const server = await openDevServer({
    directory: values.directory,
    port: wholeNumber("--port", values.port, 65_535),
    user: values.user,
    password: values.password,
    memoryBytesMax: wholeNumber("--memory-mib", values["memory-mib"], 1_000_000) * 1024 ** 2,
    statementsMax,
  });
  process.stdout.write(`The ClickHouse development server is ready at ${server.url}\n`);
  // Without the process that started it there is nobody to stop it.
  process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));
  for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => void stop(server));
}

async function stop(server: DevServer): Promise<void> {
  await server.close();
  process.removeAllListeners("disconnect");
  process.disconnect?.();
}

function wholeNumber(name: string, text: string, max: number): number {
  if (/^\d{1,9}$/.test(text) && Number(text) <= max) return Number(text);
  throw new Error(`${name} must be a whole number up to ${max}.`);
}
