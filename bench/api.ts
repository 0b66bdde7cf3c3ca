import { setTimeout as pause } from "node:timers/promises";
import { request } from "undici";

import { authorization } from "./processes.ts";
import type { ServerProcess } from "./processes.ts";

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const waitMsMax = 60_000;

export async function get(server: ServerProcess, path: string): Promise<Answer> {
  const answer = await request(server.url + path, { headers: { authorization } });
  return { status: answer.statusCode, body: await answer.body.json() };
}

/** Sends one batch; rejects unless all its events are accepted. */
export async function ingest(server: ServerProcess, body: Buffer): Promise<void> {
  const answer = await request(`${server.url}/api/public/ingestion`, {
    method: "POST",
    headers: { authorization, "content-type": "application/json" },
    body,
  });
  const text = await answer.body.text();
  if (answer.statusCode !== 207 || !text.endsWith('"errors":[]}'))
    throw new Error(`refused with ${answer.statusCode}: ${text.slice(0, 500)}`);
}

/** Resolves once the server answers its health check with 200. */
export async function healthy(server: ServerProcess): Promise<void> {
  await until(server, 5, async () => {
    try {
      return (await get(server, "/api/public/health")).status === 200;
    } catch {
      return false; // It does not listen yet.
    }
  });
}

/** Resolves once the trace can be read. */
export async function readable(
  server: ServerProcess,
  traceId: string,
  everyMs: number,
): Promise<void> {
  const path = `/api/public/traces/${traceId}`;
  await until(server, everyMs, async () => (await get(server, path)).status === 200);
}

/**
 * Resolves once everything up to this position of the log can be read. The server tells by itself when that is, so that
 * nobody has to ask again and again for counts, each of which costs as much as storing a hundred events.
 */
export async function readableUpTo(server: ServerProcess, position: string): Promise<void> {
  const headers = { authorization, "x-sluice-min-position": position };
  await until(server, 0, async () => {
    const answer = await request(`${server.url}/api/public/projects`, { headers });
    await answer.body.dump();
    return answer.statusCode === 200;
  });
}

/** How many traces or observations the project has. */
export async function countOf(
  server: ServerProcess,
  what: "traces" | "observations" | "v2/scores",
): Promise<number> {
  const { status, body } = await get(server, `/api/public/${what}?limit=1`);
  const { meta } = body as { meta?: { totalItems: number } };
  if (status !== 200 || meta === undefined) throw new Error(`${what} answered ${status}`);
  return meta.totalItems;
}

/** Asks until the answer is yes; rejects after a minute, or when the server has ended. */
export async function until(
  server: ServerProcess,
  everyMs: number,
  ask: () => Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + waitMsMax;
  while (!(await ask())) {
    server.check();
    if (performance.now() > deadline) throw new Error(`waited ${waitMsMax} ms in vain`);
    await pause(everyMs);
  }
}
