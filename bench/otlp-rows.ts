import { request } from "undici";

import { countOf, healthy, until } from "./api.ts";
import { referenceEncode } from "./otlp-reference.ts";
import { createExportRequest } from "./otlp-spans.ts";
import { authorization, startSluice } from "./processes.ts";
import type { ServerProcess } from "./processes.ts";

const spansPerRequest = 512;
const warmUpRequests = 4;
const requests = 40;
/** As many exporters, each with one request under way. */
const concurrency = 4;
const storedPollMs = 500;

/** Spans per second from protobuf over HTTP into rows that can be read, by the built server. */
export async function otlpRows(print: (line: string) => void): Promise<void> {
  const bodies = Array.from({ length: warmUpRequests + requests }, (_, index) =>
    referenceEncode(createExportRequest(index + 1, Date.now(), spansPerRequest)),
  );
  const sluice = await startSluice();
  try {
    await healthy(sluice);
    await taken(sluice, bodies.slice(0, warmUpRequests), 0);
    const measured = bodies.slice(warmUpRequests);
    const { acceptedMs, storedMs } = await taken(sluice, measured, warmUpRequests);
    const bytes = Math.round(measured.reduce((sum, body) => sum + body.length, 0) / requests);
    const rate = (ms: number): string =>
      Math.round((requests * spansPerRequest * 1000) / ms).toLocaleString("en");
    print(
      `otlp into rows: ${requests} requests of ${spansPerRequest} spans (${bytes} bytes of protobuf each), ${concurrency} connections`,
    );
    print(`  accepted    ${rate(acceptedMs)} spans/s, answered when durable`);
    print(`  stored      ${rate(storedMs)} spans/s, until the last is readable`);
    print(`  memory      ${Math.round(sluice.memory().peak)} MiB at most`);
  } finally {
    await sluice.stop();
  }
}

/** Sends requests and waits until all their spans can be read; `before` requests were sent already. */
async function taken(
  sluice: ServerProcess,
  bodies: readonly Buffer[],
  before: number,
): Promise<{ readonly acceptedMs: number; readonly storedMs: number }> {
  const startedAt = performance.now();
  const waiting = [...bodies];
  const exporter = async (): Promise<void> => {
    for (let body = waiting.shift(); body; body = waiting.shift()) await send(sluice, body);
  };
  await Promise.all(Array.from({ length: concurrency }, exporter));
  const acceptedMs = performance.now() - startedAt;
  const expected = (before + bodies.length) * spansPerRequest;
  await until(
    sluice,
    storedPollMs,
    async () => (await countOf(sluice, "observations")) === expected,
  );
  return { acceptedMs, storedMs: performance.now() - startedAt };
}

/** Rejects unless all spans are accepted: then the answer has no bytes. */
async function send(sluice: ServerProcess, body: Buffer): Promise<void> {
  const answer = await request(`${sluice.url}/api/public/otel/v1/traces`, {
    method: "POST",
    headers: { authorization, "content-type": "application/x-protobuf" },
    body,
  });
  const bytes = await answer.body.arrayBuffer();
  if (answer.statusCode !== 200 || bytes.byteLength > 0)
    throw new Error(`refused with ${answer.statusCode} and ${bytes.byteLength} bytes`);
}
