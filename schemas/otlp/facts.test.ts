import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { sortedRecord } from "../canonical.ts";
import { rowOf } from "../entity-row.ts";
import type { Fact } from "../facts.ts";
import { mergeFact } from "../merge.ts";
import type { Entity } from "../merge.ts";
import { spanFacts } from "./facts.ts";
import { explainSpan } from "./mapping/explain.ts";
import type { Attributes, AttributeValue, OtelSpan } from "./span.ts";
import { header, observationRowOf, rowsOf, spanOf, startMs, traceRowOf } from "./testing.ts";
import type { SpanParts } from "./testing.ts";

function nanos(ms: number): string {
  return `${startMs + ms}000000`;
}

const root: SpanParts = {
  spanId: "root",
  name: "root",
  startNanos: nanos(10),
  attributes: { input: "root in", "langfuse.environment": "prod", "langfuse.release": "r" },
  resource: { "service.version": "1" },
};
const marked: SpanParts = {
  spanId: "marked",
  parentSpanId: "elsewhere",
  name: "marked",
  startNanos: nanos(5),
  attributes: { "langfuse.internal.as_root": true, input: "marked in", output: "marked out" },
};
const child: SpanParts = {
  spanId: "child",
  parentSpanId: "root",
  name: "child",
  startNanos: nanos(0),
  attributes: {
    input: "child in",
    "langfuse.environment": "staging",
    "gen_ai.conversation.id": "c",
  },
  resource: { "service.version": "2" },
};

function said(name: string, ms: number): SpanParts {
  const attributes = {
    "langfuse.trace.name": name,
    "user.id": name,
    "langfuse.trace.input": name,
  };
  return { ...child, spanId: name, startNanos: nanos(ms), attributes };
}

function tagged(spanId: string, tags: string[]): SpanParts {
  return { ...child, spanId, attributes: { "langfuse.trace.tags": tags } };
}

describe("otlp.md §3.3", () => {
  test("a root says what its trace is called, was given and gave, whenever it comes", () => {
    for (const spans of [
      [root, child, marked],
      [child, marked, root],
      [marked, root, child],
    ]) {
      expect(traceRowOf(...spans)).toMatchObject({
        name: "root",
        input: "root in",
        output: "marked out",
        environment: "prod",
        version: "1",
        release: "r",
        session_id: "c",
        timestamp: startMs,
      });
    }
  });

  test("a trace without a root has what its spans imply, but neither their name nor their payloads", () => {
    const row = traceRowOf(child, { ...child, spanId: "later", startNanos: nanos(1) });
    expect(row).toMatchObject({ environment: "staging", version: "2", timestamp: startMs });
    expect([row.name, row.input, row.output]).toEqual([undefined, undefined, undefined]);
  });

  test("of several roots the first to start speaks, and the id decides between equals", () => {
    const second = { ...root, spanId: "second", name: "second", startNanos: nanos(11) };
    const twin = { ...root, spanId: "zzz", name: "twin" };
    for (const spans of [
      [root, second, twin],
      [twin, second, root],
    ]) {
      expect(traceRowOf(...spans).name).toBe("root");
    }
    // Within one millisecond the nanoseconds tell.
    const sooner = { ...root, spanId: "zzz", name: "sooner", startNanos: `${startMs + 9}999999` };
    expect(traceRowOf(root, sooner).name).toBe("sooner");
    const hair = { ...root, spanId: "aaa", name: "hair", startNanos: `${startMs + 10}000001` };
    expect(traceRowOf(hair, root).name).toBe("root");
  });

  test("what is said of the trace outweighs what its root implies, and the last to start counts", () => {
    for (const spans of [
      [root, said("a", 1), said("b", 2)],
      [said("b", 2), root, said("a", 1)],
    ]) {
      expect(traceRowOf(...spans)).toMatchObject({ name: "b", user_id: "b", input: "b" });
    }
  });

  test("a session that a call names gives way to one that is named for the trace", () => {
    const named = { ...root, attributes: { "session.id": "s" } };
    expect(traceRowOf(named, child).session_id).toBe("s");
    expect(traceRowOf(child, named).session_id).toBe("s");
  });

  test("a second service neither moves the trace to its environment nor renames it", () => {
    const joining = {
      ...marked,
      startNanos: nanos(50),
      attributes: { ...marked.attributes, "langfuse.environment": "other" },
    };
    expect(traceRowOf(joining, root)).toMatchObject({ name: "root", environment: "prod" });
  });

  test("tags of all spans are united and sorted", () => {
    expect(traceRowOf(tagged("1", ["b", "a"]), tagged("2", ["c", "a"])).tags).toEqual([
      "a",
      "b",
      "c",
    ]);
  });

  test("the same span again states the same, and of two versions the one that ended later is kept", () => {
    expect(spanFacts(header, spanOf(root))).toEqual(spanFacts(header, spanOf(root)));
    const open = { ...root, endNanos: nanos(20), attributes: { input: "partial" } };
    const done = { ...root, endNanos: nanos(30), attributes: { input: "whole" } };
    for (const spans of [
      [open, done],
      [done, open],
    ]) {
      const [row] = rowsOf(spans.map(spanOf)).observations.values();
      expect(row).toMatchObject({ input: "whole", end_time: startMs + 30 });
    }
  });
});

