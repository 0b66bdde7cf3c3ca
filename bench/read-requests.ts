import { request } from "undici";

import { authorization } from "./processes.ts";
import type { ServerProcess } from "./processes.ts";
import { seededRandom } from "./random.ts";

/** What no call may exceed: the 95th percentile of its time, and the rows that the engine looks at. */
export interface Bars {
  readonly p95Ms?: number;
  readonly rowsMax?: number;
}

/** A trace of the data, to ask for what it has. */
export interface Sample {
  readonly id: string;
  readonly userId: string;
  readonly sessionId: string | null;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

export interface MeasuredRead {
  readonly name: string;
  /** The path of the nth call, which may go on from the body of the one before. */
  readonly path: (samples: readonly Sample[]) => (n: number, before: unknown) => string;
  readonly bars: Bars;
}

const pageBars: Bars = { p95Ms: 100, rowsMax: 200_000 };
const filterBars: Bars = { p95Ms: 250 };

export const measuredReads: readonly MeasuredRead[] = [
  {
    name: "traces, newest first",
    path: () => (n) => `/traces?limit=50&page=${pageOf(n)}`,
    bars: pageBars,
  },
  // The rows of a user are as scattered as the user is busy.
  {
    name: "traces of a user",
    path: bySample((s) => `/traces?userId=${s.userId}`),
    bars: { p95Ms: 100 },
  },
  {
    name: "traces of a session",
    path: bySample(
      (s) => `/traces?sessionId=${s.sessionId}`,
      (s) => s.sessionId !== null,
    ),
    bars: pageBars,
  },
  {
    name: "traces by tag, rare",
    path: bySample((s) => `/traces?tags=${tagOf(s, "case-")}`),
    bars: filterBars,
  },
  {
    name: "traces by tag, one in eight",
    path: bySample((s) => `/traces?tags=${tagOf(s, "team-")}`),
    bars: filterBars,
  },
  {
    name: "traces by metadata, a single one",
    path: bySample((s) => `/traces?filter=${metadataFilter("request", s)}`),
    bars: filterBars,
  },
  {
    name: "traces by metadata, one in 1,000",
    path: bySample((s) => `/traces?filter=${metadataFilter("tenant", s)}`),
    bars: filterBars,
  },
  {
    name: "trace by id",
    path: bySample((s) => `/traces/${s.id}`),
    bars: { p95Ms: 120, rowsMax: 200_000 },
  },
  {
    name: "observations of a trace",
    path: bySample((s) => `/observations?traceId=${s.id}`),
    bars: pageBars,
  },
  {
    name: "observations, newest first",
    path: () => (n) => `/observations?page=${pageOf(n)}`,
    bars: pageBars,
  },
  {
    name: "v2 observations, page after page",
    path: () => (_, before) => `/v2/observations?fields=core,basic,io${cursorOf(before)}`,
    bars: pageBars,
  },
  {
    name: "tree of a trace",
    path: bySample((s) => `/x/traces/${s.id}/tree`),
    bars: pageBars,
  },
  {
    name: "session by id",
    path: bySample(
      (s) => `/sessions/${s.sessionId}`,
      (s) => s.sessionId !== null,
    ),
    bars: pageBars,
  },
  { name: "sessions, newest first", path: () => (n) => `/sessions?page=${pageOf(n)}`, bars: {} },
];

export interface TimedAnswer {
  readonly ms: number;
  readonly requestId: string;
  readonly body: unknown;
}

/** From sending the request until its whole body is there; rejects unless it is answered with 200. */
export async function timedGet(server: ServerProcess, path: string): Promise<TimedAnswer> {
  const startedAt = performance.now();
  const answer = await request(`${server.url}/api/public${path}`, { headers: { authorization } });
  const text = await answer.body.text();
  const ms = performance.now() - startedAt;
  if (answer.statusCode !== 200) throw new Error(`${path}: ${answer.statusCode} ${text}`);
  return { ms, requestId: String(answer.headers["x-request-id"]), body: JSON.parse(text) };
}

/** Traces from all over the history, more of them from where it is denser. */
export async function sampleTraces(
  server: ServerProcess,
  endsAt: number,
  wanted: number,
): Promise<Sample[]> {
  const random = seededRandom(1);
  const samples: Sample[] = [];
  // Only some of the traces have a session, and each kind of read wants as many different ones.
  while (samples.length < wanted * 3) {
    const ageMs = (random.below(89_000) / 1000) * 86_400_000;
    const before = new Date(endsAt - ageMs).toISOString();
    const path = `/traces?fields=core,io&limit=1&fromTimestamp=${new Date(endsAt - ageMs - 86_400_000).toISOString()}&toTimestamp=${before}`;
    const { body } = await timedGet(server, path);
    samples.push(...(body as { data: Sample[] }).data);
  }
  return samples;
}

function bySample(
  pathOf: (sample: Sample) => string,
  isFit: (sample: Sample) => boolean = () => true,
): MeasuredRead["path"] {
  return (samples) => {
    const fit = samples.filter(isFit);
    return (n) => {
      const sample = fit[n % fit.length];
      if (sample === undefined) throw new Error("There is no trace to ask for: make more rows.");
      return pathOf(sample);
    };
  };
}

/** People and programs look at the first pages of a list: the tenth is deep already. */
function pageOf(n: number): number {
  return 1 + (n % 10);
}

function tagOf({ tags }: Sample, prefix: string): string {
  return tags.find((tag) => tag.startsWith(prefix)) ?? "";
}

function metadataFilter(key: string, { metadata }: Sample): string {
  const condition = {
    type: "stringObject",
    column: "metadata",
    key,
    operator: "=",
    value: metadata[key],
  };
  return encodeURIComponent(JSON.stringify([condition]));
}

function cursorOf(before: unknown): string {
  const cursor = (before as { meta?: { cursor?: string } } | undefined)?.meta?.cursor;
  return cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`;
}
