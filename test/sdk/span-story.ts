import { context, SpanKind, SpanStatusCode, trace as api } from "@opentelemetry/api";
import type { Span, SpanOptions } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import type { SpanExporter } from "@opentelemetry/sdk-trace-node";
import { expect } from "vitest";

import { eventually, project } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { at, bareObservation, bareTrace, byId, iso, momentSince, zeroPrices } from "./expected.ts";
import { readByBoth } from "./generations.ts";
import type { ShownTrace } from "./integrations.ts";

/** Three spans as any program may write them with OpenTelemetry, and what is to be read of them. */

/** The id of the trace of this way, from 1 to 9, to send the story: its digit again and again. */
export function storyTraceId(way: number): string {
  return String(way).repeat(32);
}

/** The digit of its trace again and again, then a letter of its own. */
function spanIdOf(traceId: string, index: number): string {
  return traceId.slice(0, 15) + ("abc"[index] ?? "");
}

/** Sends the three spans, of which the last one fails, in one request. */
export async function tellSpans(exporter: SpanExporter, traceId: string): Promise<void> {
  let spans = 0;
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes(origin.resourceAttributes),
    idGenerator: {
      generateTraceId: () => traceId,
      generateSpanId: () => spanIdOf(traceId, spans++),
    },
    spanProcessors: [new BatchSpanProcessor(exporter, { scheduledDelayMillis: 3_600_000 })],
  });
  const tracer = provider.getTracer("shop", "2.0.0");
  const root = tracer.startSpan("POST /answer", {
    kind: SpanKind.SERVER,
    startTime: at(0),
    attributes: {
      "user.id": "user-1",
      "session.id": "session-1",
      "langfuse.trace.tags": ["paid", "beta"],
      "http.response.status_code": 200,
      ratio: 0.25,
      cached: true,
    },
  });
  const inside = api.setSpan(context.active(), root);
  const child = (name: string, options: SpanOptions): Span =>
    tracer.startSpan(name, options, inside);
  const startTime = at(1000);
  child("chat fake-1", { kind: SpanKind.CLIENT, startTime, attributes: call }).end(at(2500));
  const failed = child("look up", {
    startTime: at(2500),
    attributes: {
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.call.arguments": '{"order":17}',
    },
    links: [{ context: root.spanContext(), attributes: { "link.reason": "asked by" } }],
  });
  failed.addEvent("exception", { "exception.message": "out of order" }, at(2550));
  failed.setStatus({ code: SpanStatusCode.ERROR, message: "out of order" });
  failed.end(at(2600));
  root.end(at(3000));
  await provider.shutdown();
}

/** The trace as both generations of reads show it, its three observations in the order in which they began. */
export async function readTold(server: StartedServer, traceId: string): Promise<ShownTrace> {
  const trace = await readByBoth(server, traceId, 3);
  return { ...trace, observations: byId(trace.observations) };
}

/** Every field of what {@link readTold} is to give, stored since then (epoch milliseconds). */
export function toldTrace(traceId: string, since: number): object {
  const stamps = { createdAt: momentSince(since), updatedAt: momentSince(since) };
  const whole = { version: "1.4.0", environment: "staging" };
  const metadata = {
    ...origin,
    // What fields were made of stays readable beside what none was made of, as text.
    attributes: {
      "user.id": "user-1",
      "session.id": "session-1",
      "langfuse.trace.tags": '["paid","beta"]',
      "http.response.status_code": "200",
      ratio: "0.25",
      cached: "true",
    },
  };
  const root = {
    name: "POST /answer",
    startTime: iso(0),
    endTime: iso(3000),
    latency: 3,
    metadata,
  };
  return {
    ...bareTrace,
    ...stamps,
    ...whole,
    id: traceId,
    timestamp: iso(0),
    name: "POST /answer",
    userId: "user-1",
    sessionId: "session-1",
    tags: ["beta", "paid"],
    release: "r-42",
    metadata,
    scores: [],
    totalCost: 0,
    latency: 3,
    htmlPath: `/project/${project.id}/traces/${traceId}`,
    observations: [root, toldCall, toldFailure].map((fields, index) => ({
      ...bareObservation,
      ...zeroPrices,
      ...stamps,
      ...whole,
      traceId,
      id: spanIdOf(traceId, index),
      parentObservationId: index === 0 ? null : spanIdOf(traceId, 0),
      metadata: expect.objectContaining(origin),
      ...fields,
    })),
  };
}

const toldCall = {
  type: "GENERATION",
  name: "chat fake-1",
  startTime: iso(1000),
  endTime: iso(2500),
  latency: 1.5,
  input: [{ role: "user", content: "Where?" }],
  output: [{ role: "assistant", content: "On its way." }],
  model: "fake-1-2025",
  modelParameters: { temperature: 0.5, max_tokens: 64, stop_sequences: '["END","STOP"]' },
  usageDetails: { input: 15, input_cached_tokens: 5, output: 7, total: 27 },
  usage: { unit: "TOKENS", input: 20, output: 7, total: 27 },
  promptTokens: 20,
  completionTokens: 7,
  totalTokens: 27,
};

const toldFailure = {
  type: "TOOL",
  name: "look up",
  startTime: iso(2500),
  endTime: iso(2600),
  latency: 0.1,
  level: "ERROR",
  statusMessage: "out of order",
  input: { order: 17 },
};

/** The three as Sluice gives them back in OTLP, as text without their ids, which differ between traces. */
export async function givenBack(server: StartedServer, traceId: string): Promise<string> {
  const bodies = await Promise.all(
    [0, 1, 2].map(async (index) => {
      const id = spanIdOf(traceId, index);
      const { body } = await eventually(
        () => server.get(`/api/public/x/observations/${id}/otel`),
        ({ status }) => status === 200,
      );
      return body;
    }),
  );
  return JSON.stringify(bodies).replaceAll(traceId, "").replaceAll(traceId.slice(0, 15), "");
}

/** What every observation has of its exporter. */
const origin = {
  resourceAttributes: {
    "service.name": "shop",
    "service.version": "1.4.0",
    "deployment.environment.name": "staging",
    "langfuse.release": "r-42",
  },
  scope: { name: "shop", version: "2.0.0", attributes: {} },
};

const call = {
  "gen_ai.operation.name": "chat",
  "gen_ai.provider.name": "fake",
  "gen_ai.request.model": "fake-1",
  "gen_ai.response.model": "fake-1-2025",
  "gen_ai.request.temperature": 0.5,
  "gen_ai.request.max_tokens": 64,
  "gen_ai.request.stop_sequences": ["END", "STOP"],
  "gen_ai.usage.input_tokens": 20,
  "gen_ai.usage.output_tokens": 7,
  "gen_ai.usage.total_tokens": 27,
  "gen_ai.usage.cache_read.input_tokens": 5,
  "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"Where?"}]}]',
  "gen_ai.output.messages":
    '[{"role":"assistant","parts":[{"type":"text","content":"On its way."}]}]',
};
