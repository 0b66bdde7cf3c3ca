import { EventEmitter } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

import { describe, expect, it, vi } from "vitest";

import { CloseError, createLifecycle, stopRequested } from "./lifecycle.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { createLogger } from "./logger.ts";
import type { Logger } from "./logger.ts";

describe("a lifecycle", () => {
  it("closes in the reverse order of opening, each after the one before it is done", async () => {
    const { lifecycle, events } = recording();
    for (const name of ["engine", "log", "server"]) {
      lifecycle.onClose(name, async () => {
        events.push(`${name} closing`);
        await sleep(5);
        events.push(`${name} closed`);
      });
    }
    await lifecycle.close();
    expect(events).toEqual(
      ["server", "log", "engine"].flatMap((name) => [`${name} closing`, `${name} closed`]),
    );
  });

  it("goes on closing after a closer failed, and says which one at the end", async () => {
    const { lifecycle, events, lines } = recording();
    lifecycle.onClose("engine", () => void events.push("engine"));
    lifecycle.onClose("rejects", () => Promise.reject(new Error("disk gone")));
    lifecycle.onClose("throws", () => {
      throw new Error("not open");
    });
    const error = await failureOf(lifecycle.close());
    expect(events).toEqual(["engine"]);
    expect(error).toMatchObject({ failed: ["throws", "rejects"], unfinished: [] });
    expect(error.message).toBe("failed to close: throws, rejects");
    expect(lines.join("")).toContain("disk gone");
  });

  it("gives all closers one deadline, and closes nothing below one that is still under way", async () => {
    const { lifecycle, events } = recording(500);
    lifecycle.onClose("engine", () => void events.push("engine"));
    lifecycle.onClose("writer", () => new Promise(() => {}));
    lifecycle.onClose("server", () => {});
    const error = await failureOf(lifecycle.close());
    expect(error).toMatchObject({ failed: [], unfinished: ["writer", "engine"] });
    expect(events).toEqual([]);
  });

  it("closes what is opened while it closes", async () => {
    const { lifecycle, events } = recording();
    lifecycle.onClose("server", () => {
      lifecycle.onClose("late", () => void events.push("late"));
    });
    await lifecycle.close();
    expect(events).toEqual(["late"]);
  });

  it("refuses to open anything once all is closed", async () => {
    const { lifecycle } = recording();
    await lifecycle.close();
    expect(() => lifecycle.onClose("late", () => {})).toThrow(/late was opened after/);
  });

  it("closes once, however often it is asked", async () => {
    const { lifecycle, events } = recording();
    lifecycle.onClose("server", () => void events.push("server"));
    await Promise.all([lifecycle.close(), lifecycle.close()]);
    await lifecycle.close();
    expect(events).toEqual(["server"]);
  });

  it("leaves no timer behind that would keep the process alive", async () => {
    const { lifecycle } = recording(60_000);
    const before = timers();
    await lifecycle.close();
    expect(timers()).toBe(before);
  });
});

describe("stopRequested", () => {
  it.each(["SIGTERM", "SIGINT"])("resolves at %s without ending the process", async (signal) => {
    const source = new FakeProcess();
    const stop = stopRequested({ deadlineMs: 60_000, logger: silent(), source });
    source.emit(signal, signal);
    await stop;
    expect(source.kills).toEqual([]);
  });

  it("stays pending until a signal comes", async () => {
    const stop = stopRequested({ deadlineMs: 1, logger: silent(), source: new FakeProcess() });
    expect(await Promise.race([stop, sleep(20, "pending")])).toBe("pending");
  });

  it("kills the process at the second signal", () => {
    const source = new FakeProcess();
    void stopRequested({ deadlineMs: 60_000, logger: silent(), source });
    source.emit("SIGINT", "SIGINT");
    source.emit("SIGTERM", "SIGTERM");
    expect(source.kills).toEqual([[7, "SIGKILL"]]);
  });

  it("kills the process at the deadline, without keeping it alive until then", async () => {
    const source = new FakeProcess();
    const before = timers();
    void stopRequested({ deadlineMs: 20, logger: silent(), source });
    source.emit("SIGTERM", "SIGTERM");
    expect(timers()).toBe(before);
    await vi.waitFor(() => expect(source.kills).toEqual([[7, "SIGKILL"]]), { timeout: 30_000 });
  });
});

class FakeProcess extends EventEmitter {
  readonly pid = 7;
  readonly kills: unknown[] = [];

  kill(...call: unknown[]): void {
    this.kills.push(call);
  }
}

function recording(deadlineMs = 5000): {
  lifecycle: Lifecycle;
  events: string[];
  lines: string[];
} {
  const lines: string[] = [];
  const logger = silent(lines);
  return { lifecycle: createLifecycle({ deadlineMs, logger }), events: [], lines };
}

function silent(lines: string[] = []): Logger {
  return createLogger({ level: "debug", format: "json", write: (line) => void lines.push(line) });
}

async function failureOf(closing: Promise<void>): Promise<CloseError> {
  const error: unknown = await closing.catch((cause: unknown) => cause);
  if (!(error instanceof CloseError)) throw new Error("closing did not fail");
  return error;
}

/** How many timers keep the event loop alive. */
function timers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
}
