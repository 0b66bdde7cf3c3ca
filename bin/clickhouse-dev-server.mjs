// `npm run dev:clickhouse -- --help`: starts the development server of clickhouse/dev-server from dist/.
// In a process of its own: the size of libuv's thread pool has to stand in the environment from the start.
import { fork } from "node:child_process";
import { join } from "node:path";

const main = join(import.meta.dirname, "..", "dist", "clickhouse", "dev-server", "main.js");
const env = { UV_THREADPOOL_SIZE: "32", ...process.env };
const child = fork(main, process.argv.slice(2), { env });
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code) => {
  process.exitCode = code ?? 1;
});
