import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { Langfuse } from "langfuse";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";

import { eventually, project } from "../started-server.ts";
import { startCluster } from "./cluster.ts";
import type { Cluster, StartedProcess } from "./cluster.ts";

const authorization = `Basic ${Buffer.from(`${project.publicKey}:${project.secretKey}`).toString("base64")}`;

let cluster: Cluster;
let writer: StartedProcess;
let query: StartedProcess;
let gateway: StartedProcess;

beforeAll(async () => {
  cluster = await startCluster();
  // At once, as an orchestrator does: who needs what another makes waits for it.
  [writer, query, gateway] = await Promise.all([
    cluster.start("writer"),
    cluster.start("query", { SLUICE_PORT: "0" }),
    cluster.start("gateway"),
  ]);
  await gateway.stop();
  gateway = await cluster.start("gateway", { SLUICE_QUERY_URL: query.url });
});

afterAll(async () => await cluster?.stop());

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

async function ask(base: string, path: string, init: RequestInit = {}): Promise<Answer> {
  const headers = { authorization, "content-type": "application/json" };
  const answer = await fetch(base + path, { headers, ...init });
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as never };
}

async function ingest(base: string, id: string): Promise<Answer> {
  const timestamp = new Date().toISOString();
  const event = { id: randomUUID(), type: "trace-create", timestamp, body: { id, name: id } };
  return await ask(base, "/api/public/ingestion", {
    method: "POST",
    body: JSON.stringify({ batch: [event] }),
  });
}

/** Accepted, whatever a busy machine may have refused before. */
async function accepted(base: string, id: string): Promise<void> {
  await eventually(
    () => ingest(base, id),
    ({ status }) => status === 207,
  );
}

async function readable(base: string, id: string): Promise<void> {
  await eventually(
    () => ask(base, `/api/public/traces/${id}`),
    ({ status, body }) => status === 200 && body["name"] === id,
    60_000,
  );
}

test("langfuse 3 writes and reads through the gateway's one address", async () => {
  const langfuse = new Langfuse({
    baseUrl: gateway.url,
    publicKey: project.publicKey,
    secretKey: project.secretKey,
    requestTimeout: 60_000,
  });
  const trace = langfuse.trace({ name: "three processes", userId: "u", sessionId: "s" });
  const span = trace.span({ name: "outer", input: { question: 1 } });
  const generation = span.generation({ name: "model", model: "gpt-4o", input: "in" });
  generation.end({ output: "out", usage: { input: 3, output: 4 } });
  span.end();
  trace.score({ name: "quality", value: 0.5 });
  await langfuse.shutdownAsync();
  const { body } = await eventually(
    () => ask(gateway.url, `/api/public/traces/${trace.id}`),
    ({ body: { observations, scores } }) =>
      Array.isArray(observations) &&
      observations.length === 2 &&
      observations.every(({ endTime }) => endTime !== null) &&
      Array.isArray(scores) &&
      scores.length === 1,
    60_000,
  );
  expect(body).toMatchObject({ name: "three processes", userId: "u", sessionId: "s" });
  const { data } = await langfuse.fetchTrace(trace.id);
  expect(data.observations.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["model", "outer"]),
  );
  const listed = await langfuse.fetchTraces({ sessionId: "s" });
  expect(listed.data.map(({ id }) => id)).toEqual([trace.id]);
});

test("an OpenTelemetry exporter writes through it, and the span is read through it", async () => {
  const exporter = new OTLPTraceExporter({
    url: `${gateway.url}/api/public/otel/v1/traces`,
    headers: { authorization },
    timeoutMillis: 60_000,
  });
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const span = provider.getTracer("test").startSpan("exported");
  span.setAttribute("gen_ai.request.model", "gpt-4o");
  span.end();
  const { traceId, spanId } = span.spanContext();
  await provider.shutdown();
  const { body } = await eventually(
    () => ask(gateway.url, `/api/public/observations/${spanId}`),
    ({ status }) => status === 200,
    60_000,
  );
  expect(body).toMatchObject({ traceId, name: "exported", model: "gpt-4o" });
});

test("a read that names a position sees what was written up to there", async () => {
  const id = randomUUID();
  const { headers } = await eventually(
    () => ingest(gateway.url, id),
    ({ status }) => status === 207,
  );
  const position = headers.get("x-sluice-position") ?? "";
  const { status } = await eventually(
    () =>
      ask(gateway.url, `/api/public/traces/${id}`, {
        headers: { authorization, "x-sluice-min-position": position },
      }),
    (answer) => answer.status !== 503,
  );
  expect(status).toBe(200);
});

