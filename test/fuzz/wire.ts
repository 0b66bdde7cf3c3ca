import { Agent, request } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { setTimeout as pause } from "node:timers/promises";

import type { Step } from "./step.ts";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** From the first byte sent to the last one read. */
  readonly ms: number;
}

/** A server under test, over connections that are kept. */
export interface Wire {
  /** Rejects when there is no answer in {@link answerMsMax}. A 503 is asked again, as an SDK would. */
  send(step: Step): Promise<Answer>;
  get(path: string, authorization: string): Promise<Answer>;
  /** How many 503 there were. */
  readonly busy: () => number;
  close(): void;
}

const answerMsMax = 30_000;
const busyTriesMax = 20;
const busyPauseMs = 1000;

export function wireTo(url: string, sockets: number): Wire {
  const agent = new Agent({ keepAlive: true, maxSockets: sockets });
  let busy = 0;

  async function send(step: Step): Promise<Answer> {
    for (let tries = 1; ; tries += 1) {
      const answer = await exchangeAgain(url, agent, step);
      if (answer.status !== 503 || tries === busyTriesMax) return answer;
      busy += 1;
      await pause(busyPauseMs);
    }
  }

  return {
    send,
    get: (path, authorization) =>
      send({ ...emptyStep, method: "GET", path, headers: { authorization } }),
    busy: () => busy,
    close: () => agent.destroy(),
  };
}

const emptyStep: Step = {
  method: "GET",
  path: "/",
  headers: {},
  body: null,
  plain: null,
  chunked: false,
  statuses: null,
  sound: [],
  neighbours: [],
  writes: null,
  deletes: null,
};

/** The server may close a kept connection at the very moment that it is used again: once, that is nobody's fault. */
async function exchangeAgain(url: string, agent: Agent, step: Step): Promise<Answer> {
  try {
    return await exchange(url, agent, step);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ECONNRESET")) throw error;
    return await exchange(url, agent, step);
  }
}

function exchange(url: string, agent: Agent, step: Step): Promise<Answer> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const { method, path } = step;
    const headers = headersOf(step);
    const outgoing = request({ agent, hostname, port, method, path, headers }, (incoming) => {
      answerOf(incoming, startedAt).then(resolve, reject);
    });
    outgoing.setTimeout(answerMsMax, () =>
      outgoing.destroy(new Error(`no answer within ${answerMsMax} ms`)),
    );
    outgoing.on("error", reject);
    if (step.body !== null) writeBody(outgoing, step.body, step.chunked);
    outgoing.end();
  });
}

function headersOf({ headers, body, chunked }: Step): OutgoingHttpHeaders {
  const all: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers)) {
    all[name] = typeof value === "string" ? value : [...value];
  }
  if (body !== null && !chunked) all["content-length"] = body.length;
  return all;
}

function writeBody(stream: NodeJS.WritableStream, body: Buffer, chunked: boolean): void {
  const size = chunked ? Math.max(1, Math.ceil(body.length / 7)) : Math.max(1, body.length);
  for (let at = 0; at < body.length; at += size) stream.write(body.subarray(at, at + size));
}

async function answerOf(incoming: IncomingMessage, startedAt: number): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const { statusCode: status = 0, headers } = incoming;
  const text = Buffer.concat(chunks).toString();
  return { status, headers, text, ms: performance.now() - startedAt };
}
