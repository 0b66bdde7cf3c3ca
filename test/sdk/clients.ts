import { LangfuseClient } from "@langfuse/client";
import { Langfuse } from "langfuse";
import { afterAll, afterEach, beforeAll, expect, vi } from "vitest";

import { project } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";

/** An event as the SDK put it into a batch. */
export interface SentEvent {
  readonly id: string;
  readonly type: string;
  readonly timestamp: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** The older SDK, and what it did on the wire. */
export interface Recorded extends Recording {
  readonly langfuse: Langfuse;
  /** Sends what is queued and waits for every answer; `flushAsync` waits for one request only. */
  readonly flush: () => Promise<void>;
}

export interface Recording {
  /** Type and id of each event, in the order in which they were queued. */
  readonly queued: readonly { readonly type: string; readonly id: unknown }[];
  /** What the server has confirmed. */
  readonly sent: readonly SentEvent[];
  /** One entry a request: its number of events. */
  readonly flushes: readonly number[];
}

/**
 * How long the SDKs wait for an answer here. They give up after five seconds otherwise, and send everything again: a
 * machine that is busy for a moment would decide what a test sees.
 */
export const patienceMs = 60_000;

/** `langfuse` 3, with a batch large enough that nothing is sent before a flush, unless the options say otherwise. */
export function langfuse3(
  server: StartedServer,
  options: { readonly flushAt?: number; readonly environment?: string } = {},
): Recorded {
  const langfuse = new Langfuse({
    baseUrl: server.url,
    publicKey: project.publicKey,
    secretKey: project.secretKey,
    environment: "staging",
    release: "r-42",
    flushAt: 1000,
    flushInterval: 0,
    requestTimeout: patienceMs,
    ...options,
  });
  return { langfuse, ...recordingOf(langfuse), flush: () => langfuse.shutdownAsync() };
}

/** What a client of the older SDK does from now on; integrations have one inside. */
export function recordingOf(langfuse: Langfuse): Recording {
  const queued: { type: string; id: unknown }[] = [];
  const sent: SentEvent[] = [];
  const flushes: number[] = [];
  langfuse.on("*", (type: string, body: { id: unknown }) => {
    if (/-(?:create|update)$/.test(type)) queued.push({ type, id: body.id });
  });
  langfuse.on("flush", (items: SentEvent[]) => {
    // As the server sees them: dates as text, and nothing that is undefined.
    sent.push(...(JSON.parse(JSON.stringify(items)) as SentEvent[]));
    flushes.push(items.length);
  });
  // Printed, so that `expectSilentConsole` sees them; errors print by themselves. Not that something is sent again: a
  // busy server may ask for it, and what it refuses every time ends as an error.
  langfuse.on("warning", (what: unknown) => console.warn("warning", what));
  return { queued, sent, flushes };
}

/** `@langfuse/client` 5. */
export function langfuse5(server: StartedServer): LangfuseClient {
  return new LangfuseClient({
    baseUrl: server.url,
    publicKey: project.publicKey,
    secretKey: project.secretKey,
    timeout: patienceMs / 1000,
  });
}

/** The one event of this type about this id. */
export function sentEvent(sent: readonly SentEvent[], type: string, id: string): SentEvent {
  const found = sent.filter((event) => event.type === type && event.body["id"] === id);
  const [only] = found;
  if (only === undefined || found.length > 1) throw new Error(`${found.length} ${type} for ${id}`);
  return only;
}

/**
 * Fails a test of this file when anything was printed by its end: the SDKs report there that a batch was refused, and
 * throw nothing.
 */
export function expectSilentConsole(): void {
  const printed: unknown[][] = [];
  beforeAll(() => {
    for (const level of ["log", "info", "warn", "error", "debug"] as const) {
      vi.spyOn(console, level).mockImplementation((...words) => void printed.push(words));
    }
  });
  afterEach(() => {
    expect(printed.splice(0)).toStrictEqual([]);
  });
  afterAll(() => {
    vi.restoreAllMocks();
  });
}

/** Fails when the server found anything worth a warning while the tests of this file ran. */
export function expectSilentServer(server: () => StartedServer): void {
  afterEach(() => {
    const loud = server().log.filter(({ level }) => level === "warn" || level === "error");
    expect(loud).toStrictEqual([]);
  });
}
