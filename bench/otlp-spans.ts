import { seededRandom } from "./random.ts";
import type { Random } from "./random.ts";
import type {
  EventMessage,
  KeyValueMessage,
  Long,
  RequestMessage,
  SpanMessage,
  ValueMessage,
} from "./otlp-reference.ts";

/**
 * Spans as an exporter batches them for an agent: runs of eight spans, of which one is the agent's, one a retrieval,
 * two are calls of a model, one is a tool's and three are HTTP requests. Half of the runs have one service, half another; each
 * library has its scope. The same seed gives the same request; `startAt` is in epoch milliseconds.
 */
export function createExportRequest(seed: number, startAt: number, spans: number): RequestMessage {
  const random = seededRandom(seed);
  const services = ["checkout-assistant", "support-agent"];
  const runs = Math.ceil(spans / spansPerRun);
  return {
    resourceSpans: services.map((service, index) => {
      const scopes = new Map<string, SpanMessage[]>(scopeNames.map((name) => [name, []]));
      for (let run = index; run < runs; run += services.length) {
        const rest = spans - run * spansPerRun;
        for (const [scope, span] of agentRun(random, startAt + run * 40).slice(0, rest))
          scopes.get(scope)?.push(span);
      }
      return {
        resource: { attributes: resourceAttributes(random, service) },
        scopeSpans: [...scopes].map(([name, ofScope]) => ({
          scope: { name, version: "1.4.2" },
          spans: ofScope,
          schemaUrl: "https://opentelemetry.io/schemas/1.37.0",
        })),
      };
    }),
  };
}

const spansPerRun = 8;
const agentScope = "support-agents";
const modelScope = "opentelemetry.instrumentation.openai_v2";
const httpScope = "@opentelemetry/instrumentation-undici";
const scopeNames = [agentScope, modelScope, httpScope];

type ScopedSpan = readonly [scope: string, span: SpanMessage];

function agentRun(random: Random, startMs: number): ScopedSpan[] {
  const traceId = bytes(random, 16);
  const root = bytes(random, 8);
  const session = `session-${random.uuid()}`;
  let ms = startMs;
  const span = (
    parentSpanId: Uint8Array | null,
    name: string,
    attributes: readonly KeyValueMessage[],
    more: SpanMessage = {},
  ): SpanMessage => {
    const start = ms;
    ms += 3 + random.below(400);
    return {
      traceId,
      spanId: bytes(random, 8),
      parentSpanId,
      name,
      kind: 1,
      startTimeUnixNano: nanos(random, start),
      endTimeUnixNano: nanos(random, ms),
      attributes,
      flags: 257,
      status: {},
      ...more,
    };
  };
  const question = prose(random, 60 + random.below(300));
  const call = (): SpanMessage =>
    span(root, "chat gpt-4.1", modelAttributes(random, question, session), {
      kind: 3,
      events: [choice(random, ms)],
    });
  const request = (): SpanMessage =>
    span(root, "POST", httpAttributes(random), { kind: 3, status: { code: 1 } });
  return [
    [
      agentScope,
      {
        ...span(null, "invoke_agent support", agentAttributes(random, question, session)),
        spanId: root,
      },
    ],
    [agentScope, span(root, "search documents", retrievalAttributes(random, question))],
    [modelScope, call()],
    [httpScope, request()],
    [agentScope, span(root, "execute_tool lookup_order", toolAttributes(random))],
    [httpScope, request()],
    [modelScope, call()],
    [httpScope, request()],
  ];
}

function resourceAttributes(random: Random, service: string): KeyValueMessage[] {
  return [
    text("service.name", service),
    text("service.version", "2026.11.3"),
    text("service.instance.id", random.uuid()),
    text("deployment.environment.name", "production"),
    text("telemetry.sdk.language", "nodejs"),
    text("telemetry.sdk.name", "opentelemetry"),
    text("telemetry.sdk.version", "2.12.0"),
    int("process.pid", 100 + random.below(30_000)),
    text("host.name", `ip-10-0-${random.below(255)}-${random.below(255)}`),
  ];
}

function agentAttributes(random: Random, question: string, session: string): KeyValueMessage[] {
  return [
    text("gen_ai.operation.name", "invoke_agent"),
    text("gen_ai.agent.name", "support"),
    text("gen_ai.conversation.id", session),
    text("session.id", session),
    text("user.id", `user-${random.below(5_000)}`),
    text("langfuse.observation.type", "agent"),
    text("langfuse.trace.name", "support"),
    list("langfuse.trace.tags", [{ stringValue: "support" }, { stringValue: "eu" }]),
    text("langfuse.observation.input", JSON.stringify({ question })),
    text("langfuse.observation.output", JSON.stringify({ answer: prose(random, 400) })),
    text("langfuse.observation.metadata.tenant", `tenant-${random.below(50)}`),
  ];
}

