import { beforeAll, describe, expect, test } from "vitest";

import { insertRows } from "../../clickhouse/insert.ts";
import { decodeJsonRequest } from "../../schemas/otlp/json-request.ts";
import type { ParkedRow } from "../../schemas/parked.ts";
import { recordEncoder } from "../../schemas/records.ts";
import { describedRoutes, deviations, routeOf } from "../../test/openapi.ts";
import { publishPrices } from "../runtime/price-book.ts";
import { now, queryFixture } from "./testing.ts";

const query = queryFixture();
const project_id = "shapes";

/** Each answers with rows that have every field, and rows that have none. */
const targets = [
  "/api/public/health",
  "/api/public/ready",
  "/api/public/projects",
  "/api/public/traces",
  "/api/public/traces?fields=core",
  "/api/public/traces?page=9",
  "/api/public/traces/full",
  "/api/public/traces/bare",
  "/api/public/traces/full?fields=metrics",
  "/api/public/x/traces/full/tree",
  "/api/public/x/traces/full/tree?limit=1",
  "/api/public/observations",
  "/api/public/observations/full",
  "/api/public/observations/bare",
  "/api/public/v2/observations",
  "/api/public/v2/observations?limit=1&fields=core,basic,time,io,metadata,model,usage,prompt,metrics,trace_context",
  "/api/public/v2/observations?fields=core,basic,time,io,metadata,model,usage,prompt,metrics,trace_context",
  "/api/public/x/observations/full/cost",
  "/api/public/x/observations/bare/cost",
  "/api/public/x/observations/span/otel",
  "/api/public/sessions",
  "/api/public/sessions/s1",
  "/api/public/scores",
  "/api/public/scores/n",
  "/api/public/v2/scores",
  "/api/public/v2/scores?fields=score",
  "/api/public/v2/scores/t",
  "/api/public/v2/scores/c",
  "/api/public/v3/scores",
  "/api/public/v3/scores?fields=core,details,subject,annotation&limit=2",
  "/api/public/v3/scores?fields=subject",
  "/api/public/score-configs",
  "/api/public/models",
  "/api/public/x/dead-letters",
];

/** What has been made through the API, by the path of the list that it then is in. */
const made: Record<string, string> = {};

/** Every built-in price is among what is seeded; a busy machine takes a while for it. */
const seedMsMax = 60_000;

beforeAll(async () => {
  await publishPrices(query.registry);
  const organization = { id: "o", name: "O" };
  await query.registry.submit({ type: "organization-create", organization }, "test");
  const project = { id: project_id, name: project_id, organizationId: "o", createdAt: 0 };
  await query.registry.submit({ type: "project-create", project }, "test");
  await seedDeadLetter();
  await seedSpan();
  const [model] = query.registry.registry.models.list(project_id);
  await query.traces(
    {
      project_id,
      id: "full",
      name: "n",
      user_id: "u",
      session_id: "s1",
      release: "r",
      version: "v",
      tags: ["a"],
      public: true,
      bookmarked: true,
      metadata: { k: "[1]" },
      input: "{}",
      output: "text",
    },
    { project_id, id: "bare" },
  );
  await query.observations(
    {
      project_id,
      trace_id: "full",
      id: "full",
      parent_id: "bare",
      type: "GENERATION",
      name: "n",
      version: "v",
      status_message: "m",
      start_time: now - 2_000,
      end_time: now,
      completion_start_time: now - 1_000,
      metadata: { k: "1" },
      input: '"a"',
      output: "b",
      model: model?.definition.modelName ?? "",
      model_params: '{"a":1}',
      model_id: model?.definition.id ?? "",
      prompt_id: "p",
      prompt_name: "p",
      prompt_version: 3,
      provided_usage: { input: 1 },
      provided_cost: { total: "0.5" },
      usage_details: { input: 1, output: 2, total: 3 },
      cost_details: { input: "0.1", output: "0.4", total: "0.5" },
      total_cost: "0.5",
    },
    { project_id, trace_id: "full", id: "bare" },
  );
  const all = {
    project_id,
    trace_id: "full",
    comment: "c",
    config_id: "c",
    queue_id: "q",
    author_user_id: "a",
    execution_trace_id: "e",
    metadata: { k: "v" },
  };
  await query.scores(
    { ...all, id: "n", observation_id: "full", value: 0.5 },
    { ...all, id: "b", data_type: "BOOLEAN", value: 1, string_value: "True" },
    { ...all, id: "l", data_type: "CATEGORICAL", string_value: "good" },
    { ...all, id: "t", data_type: "TEXT", string_value: "well" },
    { ...all, id: "c", data_type: "CORRECTION", string_value: "better" },
    { project_id, id: "s", session_id: "s1" },
    { project_id, id: "r", dataset_run_id: "r1" },
  );
  await make("models", {
    modelName: "mine",
    matchPattern: "^mine$",
    pricingTiers: [
      { name: "Standard", isDefault: true, priority: 0, conditions: [], prices: { input: 1e-6 } },
      {
        name: "Long",
        isDefault: false,
        priority: 1,
        conditions: [{ usageDetailPattern: "input", operator: "gt", value: 1000 }],
        prices: { input: 2e-6 },
      },
    ],
  });
  await make("score-configs", {
    name: "quality",
    dataType: "CATEGORICAL",
    categories: [{ label: "good", value: 1 }],
  });
}, seedMsMax);