describe("otlp.md §2.2, §7", () => {
  test("ids that are not hex name their span and trace like any other", () => {
    const traceId = "5f0c-not-hex";
    const [row] = rowsOf([
      spanOf({ traceId, spanId: "1", parentSpanId: "0" }),
    ]).observations.values();
    expect(row).toMatchObject({ id: "1", trace_id: traceId, parent_id: "0" });
  });

  test("a span without times begins when it was received, which any stated time outweighs", () => {
    const timeless = { startNanos: "0", endNanos: "0" };
    expect(observationRowOf(timeless)).toMatchObject({ start_time: header.receivedAt });
    const late = { ...child, startNanos: nanos(60_000) };
    expect(traceRowOf({ ...timeless, spanId: "x" }, late).timestamp).toBe(startMs + 60_000);
  });
});

const knownKeys = `
  langfuse.observation.type langfuse.observation.metadata langfuse.trace.tags langfuse.observation.usage_details
  langfuse.observation.cost_details metadata langfuse.observation.model.parameters langfuse.observation.prompt.version
  events gen_ai.operation.name gen_ai.input.messages gen_ai.system_instructions
  input gen_ai.tool.definitions gen_ai.usage.input_tokens gen_ai.prompt.0.content
  gen_ai.prompt.__proto__ gen_ai.prompt genkit:input genkit:output
  model ai.response.providerMetadata ai.telemetry.metadata.langfusePrompt user.id
  langfuse.observation.completion_start_time ai.response.msToFirstChunk llm.tools.0 langfuse.internal.as_root
  langfuse.environment mastra.span.type __proto__
`
  .trim()
  .split(/\s+/);

/** Keys that tables know, beside ones that nobody knows. */
const anyKey = fc.oneof(fc.constantFrom(...knownKeys), fc.string({ maxLength: 8 }));

const { value: anyValue } = fc.letrec<{ value: AttributeValue; map: Attributes }>((tie) => ({
  map: fc.array(fc.tuple(anyKey, tie("value")), { maxLength: 3 }),
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<AttributeValue>(null, true, false, 0, -1, "", "{}", "[]", '"x"', "constructor"),
    fc.constantFrom<AttributeValue>('{"__proto__":1}', "[null]", "1e999", "{", "tool", "toString"),
    fc.string(),
    fc.json({ maxDepth: 3 }),
    fc.maxSafeInteger(),
    fc.constantFrom<AttributeValue>({ int: "9007199254740993" }, { bytes: "AA==" }),
    fc.constantFrom<AttributeValue>({ double: 0.5 }, { double: "NaN" }, { double: "-0" }),
    fc.array(tie("value"), { maxLength: 3 }),
    tie("map").map((map) => ({ map })),
  ),
}));

const anyAttributes: fc.Arbitrary<Attributes> = fc.array(fc.tuple(anyKey, anyValue), {
  maxLength: 8,
});

