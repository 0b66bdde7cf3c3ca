import { setTimeout as pause } from "node:timers/promises";
import { Langfuse } from "langfuse";

import type { Answer, Book } from "./book.ts";
import { createIssuer, randomOf } from "./events.ts";
import type { Issued, Issuer } from "./events.ts";
import { authorization, publicKey, secretKey } from "./server.ts";

export interface LoadOptions {
  /** Names the events; no two loads of one book may share it. */
  readonly run: string;
  /** Clients that post batches of their own making. */
  readonly clients: number;
  /** Whether the real `langfuse` SDK sends beside them. */
  readonly sdk?: boolean;
  /** Greatest number of events in a batch. */
  readonly batchMax?: number;
  /** Attempts to send a batch before it is given up, as the SDKs do it. */
  readonly attemptsMax?: number;
  /** Between two requests of a client. */
  readonly pauseMs?: number;
  /** Called for every request that failed, with the error of the network or the answer. */
  readonly onFailure?: (failure: Failure) => void;
}

export interface Failure {
  readonly sent: readonly Issued[];
  /** 0 when there was no answer. */
  readonly status: number;
  readonly headers: Headers | null;
  /** The body as text; of a failed connection the error's code. */
  readonly text: string;
  readonly ms: number;
}

export interface Load {
  /** Lets every client finish the request in hand, and resolves when all have. */
  stop(): Promise<void>;
}

const requestMsMax = 30_000;
const attemptPauseMs = 100;
const patientAttemptsMax = 50;
/** Of the `langfuse` SDK, where nothing else is said (write-api §5.3). */
const attemptsOfSdks = 4;

/** Clients that send without end what their issuers say, and write every outcome into the book. */
export function startLoad(url: string, book: Book, options: LoadOptions): Load {
  const stopping = new AbortController();
  const workers = Array.from({ length: options.clients }, (_, n) =>
    postForEver(url, book, { ...options, run: `${options.run}.${n}` }, stopping.signal),
  );
  if (options.sdk === true) {
    workers.push(useSdk(url, book, { ...options, run: `${options.run}.sdk` }, stopping.signal));
  }
  return {
    async stop() {
      stopping.abort();
      await Promise.all(workers);
    },
  };
}

/** Posts one batch once and writes the outcome into the book; the events must have been issued. Null when it went well. */
export async function post(
  url: string,
  book: Book,
  batch: readonly Issued[],
  body: string = JSON.stringify({ batch: batch.map(({ event }) => event) }),
): Promise<Failure | null> {
  return await sendOnce(`${url}/api/public/ingestion`, book, batch, body, enterBatch);
}

/** Posts scores by the route that takes them one by one. */
async function postScores(
  url: string,
  book: Book,
  scores: readonly Issued[],
): Promise<Failure | null> {
  for (const score of scores) {
    const body = JSON.stringify(score.event.body);
    const failure = await sendOnce(`${url}/api/public/scores`, book, [score], body, enterScore);
    if (failure) return failure;
  }
  return null;
}

async function sendOnce(
  url: string,
  book: Book,
  sent: readonly Issued[],
  body: string,
  enter: (book: Book, sent: readonly Issued[], text: string) => void,
): Promise<Failure | null> {
  const startedAt = performance.now();
  let failure: Failure | null = null;
  try {
    const answer = await fetch(url, {
      method: "POST",
      headers: { authorization, "content-type": "application/json" },
      body,
      signal: AbortSignal.timeout(requestMsMax),
    });
    const text = await answer.text();
    if (answer.ok) {
      enter(book, sent, text);
    } else {
      const { status, headers } = answer;
      book.answer(sent, refusalOf(status));
      failure = { sent, status, headers, text, ms: performance.now() - startedAt };
    }
  } catch (error) {
    book.answer(sent, "unknown");
    const ms = performance.now() - startedAt;
    failure = { sent, status: 0, headers: null, text: codeOf(error), ms };
  }
  book.request(failure === null, startedAt);
  return failure;
}

/** Posts one batch until it is taken, as a patient client would: a busy server may answer 503. */
export async function postUntilTaken(
  url: string,
  book: Book,
  batch: readonly Issued[],
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const failure = await post(url, book, batch);
    if (!failure) return;
    if (failure.status !== 503 || attempt === patientAttemptsMax) {
      throw new Error(`The batch was not taken: ${failure.status} ${failure.text}`);
    }
    await pause(attemptPauseMs);
  }
}

/** Issues so many events and posts them as one batch. */
export async function postNew(
  url: string,
  book: Book,
  issuer: Issuer,
  count: number,
): Promise<void> {
  const batch = Array.from({ length: count }, () => issuer.next());
  for (const issued of batch) book.issue(issued);
  await postUntilTaken(url, book, batch);
}

async function postForEver(
  url: string,
  book: Book,
  options: LoadOptions,
  signal: AbortSignal,
): Promise<void> {
  const { run, batchMax = 20, attemptsMax = attemptsOfSdks, pauseMs = 5, onFailure } = options;
  const issuer = createIssuer(run, Date.now());
  const random = randomOf(run);
  for (let n = 1; !signal.aborted; n += 1) {
    const isScore = n % batchesPerScore === 0;
    const count = isScore ? 1 : 1 + Math.floor(random() * batchMax);
    const batch = Array.from({ length: count }, () => issuer.next(isScore ? "score" : undefined));
    for (const issued of batch) book.issue(issued);
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      const failure = await (isScore ? postScores(url, book, batch) : post(url, book, batch));
      if (!failure) break;
      onFailure?.(failure);
      if (signal.aborted) break;
      await pause(attemptPauseMs);
    }
    await pause(pauseMs);
  }
}

