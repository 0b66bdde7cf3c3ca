import cluster from "node:cluster";
import type { Worker } from "node:cluster";

import type { SignalSource } from "../runtime/lifecycle.ts";
import type { Logger } from "../runtime/logger.ts";

export interface WorkersOptions {
  readonly count: number;
  readonly log: Logger;
  /** Resolves when all of them are to stop. */
  readonly stop: Promise<void>;
}

/** Starts in a row that came to nothing; then the others are stopped and the process ends. */
const failedStartsMax = 5;
const restartMsMax = 5_000;

/** Whether this process is one of several that share a port. */
export function isWorker(): boolean {
  return cluster.isWorker;
}

/** Ends a worker's connection to its supervisor, which would keep the process alive. */
export function leaveSupervisor(): void {
  cluster.worker?.disconnect();
}

/**
 * Runs this command line in so many processes that share its port, and starts one anew when it dies. Limits hold for
 * each of them. Resolves when all have stopped; rejects when they cannot be started.
 */
export async function superviseWorkers({ count, log, stop }: WorkersOptions): Promise<void> {
  const alive = new Set<Worker>();
  let stopping = false;
  let failedStarts = 0;

  function stopAll(): void {
    stopping = true;
    for (const worker of alive) if (worker.isConnected()) worker.send(stopMessage);
  }

  /** One of the `count`: resolves when it is not to be started again. */
  async function keepOne(): Promise<void> {
    while (!stopping) {
      const worker = cluster.fork();
      alive.add(worker);
      const fields = { pid: worker.process.pid, worker: worker.id };
      const { isReady, ...end } = await lifeOf(worker, () => {
        failedStarts = 0;
        log.info("worker ready", fields);
      });
      alive.delete(worker);
      if (stopping) log.info("worker stopped", { ...fields, ...end });
      else log.error("worker died, another is started", { ...fields, ...end });
      if (!isReady) failedStarts += 1;
      if (failedStarts >= failedStartsMax) stopAll();
      if (!stopping) await waitOr(stop, Math.min(100 * 2 ** failedStarts, restartMsMax));
    }
  }

  void stop.then(stopAll);
  await Promise.all(Array.from({ length: count }, keepOne));
  if (failedStarts < failedStartsMax) return;
  throw new Error(
    `no worker gets ready: ${failedStarts} in a row ended before, see what they said`,
  );
}

const stopMessage = "stop";

interface End {
  readonly isReady: boolean;
  readonly code: number;
  readonly signal: string;
}

function lifeOf(worker: Worker, onReady: () => void): Promise<End> {
  let isReady = false;
  worker.on("listening", () => {
    // Once for each of its ports.
    if (!isReady) onReady();
    isReady = true;
  });
  return new Promise((resolve) => {
    worker.once("exit", (code, signal) => resolve({ isReady, code, signal }));
  });
}

async function waitOr(stop: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const waited = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([waited, stop]);
  clearTimeout(timer);
}

/**
 * The signals of a worker: it stops when its supervisor says so. A terminal sends its interrupt to all processes at
 * once, and a second signal would end them without their draining.
 */
export function workerSignals(source: NodeJS.Process): SignalSource {
  return {
    pid: source.pid,
    kill: (pid, signal) => source.kill(pid, signal),
    on(signal, listener) {
      if (signal === "SIGINT") return source.on("SIGINT", () => {});
      source.on("message", (message) => message === stopMessage && listener("SIGTERM"));
      return source.on(signal, listener);
    },
  };
}
