import { setTimeout as pause } from "node:timers/promises";

import type { Issued } from "./events.ts";
import { authorization } from "./server.ts";
import type { Server } from "./server.ts";

export interface Outcome {
  readonly status: number;
  /** Every answer must be JSON: the older SDKs drop their batch on any other (write-api §5.3). */
  readonly body: unknown;
  readonly ms: number;
}

export interface Sent {
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent in pieces without a Content-Length. */
  readonly chunked?: boolean;
}

const chunkBytes = 65_536;
const attemptsMax = 20;
const attemptPauseMs = 1000;

/**
 * Posts a body to the batch route as it is, and again while the answer is a 503, as clients do: a machine may be too
 * slow for a moment. Rejects when an answer is not JSON.
 */
export async function send(url: string, sent: Sent): Promise<Outcome> {
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await sendOnce(url, sent);
    if (outcome.status !== 503 || attempt === attemptsMax) return outcome;
    await pause(attemptPauseMs);
  }
}

async function sendOnce(url: string, { body, headers = {}, chunked }: Sent): Promise<Outcome> {
  const startedAt = performance.now();
  const answer = await fetch(`${url}/api/public/ingestion`, {
    method: "POST",
    headers: { authorization, "content-type": "application/json", ...headers },
    ...(chunked === true ? { body: inChunks(Buffer.from(body)), duplex: "half" } : { body }),
  });
  const text = await answer.text();
  return { status: answer.status, body: JSON.parse(text), ms: performance.now() - startedAt };
}

/** A body of events as JSON, some of them given as the very text to send. */
export function batchOf(...events: readonly (Issued | string)[]): string {
  const texts = events.map((one) => (typeof one === "string" ? one : JSON.stringify(one.event)));
  return `{"batch":[${texts.join(",")}]}`;
}

const watchMs = 5;

export interface Cost {
  /** How long others had to wait for an answer meanwhile, at worst. On a busy machine longer than the server's fault. */
  readonly waitedMs: number;
  /** Processor time that the thread which answers others spent meanwhile. */
  readonly threadMs: number;
}

/** Posts a body, and tells what that costs everybody else. */
export async function sendWatched(
  url: string,
  server: Server,
  sent: Sent,
): Promise<Outcome & Cost> {
  const over = new AbortController();
  let waitedMs = 0;
  const watching = (async () => {
    while (!over.signal.aborted) {
      const askedAt = performance.now();
      await fetch(`${url}/api/public/health`).then((answer) => answer.text());
      waitedMs = Math.max(waitedMs, performance.now() - askedAt);
      await pause(watchMs);
    }
  })();
  try {
    for (let attempt = 1; ; attempt += 1) {
      const before = server.mainThreadMs();
      const outcome = await sendOnce(url, sent);
      const threadMs = server.mainThreadMs() - before;
      if (outcome.status !== 503 || attempt === attemptsMax)
        return { ...outcome, waitedMs, threadMs };
      await pause(attemptPauseMs);
    }
  } finally {
    over.abort();
    await watching;
  }
}

function inChunks(body: Buffer): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= body.length) return controller.close();
      controller.enqueue(body.subarray(at, at + chunkBytes));
      at += chunkBytes;
    },
  });
}