test("each process says whether it lives and whether it is ready, and only the gateway takes events", async () => {
  for (const { url } of [gateway, writer, query]) {
    expect((await ask(url, "/api/public/health")).body).toMatchObject({ status: "OK" });
    expect((await ask(url, "/api/public/ready")).status).toBe(200);
  }
  expect((await ask(writer.url, "/ready")).status).toBe(200);
  const deep = await ask(gateway.url, "/api/public/health?failIfDatabaseUnavailable=true");
  expect(deep.body).toEqual({ status: "OK", version: expect.any(String) });
  expect((await ingest(query.url, "x")).status).toBe(404);
  expect((await ask(gateway.url, "/api/public/ingestion")).status).toBe(405);
});

test("while the query process is away reads get 503 in JSON, and writing goes on", async () => {
  await query.stop();
  const id = randomUUID();
  const answer = await ask(gateway.url, `/api/public/traces/${id}`);
  expect(answer.status).toBe(503);
  expect(answer.body).toMatchObject({ error: "ServiceUnavailableError" });
  expect(answer.headers.get("retry-after")).toBe("1");
  await accepted(gateway.url, id);
  const port = new URL(query.url).port;
  query = await cluster.start("query", { SLUICE_PORT: port });
  await readable(gateway.url, id);
});

test("what Sluice does not serve goes to the Langfuse that is set, with the caller's own keys", async () => {
  const seen: (string | undefined)[] = [];
  const langfuse = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    response.writeHead(200, { "content-type": "application/json" });
    const prompt = { type: "text", prompt: "Say {{what}}", config: {}, labels: [], tags: [] };
    response.end(JSON.stringify({ ...prompt, name: "p", version: 1 }));
  });
  await new Promise<void>((resolve) => langfuse.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void langfuse.close());
  const upstream = `http://127.0.0.1:${(langfuse.address() as AddressInfo).port}`;
  const whole = await cluster.start("gateway", {
    SLUICE_QUERY_URL: query.url,
    SLUICE_UPSTREAM_URL: upstream,
  });
  const client = new Langfuse({
    baseUrl: whole.url,
    publicKey: project.publicKey,
    secretKey: project.secretKey,
  });
  const prompt = await client.getPrompt("p", undefined, { fetchTimeoutMs: 60_000 });
  expect(prompt.compile({ what: "yes" })).toBe("Say yes");
  expect(seen).toEqual([`GET /api/public/v2/prompts/p ${authorization}`]);
  expect((await ask(whole.url, "/api/public/projects")).status).toBe(200);
  expect((await ask(whole.url, "/api/public/health")).body).toMatchObject({
    forwarded: { query: { failed: 0 }, upstream: { answered: 1, failed: 0 } },
  });
  await whole.stop();
});

test("a second writer takes its share, and what it had goes on when it ends", async () => {
  const second = await cluster.start("writer");
  const ids = Array.from({ length: 30 }, () => randomUUID());
  for (const id of ids.slice(0, 10)) await accepted(gateway.url, id);
  for (const id of ids.slice(0, 10)) await readable(gateway.url, id);
  await second.stop();
  for (const id of ids.slice(10)) await accepted(gateway.url, id);
  for (const id of ids) await readable(gateway.url, id);
  const listed = await ask(gateway.url, `/api/public/traces?name=${ids[0]}`);
  expect(listed.body["data"]).toHaveLength(1);
});

test("workers share the port of a gateway; one that dies is replaced, and all stop when it is told to", async () => {
  const many = await cluster.start("gateway", { SLUICE_GATEWAY_WORKERS: "2" });
  const pids = (): number[] =>
    many.log.filter(({ message }) => message === "worker ready").map(({ pid }) => Number(pid));
  await eventually(
    async () => pids().length,
    (count) => count === 2,
    60_000,
  );
  const before = randomUUID();
  await accepted(many.url, before);
  process.kill(pids()[0] ?? 0, "SIGKILL");
  await eventually(
    async () => pids().length,
    (count) => count === 3,
    60_000,
  );
  const after = randomUUID();
  await accepted(many.url, after);
  await many.stop();
  expect(many.log.filter(({ message }) => message === "worker stopped")).toHaveLength(2);
  await readable(gateway.url, before);
  await readable(gateway.url, after);
});

test("all of them end well when they are told to", async () => {
  const ending = [gateway.stop(), query.stop(), writer.stop()];
  await expect(Promise.all(ending)).resolves.toHaveLength(3);
});