const anySpan: fc.Arbitrary<OtelSpan> = fc
  .record({
    traceId: fc.constantFrom("t", "u"),
    spanId: fc.constantFrom("1", "2", "3"),
    parentSpanId: fc.constantFrom("", "1", "9"),
    name: fc.string({ maxLength: 5 }),
    startNanos: fc.constantFrom("0", nanos(0), nanos(1), "18446744073709551615", "1"),
    endNanos: fc.constantFrom("0", nanos(2), "1"),
    statusCode: fc.constantFrom(0, 1, 2, 9),
    attributes: anyAttributes,
    resource: anyAttributes,
    scope: fc.constantFrom(
      "ai",
      "genkit-tracer",
      "pydantic-ai",
      "livekit-agents",
      "langfuse-sdk",
      "x",
    ),
    events: fc.array(
      fc.record({
        name: fc.constantFrom("exception", "gen_ai.choice", "gen_ai.user.message", "x"),
        attributes: anyAttributes,
      }),
      { maxLength: 2 },
    ),
  })
  .map(({ attributes, resource, scope, events, ...rest }) => {
    const bare = spanOf({ ...rest, scope });
    return {
      ...bare,
      attributes,
      events: events.map((event) => ({ ...event, nanos: "0", dropped: 0 })),
      resource: { ...bare.resource, attributes: resource },
    };
  });

test("whatever its attributes, a span becomes one observation and never an error", () => {
  fc.assert(
    fc.property(anySpan, (span) => {
      const facts = spanFacts(header, span);
      expect(facts.map(({ kind }) => kind).filter((kind) => kind === "observation")).toHaveLength(
        1,
      );
      for (const fact of facts) expect(rowIsStorable(fact)).toBe(true);
    }),
    { numRuns: 300 },
  );
});

/** Numbers are finite, texts are texts: a row of the fact reads back as it was written. */
function rowIsStorable(fact: Fact): boolean {
  const entity = mergeFact(null, fact);
  if (!entity) return false;
  const row = rowOf(entity, 1n, 0);
  const values = Object.values({ ...row, ...row.metadata });
  return values.every((value) => typeof value !== "number" || Number.isFinite(value));
}

test("an explanation tells what the mapping did, of every attribute", () => {
  fc.assert(
    fc.property(anySpan, (span) => {
      const { fields, steps, unmapped } = explainSpan(span);
      const [observation] = spanFacts({ ...header, receivedAt: 0 }, span);
      expect(fields.name ?? undefined).toBe(observation?.columns["name"]);
      expect(fields.input ?? undefined).toBe(observation?.columns["input"]);
      const mapped = steps.filter(({ use }) => use === "used").flatMap((step) => step.attributes);
      const keys = new Set(span.attributes.map(([key]) => key));
      expect(new Set([...mapped, ...unmapped])).toEqual(keys);
    }),
    { numRuns: 200 },
  );
});

test("otlp.md §3.3: 200 spans in 100 random orders, with repeats, give the same trace and observations", () => {
  const kinds: readonly SpanParts[] = [root, marked, child];
  const spans = Array.from({ length: 200 }, (_, index) => {
    const { attributes, ...kind } = kinds[index < 3 ? index : 2] ?? child;
    const spanId = `s${index}`;
    const stated = index % 7 === 0 && { "langfuse.trace.name": spanId, "user.id": spanId };
    const tags = {
      "langfuse.trace.tags": [`t${index % 5}`],
      [`langfuse.trace.metadata.${index % 9}`]: spanId,
    };
    return spanOf({
      ...kind,
      spanId,
      startNanos: nanos(index % 13),
      attributes: { ...attributes, ...tags, ...stated },
    });
  });
  const facts = spans.map((span) => spanFacts(header, span));
  const ofTrace = facts.map((some) => some.filter(({ kind }) => kind === "trace"));
  expect(differingOrder(ofTrace, 100)).toBeNull();
  expect(differingOrder(facts, 5)).toBeNull();
});

/** A seed with an order, of so many, that gives other rows. */
function differingOrder(facts: readonly (readonly Fact[])[], numRuns: number): number | null {
  const expected = contentAfter(facts);
  const orders = fc.shuffledSubarray([...facts, ...facts.slice(0, 40)], { minLength: 240 });
  const law = fc.property(orders, (order) => contentAfter(order) === expected);
  const { failed, seed } = fc.check(law, { numRuns, endOnFailure: true });
  return failed ? seed : null;
}

function contentAfter(facts: readonly (readonly Fact[])[]): string {
  const entities = new Map<string, Entity | null>();
  for (const fact of facts.flat()) {
    const key = `${fact.kind} ${fact.id}`;
    entities.set(key, mergeFact(entities.get(key) ?? null, fact));
  }
  const rows = [...entities.keys()].toSorted().map((key) => {
    const entity = entities.get(key);
    return entity ? sortedRecord({ ...rowOf(entity, 1n, 0) }) : null;
  });
  return JSON.stringify(rows);
}
