import { afterAll, beforeAll, expect, test } from "vitest";

import { project, startServer } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { expectSilentServer } from "./clients.ts";
import { bareObservation, bareTrace, momentSince, zeroPrices } from "./expected.ts";
import { everythingStored } from "./integrations.ts";
import type { ShownObservation, ShownTrace } from "./integrations.ts";
import { installMsMax, pythonWith } from "./python.ts";
import type { Python } from "./python.ts";

/** Pydantic AI and what it alone needs. */
const packages = [
  "genai-prices==0.2.3",
  "griffelib==2.4.1",
  "httpcore2==2.16.2",
  "httpx2==2.16.2",
  "logfire-api==5.6.0",
  "pydantic-ai-slim==2.68.0",
  "pydantic-graph==2.68.0",
  "truststore==0.10.5",
];

let server: StartedServer;
let python: Python;

expectSilentServer(() => server);
beforeAll(async () => {
  server = await startServer();
  python = await pythonWith(packages);
}, installMsMax);
afterAll(() => server.stop());

test.for(["/v1/traces", "/api/public/otel/v1/traces"])(
  "A run of an agent, exported to %s, reads back as its calls of model and tool.",
  async (where) => {
    const since = Date.now();
    const credentials = Buffer.from(`${project.publicKey}:${project.secretKey}`).toString("base64");
    const answer = await python.run("pydantic-agent.py", [], {
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: server.url + where,
      OTEL_EXPORTER_OTLP_HEADERS: `Authorization=Basic%20${credentials}`,
      OTEL_SERVICE_NAME: where,
    });
    expect(answer).toBe("It is on its way.");

    await everythingStored(server);
    const id = await idOfTrace(where);
    const { observations, ...trace } = (await server.get(`/api/public/traces/${id}`))
      .body as ShownTrace;
    const agent = observations.find(({ name }) => name === "support run");
    const stamps = { createdAt: momentSince(since), updatedAt: momentSince(since) };
    expect(trace).toStrictEqual({
      ...bareTrace,
      ...stamps,
      id,
      timestamp: agent?.["startTime"],
      name: "support run",
      sessionId: expect.any(String),
      input: [...asked, calling, told, answered],
      output: "It is on its way.",
      metadata: metadataWith(where, { "gen_ai.conversation.id": trace["sessionId"] }),
      scores: [],
      totalCost: 0,
      latency: agent?.["latency"],
      htmlPath: `/project/${project.id}/traces/${id}`,
    });
    const base = {
      ...bareObservation,
      ...zeroPrices,
      ...stamps,
      id: expect.any(String),
      traceId: id,
      startTime: momentSince(since),
      endTime: momentSince(since),
      latency: expect.any(Number),
      metadata: metadataWith(where, { "gen_ai.agent.name": "support" }),
    };
    const below = { ...base, parentObservationId: agent?.id };
    expect(observations.toSorted(byTokens)).toStrictEqual([
      {
        ...base,
        type: "AGENT",
        name: "support run",
        input: trace["input"],
        output: trace["output"],
      },
      { ...below, type: "TOOL", name: "find_order", input: { number: 42 }, output: "on its way" },
      {
        ...below,
        ...generation,
        ...usageOf(20, 5),
        input: { messages: asked, tools },
        output: [calling],
      },
      {
        ...below,
        ...generation,
        ...usageOf(30, 7),
        input: { messages: [...asked, calling, told], tools },
        output: [answered],
      },
    ]);
  },
);

/** The run that went to this path: its service bears the name. */
async function idOfTrace(where: string): Promise<string> {
  const filter = [
    {
      type: "stringObject",
      column: "metadata",
      key: "resourceAttributes",
      operator: "contains",
      value: `"${where}"`,
    },
  ];
  const { body } = await server.get(
    `/api/public/traces?filter=${encodeURIComponent(JSON.stringify(filter))}`,
  );
  const found = (body as Listed).data;
  expect(found).toHaveLength(1);
  return found[0]?.id ?? "";
}

interface Listed {
  readonly data: readonly { readonly id: string }[];
}

const asked = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "Where is order 42?" },
];
const calling = {
  role: "assistant",
  tool_calls: [
    {
      id: "call-1",
      type: "function",
      function: { name: "find_order", arguments: '{"number":42}' },
    },
  ],
};
const told = { role: "tool", tool_call_id: "call-1", content: "on its way" };
const answered = { role: "assistant", content: "It is on its way." };
const tools = [
  {
    type: "function",
    name: "find_order",
    parameters: {
      additionalProperties: false,
      properties: { number: { type: "integer" } },
      required: ["number"],
      type: "object",
    },
  },
];
const generation = { type: "GENERATION", name: "chat fake-model", model: "fake-model" };

function usageOf(input: number, output: number): object {
  const total = input + output;
  return {
    usageDetails: { input, output, total },
    usage: { unit: "TOKENS", input, output, total },
    promptTokens: input,
    completionTokens: output,
    totalTokens: total,
  };
}

function metadataWith(where: string, attributes: object): unknown {
  return {
    attributes: expect.objectContaining(attributes),
    resourceAttributes: expect.objectContaining({ "service.name": where }),
    scope: { name: "pydantic-ai", version: "2.68.0", attributes: {} },
  };
}

/** The agent and the tool have none. */
function byTokens(one: ShownObservation, other: ShownObservation): number {
  return (
    Number(one["promptTokens"]) - Number(other["promptTokens"]) ||
    String(one["type"]).localeCompare(String(other["type"]))
  );
}
