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
  const progress = new Progress();

  async function onBatch(batch: LogBatch): Promise<"done" | "retry"> {
    try {
      for (const { offset, value } of batch.records) {
        const command: RegistryCommand = JSON.parse(value.toString());
        registry.apply(command, Number(offset) + 1);
        progress.advance(offset + 1n);
      }
      return "done";
    } catch (error) {
      progress.fail(error);
      return "retry";
    }
  }

  async function caughtUp(): Promise<void> {
    const ends = await log.ends();
    await progress.reaches(ends.get(0) ?? 0n);
  }

  const consumer = await log.consume({
    group: null,
    recordsMax: 1000,
    bytesMax: 4 << 20,
    lingerMs: 0,
    onBatch,
  });
  consumer.ended.catch((error) => progress.fail(error));
  await caughtUp();
  return {
    registry,
    caughtUp,
    position: () => progress.folded.toString(),
    reached: (position, signal) => progress.reaches(BigInt(position), signal),
    async submit(change, by, id = randomUUID()) {
      const command: RegistryCommand = { id, foldVersion, at: now(), by, change };
      // One key for all: the stream is one sequence, and who comes first in it wins.
      const value = Buffer.from(JSON.stringify(command));
      const [at] = await log.append([{ key: "registry", value }]);
      if (at) await progress.reaches(at.offset + 1n);
      const outcome = registry.outcomeOf(id);
      if (outcome) return outcome;
      throw new Error(`the outcome of command ${id} is no longer remembered`);
    },
    close: () => consumer.stop(),
  };
}

/** How far the stream is folded, for those who wait for it to be further. */
class Progress {
  /** The offset of the next command. */
  folded = 0n;
  #failure: Error | null = null;
  readonly #waiters = new Set<() => void>();

  advance(to: bigint): void {
    this.folded = to;
    this.#wake();
  }

  /** The fold stops here: whoever waits learns why. */
  fail(thrown: unknown): void {
    this.#failure = thrown instanceof Error ? thrown : new Error(String(thrown));
    this.#wake();
  }

  async reaches(offset: bigint, signal?: AbortSignal): Promise<void> {
    while (this.folded < offset) {
      if (this.#failure) throw this.#failure;
      signal?.throwIfAborted();
      await this.#woken(signal);
    }
  }

  #wake(): void {
    for (const wake of this.#waiters) wake();
  }

  /** Resolves at the next wake-up, or when the signal aborts. */
  #woken(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiters.delete(wake);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiters.add(wake);
      signal?.addEventListener("abort", wake);
    });
  }
}
