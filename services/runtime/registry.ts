import { randomUUID } from "node:crypto";
import { foldVersion, Registry } from "../../schemas/registry.ts";
import type { RegistryChange, RegistryCommand, RegistryOutcome } from "../../schemas/registry.ts";
import type { EventLog, LogBatch } from "./event-log/port.ts";

/** This process's fold of the registry stream, and the way to append to it. */
export interface RegistryFold {
  readonly registry: Registry;
  /** How many commands are folded, as text: what a record carries so that its writer knows at least as much. */
  position(): string;
  /** Resolves once at least this much is folded; rejects when the signal aborts first or the fold has stopped. */
  reached(position: string, signal?: AbortSignal): Promise<void>;
  /** Resolves once everything is folded that is in the stream now. */
  caughtUp(): Promise<void>;
  /** Appends a command and waits for its outcome. A repeat of `id` gets the first outcome. */
  submit(change: RegistryChange, by: string, id?: string): Promise<RegistryOutcome>;
  close(): Promise<void>;
}

/** Folds the stream from its start, and keeps on. The log stays the caller's to close. */
export async function openRegistry(
  log: EventLog,
  now: () => number = Date.now,
): Promise<RegistryFold> {
  const registry = new Registry();
  const waiters = new Set<() => void>();
  let folded = 0n;
  let failure: Error | null = null;

  async function onBatch(batch: LogBatch): Promise<"done" | "retry"> {
    try {
      for (const { offset, value } of batch.records) {
        const command: RegistryCommand = JSON.parse(value.toString());
        registry.apply(command);
        folded = offset + 1n;
      }
    } catch (error) {
      failure = asError(error);
    }
    for (const wake of waiters) wake();
    return failure ? "retry" : "done";
  }

  async function until(done: () => boolean, signal?: AbortSignal): Promise<void> {
    while (!done()) {
      if (failure) throw failure;
      signal?.throwIfAborted();
      await woken(waiters, signal);
    }
  }

  async function caughtUp(): Promise<void> {
    const ends = await log.ends();
    await until(() => folded >= (ends.get(0) ?? 0n));
  }

  const consumer = await log.consume({
    group: null,
    recordsMax: 1000,
    bytesMax: 4 << 20,
    lingerMs: 0,
    onBatch,
  });
  await caughtUp();
  return {
    registry,
    caughtUp,
    position: () => folded.toString(),
    reached: (position, signal) => until(() => folded >= BigInt(position), signal),
    async submit(change, by, id = randomUUID()) {
      const command: RegistryCommand = { id, foldVersion, at: now(), by, change };
      // One key for all: the stream is one sequence, and who comes first in it wins.
      const [at] = await log.append([
        { key: "registry", value: Buffer.from(JSON.stringify(command)) },
      ]);
      await until(() => at !== undefined && folded > at.offset);
      const outcome = registry.outcomeOf(id);
      if (outcome) return outcome;
      throw new Error(`the outcome of command ${id} is no longer remembered`);
    },
    close: () => consumer.stop(),
  };
}

/** Resolves at the next wake-up, or when the signal aborts. */
function woken(waiters: Set<() => void>, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      waiters.delete(wake);
      signal?.removeEventListener("abort", wake);
      resolve();
    };
    waiters.add(wake);
    signal?.addEventListener("abort", wake);
  });
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
