/**
 * The entry of the `sluice` command: the one file that reads the process's environment.
 *
 * It is CommonJS on purpose. Node reads ES modules through libuv's thread pool, so in an ES module
 * the pool would already be running, with four threads, before the first line. The embedded engine
 * keeps one thread busy for every query under way and the log's fsyncs share the pool with it.
 */
process.env["UV_THREADPOOL_SIZE"] ??= "16";

/** For what a failed start may have left open; otherwise the event loop empties by itself. */
const lingerMs = 5000;

async function main(): Promise<void> {
  // Before anything else is loaded, so that no dependency ever sees prototypes that can be changed.
  const { harden } = await import("./runtime/harden.ts");
  harden();
  const { run } = await import("./command-line.ts");
  const { argv, env, stdout, stderr } = process;
  process.exitCode = await run(argv.slice(2), env, { stdout, stderr, signals: process });
  setTimeout(() => process.exit(), lingerMs).unref();
}

void main();
