import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";

import type { Logger } from "./logger.ts";
import type { RegistryFold } from "./registry.ts";

export interface LeaseOptions {
  readonly name: string;
  readonly log: Logger;
  /** How long a holder that died keeps the others waiting, in milliseconds. */
  readonly lastsMs?: number;
}

/**
 * Does work that no two processes may do at the same time: waits for its turn, and keeps the lease for as long as the
 * work takes. It rests on clocks that differ by less than its length, so the work must be idempotent all the same.
 */
export async function withLease<Result>(
  fold: RegistryFold,
  { name, log, lastsMs = 30_000 }: LeaseOptions,
  work: () => Promise<Result>,
): Promise<Result> {
  const holder = randomUUID();
  const take = async (): Promise<boolean> =>
    (await fold.submit({ type: "lease-take", name, holder, lastsMs }, "lease")) === "done";
  for (let tries = 0; !(await take()); tries += 1) {
    if (tries === 0) log.info("another process is at it, waiting", { lease: name });
    await pause(Math.min(lastsMs / 10, pollMs));
  }
  const prolonging = setInterval(() => {
    take().catch((error) => log.warn("the lease could not be prolonged", { lease: name, error }));
  }, lastsMs / 3);
  try {
    return await work();
  } finally {
    clearInterval(prolonging);
    // It ends by itself, too.
    await fold.submit({ type: "lease-release", name, holder }, "lease").catch(() => {});
  }
}

const pollMs = 500;