async function make(path: string, body: object): Promise<void> {
  const text = JSON.stringify(body);
  const { status, body: answer } = await query.get(project_id, `/api/public/${path}`, {
    method: "POST",
    headers: { "content-length": String(Buffer.byteLength(text)) },
    body: text,
  });
  expect([status, deviations("POST", `/api/public/${path}`, answer)]).toEqual([200, ""]);
  made[path] = answer.id;
}

async function seedDeadLetter(): Promise<void> {
  const header = { project: project_id, dialect: "langfuse", receivedAt: now } as const;
  const source = { keyId: "pk", sdkName: "", sdkVersion: "", registry: "0" };
  const row: ParkedRow = {
    project_id,
    partition: 0,
    ver: String(2n ** 48n),
    received_at: now,
    parked_at: now,
    reason: "no-id",
    detail: "trace-create without body.id",
    record: recordEncoder({ ...header, ...source })("{}").toString("base64"),
    redriven_at: 0,
  };
  await insertRows(query.db, "parked_records", [row]);
}

async function seedSpan(): Promise<void> {
  const { spans } = decodeJsonRequest(
    JSON.stringify({
      resourceSpans: [
        {
          scopeSpans: [
            {
              spans: [
                {
                  traceId: "0af7651916cd43dd8448eb211c80319c",
                  spanId: "b7ad6b7169203331",
                  name: "n",
                  startTimeUnixNano: "1777000000000000001",
                },
              ],
            },
          ],
        },
      ],
    }),
  );
  await query.observations({ project_id, id: "span", otel: JSON.stringify(spans[0]) });
}

describe("every answer is as the OpenAPI document says", () => {
  test.each(targets)("GET %s", async (target) => {
    const { status, body } = await query.get(project_id, target);
    expect([status, deviations("GET", target, body)]).toEqual([200, ""]);
  });

  test.each(["models", "score-configs"])("GET %s/{id}", async (path) => {
    const target = `/api/public/${path}/${made[path]}`;
    const { status, body } = await query.get(project_id, target);
    expect([status, deviations("GET", target, body)]).toEqual([200, ""]);
  });

  test("these are all GET routes that are described", () => {
    const asked = [...targets, "/api/public/models/id", "/api/public/score-configs/id"].map(
      (target) => routeOf("GET", new URL(target, "http://sluice.test").pathname).id,
    );
    const described = describedRoutes.filter(({ method }) => method === "get").map(({ id }) => id);
    expect([...new Set(asked)].toSorted()).toEqual(described.toSorted());
  });

  test("a missing key, a key too many and a wrong type are told", () => {
    const target = "/api/public/v2/scores/n";
    expect(deviations("GET", "/api/public/health", { status: "OK", version: "1" })).toBe("");
    expect(deviations("GET", "/api/public/health", { status: "OK" })).toContain("version");
    expect(deviations("GET", target, { surplus: 1 })).toContain("surplus");
    expect(deviations("GET", "/api/public/health", { status: 1, version: "1" })).toContain(
      "status",
    );
    expect(() => deviations("GET", "/nowhere", {})).toThrow("/nowhere");
  });
});
