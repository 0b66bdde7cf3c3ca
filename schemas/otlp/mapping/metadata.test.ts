import { describe, expect, test } from "vitest";

import { observationRowOf, traceRowOf } from "../testing.ts";
import type { PlainMap } from "../testing.ts";

const scope = "langfuse-sdk";
const namespaces = ["attributes", "resourceAttributes", "scope"];

/** The client's own keys. */
function ownMetadata(attributes: PlainMap): PlainMap {
  const { metadata } = observationRowOf({ scope, attributes });
  return Object.fromEntries(Object.entries(metadata).filter(([key]) => !namespaces.includes(key)));
}

describe("otlp.md §2.10", () => {
  test.each<[string, PlainMap, PlainMap]>([
    [
      "each key of its own, dots and all",
      { "langfuse.observation.metadata.a.b": "x", "langfuse.observation.metadata.n": 5 },
      { "a.b": "x", n: "5" },
    ],
    [
      "JSON text within a key, which stays text",
      { "langfuse.observation.metadata.a": '{"b":1}' },
      { a: '{"b":1}' },
    ],
    [
      "one map for all",
      { "langfuse.observation.metadata": '{"a":{"b":1},"c":"x"}' },
      { a: '{"b":1}', c: "x" },
    ],
    ["a structured map", { "langfuse.observation.metadata": { a: [1] } }, { a: "[1]" }],
    ["a bare text", { "langfuse.observation.metadata": "note" }, { metadata: "note" }],
    ["a bare list", { "langfuse.observation.metadata": "[1]" }, { metadata: "[1]" }],
    [
      "both, of which the single key wins",
      { "langfuse.observation.metadata.a": "one", "langfuse.observation.metadata": '{"a":"all"}' },
      { a: "one" },
    ],
    [
      "the older name",
      { "langfuse.metadata": '{"a":"x"}', "langfuse.metadata.b": "y" },
      { a: "x", b: "y" },
    ],
    [
      "the older name beside the newer",
      { "langfuse.metadata": '{"a":"old"}', "langfuse.observation.metadata": '{"b":"new"}' },
      { b: "new" },
    ],
    [
      "the AI SDK, without what has fields of its own",
      {
        "ai.telemetry.metadata.plan": "pro",
        "ai.telemetry.metadata.userId": "u",
        "ai.telemetry.metadata.sessionId": "s",
        "ai.telemetry.metadata.tags": ["t"],
        "ai.telemetry.metadata.langfusePrompt": "{}",
      },
      { plan: "pro" },
    ],
    ["OpenInference", { metadata: '{"a":1}' }, { a: "1" }],
    ["LiteLLM", { "metadata.team": "x" }, { team: "x" }],
    ["OpenLLMetry", { "traceloop.association.properties.plan": "x" }, { plan: "x" }],
    ["LangSmith", { "langsmith.metadata.plan": "x" }, { plan: "x" }],
    ["Mastra", { "mastra.metadata.plan": "x" }, { plan: "x" }],
    [
      "experiments",
      { "langfuse.experiment.id": "e", "langfuse.experiment.item.id": "i" },
      { "langfuse.experiment.id": "e", "langfuse.experiment.item.id": "i" },
    ],
    [
      "names of every object's members",
      JSON.parse('{"langfuse.observation.metadata.constructor":"x"}') as PlainMap,
      { constructor: "x" },
    ],
  ])("metadata is read from %s", (_, attributes, metadata) => {
    expect(ownMetadata(attributes)).toEqual(metadata);
  });

  test("__proto__ is a key like any other", () => {
    const { metadata } = observationRowOf({
      scope,
      attributes: { "langfuse.observation.metadata": '{"__proto__":{"polluted":1}}' },
    });
    expect(Object.getOwnPropertyDescriptor(metadata, "__proto__")?.value).toBe('{"polluted":1}');
    expect("polluted" in {}).toBe(false);
  });

  test("what no payload and no metadata took is kept as text under attributes, except of Langfuse's own SDKs", () => {
    const attributes = {
      "http.route": "/x",
      count: 5,
      list: [1, "a"],
      nothing: null,
      input: "in",
      "langfuse.observation.metadata.mine": "m",
    };
    const { metadata } = observationRowOf({ scope: "http", attributes });
    expect(JSON.parse(metadata["attributes"] ?? "")).toEqual({
      "http.route": "/x",
      count: "5",
      list: '[1,"a"]',
      nothing: "null",
    });
    expect(observationRowOf({ scope, attributes }).metadata["attributes"]).toBeUndefined();
  });

  test("resource and scope have namespaces of their own, over which the client's keys lie", () => {
    const parts = {
      scope: "openai",
      scopeVersion: "1.2",
      resource: { "service.name": "shop", "langfuse.trace.metadata.region": "eu" },
    };
    const { metadata } = observationRowOf(parts);
    expect(JSON.parse(metadata["resourceAttributes"] ?? "")).toEqual(parts.resource);
    expect(JSON.parse(metadata["scope"] ?? "")).toEqual({
      name: "openai",
      version: "1.2",
      attributes: {},
    });
    expect(metadata["region"]).toBe("eu");
    const attributes = { "langfuse.observation.metadata.scope": "mine" };
    expect(observationRowOf({ ...parts, attributes }).metadata["scope"]).toBe("mine");
  });

  test("a trace has what was said of it by any span, and everything of its root", () => {
    const root = {
      attributes: {
        "langfuse.trace.metadata.plan": "root's",
        "langfuse.observation.metadata.plan": "the call's",
        "langfuse.observation.metadata.own": "o",
      },
    };
    const child = {
      spanId: "c",
      parentSpanId: "b7ad6b7169203331",
      startNanos: "1772366400500000000",
      attributes: {
        "langfuse.trace.metadata": '{"late":"l"}',
        "langfuse.observation.metadata.hidden": "h",
        "ai.telemetry.metadata.shared": "s",
        "ai.telemetry.metadata.own": "child's",
      },
    };
    for (const row of [traceRowOf(root, child), traceRowOf(child, root)]) {
      expect(row.metadata).toMatchObject({ plan: "root's", own: "o", late: "l", shared: "s" });
      expect(row.metadata["hidden"]).toBeUndefined();
      expect(JSON.parse(row.metadata["scope"] ?? "")).toMatchObject({ name: "test" });
    }
  });
});
