import type { Logger } from "./logger.ts";

/**
 * What was opened, and how to close it. Register each closer on the line after its open: the order
 * of closing is then the reverse of the order of opening, and nobody writes it by hand.
 */
export interface Lifecycle {
  /** Registers how to close what was just opened; the name is for the log. Throws once all is closed. */
  onClose(name: string, close: Closer): void;
  /**
   * Closes everything, last opened first, one after the other. A closer that fails does not stop the
   * others. All share one deadline; when it passes, the closer under way is left behind and those
   * below it are not started, because what they close is still in use. Rejects with
   * {@link CloseError} unless everything closed. Calling again returns the same promise.
   */
  close(): Promise<void>;
}

export class CloseError extends Error {
  override readonly name = "CloseError";
  /** Closers that rejected. */
  readonly failed: readonly string[];
  /** Closers that were not done, or not started, at the deadline. */
  readonly unfinished: readonly string[];

  constructor(failed: readonly string[], unfinished: readonly string[]) {
    const parts = [
      ...(failed.length > 0 ? [`failed to close: ${failed.join(", ")}`] : []),
      ...(unfinished.length > 0 ? [`not closed in time: ${unfinished.join(", ")}`] : []),
    ];
    super(parts.join("; "));
    this.failed = failed;
    this.unfinished = unfinished;
  }
}

export interface LifecycleOptions {
  /** Time for all closers together, in milliseconds. */
  readonly deadlineMs: number;
  readonly logger: Logger;
}

/** An empty lifecycle. */
export function createLifecycle({ deadlineMs, logger }: LifecycleOptions): Lifecycle {
  const open: { name: string; close: Closer }[] = [];
  let closing: Promise<void> | null = null;
  let closed = false;

  async function closeAll(): Promise<void> {
    const failed: string[] = [];
    const unfinished: string[] = [];
    // Not unref'd: a closer that hangs without holding the event loop must not end the process as
    // if all were well.
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(resolve, deadlineMs, "late");
    });
    for (let top = open.pop(); top !== undefined; top = open.pop()) {
      const outcome = await Promise.race([settle(top.close), late]);
      if (outcome === "late") {
        unfinished.push(top.name, ...open.splice(0).map(({ name }) => name));
      } else if (outcome.failed) {
        failed.push(top.name);
        logger.error("failed to close", { part: top.name, error: outcome.error });
      }
    }
    clearTimeout(timer);
    closed = true;
    if (failed.length + unfinished.length > 0) throw new CloseError(failed, unfinished);
  }

  return {
    onClose(name, close) {
      if (closed) throw new Error(`${name} was opened after everything had been closed`);
      open.push({ name, close });
    },
    close: () => (closing ??= closeAll()),
  };
}

export interface SignalSource {
  readonly pid: number;
  on(signal: "SIGTERM" | "SIGINT", listener: (signal: NodeJS.Signals) => void): unknown;
  kill(pid: number, signal: "SIGKILL"): unknown;
}

export interface StopOptions {
  /** How long the process may live on after the first signal, in milliseconds. */
  readonly deadlineMs: number;
  readonly logger: Logger;
  /** Where signals come from and what ends the process: `process`, except in tests. */
  readonly source: SignalSource;
}

/**
 * Resolves at the first SIGTERM or SIGINT; the caller then closes what is open and lets the event
 * loop empty. A second signal ends the process at once. So does the deadline, as the last resort, if
 * something still holds the loop by then. That end is a kill: an exit would tear the embedded engine
 * down under its own threads, which crashes, and what was acknowledged survives either.
 */
export function stopRequested({ deadlineMs, logger, source }: StopOptions): Promise<void> {
  const end = (): unknown => source.kill(source.pid, "SIGKILL");
  return new Promise((resolve) => {
    let asked = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (asked) {
        logger.warn("stopping at once, after a second signal", { signal });
        end();
        return;
      }
      asked = true;
      logger.info("stopping", { signal });
      setTimeout(() => {
        logger.error("still running at the deadline for stopping: ending by force", { deadlineMs });
        end();
      }, deadlineMs).unref();
      resolve();
    };
    source.on("SIGTERM", onSignal);
    source.on("SIGINT", onSignal);
  });
}

type Closer = () => void | Promise<void>;

type Outcome = { readonly failed: false } | { readonly failed: true; readonly error: unknown };

async function settle(close: Closer): Promise<Outcome> {
  try {
    await close();
    return { failed: false };
  } catch (error) {
    return { failed: true, error };
  }
}