function refusalOf(status: number): Answer {
  if (status === 503) return "refused";
  return status >= 400 && status < 500 ? "rejected" : "unknown";
}

/** Every event must be in one of the lists, and nothing else (write-api §1.5). */
function enterBatch(book: Book, batch: readonly Issued[], text: string): void {
  const byId = new Map(batch.map((issued) => [issued.event.id, issued]));
  enterLists(book, byId, text);
  if (byId.size > 0) throw new Error(`The answer forgets ${[...byId.keys()].join(", ")}.`);
}

function enterScore(book: Book, [score]: readonly Issued[], text: string): void {
  const { id } = JSON.parse(text) as { readonly id: string };
  if (!score || id !== score.event.body.id) throw new Error(`The answer names the score ${id}.`);
  book.answer([score], "acked");
}

function enterLists(book: Book, byId: Map<string, Issued>, text: string): void {
  const { successes, errors } = JSON.parse(text) as {
    readonly successes: readonly { readonly id: string }[];
    readonly errors: readonly { readonly id: string; readonly status: number }[];
  };
  for (const { id } of successes) book.answer(taken(byId, id), "acked");
  for (const { id, status } of errors) {
    book.answer(taken(byId, id), status < 500 ? "rejected" : "unknown");
  }
}

function taken(byId: Map<string, Issued>, id: string): Issued[] {
  const issued = byId.get(id);
  if (!issued) throw new Error(`The answer names ${id}, which was not asked for.`);
  byId.delete(id);
  return [issued];
}

/** One of so many requests takes the route for single scores. */
const batchesPerScore = 8;

/** Events between two turns of the SDK's client, and the pause between them. */
const sdkBatch = 12;
const sdkPauseMs = 40;

/** The SDK makes its own envelopes and retries by itself: what it sends is recognised by the marks. */
async function useSdk(
  url: string,
  book: Book,
  options: LoadOptions,
  signal: AbortSignal,
): Promise<void> {
  const issuer = createIssuer(options.run, Date.now());
  const sent = new Map<string, Issued>();
  class RecordedLangfuse extends Langfuse {
    override async fetch(...[where, request]: Parameters<Langfuse["fetch"]>) {
      const ids = issuedById(String(request.body), sent);
      const startedAt = performance.now();
      try {
        const answer = await super.fetch(where, request);
        const text = await answer.text();
        if (answer.status === 207) enterLists(book, ids, text);
        else book.answer(ids.values(), refusalOf(answer.status));
        book.request(answer.status === 207, startedAt);
        return new Response(text, { status: answer.status });
      } catch (error) {
        book.answer(ids.values(), "unknown");
        book.request(false, startedAt);
        throw error;
      }
    }
  }
  const sdk = new RecordedLangfuse({
    publicKey,
    secretKey,
    baseUrl: url,
    fetchRetryCount: options.attemptsMax ?? attemptsOfSdks,
    fetchRetryDelay: attemptPauseMs,
    requestTimeout: requestMsMax,
  });
  while (!signal.aborted) {
    for (let n = 0; n < sdkBatch; n += 1) {
      const issued = issuer.next(n === 0 ? "trace" : n % 3 === 0 ? "score" : "generation");
      book.issue(issued);
      sent.set(`${issued.event.body.id} ${issued.mark}`, issued);
      hand(sdk, issued);
    }
    // Or it would go on making events, and dropping them, for as long as the server is away.
    await sdk.flushAsync();
    await pause(sdkPauseMs);
  }
  await sdk.shutdownAsync();
}

function hand(sdk: Langfuse, { kind, event }: Issued): void {
  const { timestamp, startTime, ...rest } = event.body;
  if (kind === "trace") sdk.trace({ ...rest, timestamp: new Date(String(timestamp)) });
  else if (kind === "generation")
    sdk.generation({ ...rest, startTime: new Date(String(startTime)) });
  else sdk.score({ ...rest, name: String(rest["name"]), value: Number(rest["value"]) });
}

/** The issued events of a request of the SDK, under the envelope ids that it gave them. */
function issuedById(body: string, sent: ReadonlyMap<string, Issued>): Map<string, Issued> {
  const { batch } = JSON.parse(body) as {
    readonly batch: readonly {
      readonly id: string;
      readonly body: { readonly id: string; readonly metadata: Record<string, unknown> };
    }[];
  };
  const found = new Map<string, Issued>();
  for (const { id, body: content } of batch) {
    const [mark = ""] = Object.keys(content.metadata);
    const issued = sent.get(`${content.id} ${mark}`);
    if (!issued) throw new Error(`The SDK sent ${content.id}, which nobody issued.`);
    found.set(id, issued);
  }
  return found;
}

/** The system's code of a failed request, such as ECONNREFUSED. */
function codeOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
}