function modelAttributes(random: Random, question: string, session: string): KeyValueMessage[] {
  const input = [
    { role: "system", parts: [{ type: "text", content: prose(random, 700) }] },
    { role: "user", parts: [{ type: "text", content: question }] },
  ];
  const output = [{ role: "assistant", parts: [{ type: "text", content: prose(random, 500) }] }];
  return [
    text("gen_ai.operation.name", "chat"),
    text("gen_ai.provider.name", "openai"),
    text("gen_ai.system", "openai"),
    text("gen_ai.request.model", "gpt-4.1"),
    text("gen_ai.response.model", "gpt-4.1-2025-04-14"),
    text("gen_ai.response.id", `chatcmpl-${random.uuid()}`),
    list("gen_ai.response.finish_reasons", [{ stringValue: "stop" }]),
    { key: "gen_ai.request.temperature", value: { doubleValue: 0.2 } },
    int("gen_ai.request.max_tokens", 2_048),
    int("gen_ai.usage.input_tokens", 400 + random.below(3_000)),
    int("gen_ai.usage.output_tokens", 20 + random.below(600)),
    int("gen_ai.usage.cached_input_tokens", random.below(400)),
    { key: "gen_ai.request.stream", value: { boolValue: true } },
    text("session.id", session),
    text("gen_ai.input.messages", JSON.stringify(input)),
    text("gen_ai.output.messages", JSON.stringify(output)),
    text("server.address", "api.openai.com"),
    int("server.port", 443),
  ];
}

function retrievalAttributes(random: Random, question: string): KeyValueMessage[] {
  const document = (index: number): KeyValueMessage[] => [
    text(`retrieval.documents.${index}.document.id`, random.uuid()),
    text(`retrieval.documents.${index}.document.content`, prose(random, 500)),
    {
      key: `retrieval.documents.${index}.document.score`,
      value: { doubleValue: random.below(1_000) / 1_000 },
    },
  ];
  return [
    text("openinference.span.kind", "RETRIEVER"),
    text("input.value", question),
    text("input.mime_type", "text/plain"),
    ...[0, 1, 2, 3].flatMap(document),
  ];
}

function toolAttributes(random: Random): KeyValueMessage[] {
  const order = { order: random.uuid(), note: prose(random, 120) };
  return [
    text("gen_ai.operation.name", "execute_tool"),
    text("gen_ai.tool.name", "lookup_order"),
    text("gen_ai.tool.call.id", `call_${random.uuid()}`),
    text("gen_ai.tool.type", "function"),
    text("gen_ai.tool.call.arguments", JSON.stringify({ order: order.order })),
    text("gen_ai.tool.call.result", JSON.stringify(order)),
    { key: "retry", value: { boolValue: false } },
  ];
}

function httpAttributes(random: Random): KeyValueMessage[] {
  return [
    text("http.request.method", "POST"),
    text("http.request.method_original", "POST"),
    text("url.full", `https://api.openai.com/v1/chat/completions?trace=${random.uuid()}`),
    text("url.path", "/v1/chat/completions"),
    text("url.query", ""),
    text("url.scheme", "https"),
    text("server.address", "api.openai.com"),
    int("server.port", 443),
    text("user_agent.original", "OpenAI/JS 5.12.0"),
    text("network.peer.address", `162.159.${random.below(255)}.${random.below(255)}`),
    int("network.peer.port", 443),
    text("network.protocol.version", "1.1"),
    int("http.response.status_code", 200),
    int("http.response.body.size", random.below(90_000)),
  ];
}

function choice(random: Random, ms: number): EventMessage {
  return {
    timeUnixNano: nanos(random, ms),
    name: "gen_ai.choice",
    attributes: [int("index", 0), text("finish_reason", "stop")],
  };
}

function text(key: string, stringValue: string): KeyValueMessage {
  return { key, value: { stringValue } };
}

function int(key: string, value: number): KeyValueMessage {
  return { key, value: { intValue: { low: value, high: 0 } } };
}

function list(key: string, values: readonly ValueMessage[]): KeyValueMessage {
  return { key, value: { arrayValue: { values } } };
}

function bytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}

function nanos(random: Random, ms: number): Long {
  const value = BigInt(ms) * 1_000_000n + BigInt(random.below(1_000_000));
  return { low: Number(BigInt.asIntN(32, value)), high: Number(value >> 32n) };
}

/** About `length` characters; one in some thirty lies beyond ASCII in one text of three. */
function prose(random: Random, length: number): string {
  const words = random.below(3) === 0 ? [...plainWords, ...otherWords] : plainWords;
  let sentence = "";
  while (sentence.length < length) sentence += `${words[random.below(words.length)] ?? ""} `;
  return sentence;
}

const plainWords =
  "the order was shipped on monday and should arrive within two days unless customs holds it please check the tracking page for details".split(
    " ",
  );
const otherWords = ["grüße", "naïve", "配送", "👍"];
