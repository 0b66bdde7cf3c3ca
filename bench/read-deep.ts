import { ingest, until } from "./api.ts";
import type { ServerProcess } from "./processes.ts";
import { timedGet } from "./read-requests.ts";
import { quantile } from "./stats.ts";

const observations = 100_000;
const eventsPerBatch = 500;
const concurrency = 4;
const memoryEveryMs = 50;
const calls = 50;
/** The first page of the tree, at the 95th percentile. */
const firstPageMsMax = 300;
const traceId = "deep";

/** One trace of 100,000 observations, each below the one before it in its chain of a hundred. Resolves with whether the bar is met. */
export async function deepTrace(
  sluice: ServerProcess,
  print: (line: string) => void,
): Promise<boolean> {
  const before = sluice.memory().now;
  const seen: number[] = [];
  const watch = setInterval(() => seen.push(sluice.memory().now), memoryEveryMs);
  const startedAt = performance.now();
  try {
    await sendAll(sluice, Date.now());
    await until(sluice, 100, async () => (await treeTotal(sluice)) === observations);
  } finally {
    clearInterval(watch);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const fifths = [0.2, 0.4, 0.6, 0.8, 1].map((share) =>
    Math.max(
      ...seen.slice(Math.floor(seen.length * (share - 0.2)), Math.ceil(seen.length * share)),
    ),
  );

  const first: number[] = [];
  for (let n = 0; n < calls; n += 1) {
    first.push((await timedGet(sluice, `/x/traces/${traceId}/tree?limit=${1000 - n}`)).ms);
  }
  const pages = await allPages(sluice);
  const p95 = quantile(first, 0.95);
  const isMet = p95 <= firstPageMsMax && pages.nodes === observations;
  print(
    `  a trace of ${observations.toLocaleString("en")} observations, readable in ${seconds.toFixed(1)} s`,
  );
  print(
    `    memory      ${Math.round(before)} MiB before; at most ${fifths.map(Math.round).join(", ")} MiB in the fifths of that time`,
  );
  print(
    `    first page  ${quantile(first, 0.5).toFixed(1)} ms at the median, ${p95.toFixed(1)} ms at the 95th percentile, at most ${firstPageMsMax}: ${isMet ? "met" : "NOT MET"}`,
  );
  print(
    `    whole tree  ${pages.nodes.toLocaleString("en")} nodes in ${pages.pages} pages, the slowest ${pages.slowestMs.toFixed(1)} ms`,
  );
  return isMet;
}

async function sendAll(sluice: ServerProcess, startAt: number): Promise<void> {
  let next = 0;
  const sender = async (): Promise<void> => {
    while (next < observations) {
      const from = next;
      next += eventsPerBatch;
      await ingest(sluice, batch(from, startAt));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, sender));
}

function batch(from: number, startAt: number): Buffer {
  const timestamp = new Date(startAt).toISOString();
  const events = Array.from({ length: eventsPerBatch }, (_, index) => {
    const n = from + index;
    const body = {
      id: `deep-${n}`,
      traceId,
      parentObservationId: n % 100 === 0 ? null : `deep-${n - 1}`,
      name: `step ${n % 100}`,
      startTime: new Date(startAt + n).toISOString(),
      endTime: new Date(startAt + n + 5).toISOString(),
      input: { step: n, text: "Where is my order? ".repeat(15) },
      output: { text: "It was sent on Monday. ".repeat(10) },
    };
    return { id: `event-${n}`, type: "span-create", timestamp, body };
  });
  return Buffer.from(JSON.stringify({ batch: events }));
}

async function treeTotal(sluice: ServerProcess): Promise<number> {
  try {
    const { body } = await timedGet(sluice, `/x/traces/${traceId}/tree?limit=1`);
    return (body as { meta: { totalItems: number } }).meta.totalItems;
  } catch {
    return 0; // None is there yet.
  }
}

async function allPages(
  sluice: ServerProcess,
): Promise<{ nodes: number; pages: number; slowestMs: number }> {
  const found = { nodes: 0, pages: 0, slowestMs: 0 };
  let cursor: string | undefined;
  do {
    const after = cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const { ms, body } = await timedGet(sluice, `/x/traces/${traceId}/tree?limit=1000${after}`);
    const page = body as { data: unknown[]; meta: { cursor?: string } };
    found.nodes += page.data.length;
    found.pages += 1;
    found.slowestMs = Math.max(found.slowestMs, ms);
    ({ cursor } = page.meta);
  } while (cursor !== undefined);
  return found;
}
