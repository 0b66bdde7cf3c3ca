import type { Entity } from "../merge.ts";
import { mergeFact } from "../merge.ts";
import type { Fact } from "../facts.ts";
import { entityOf, rowOf } from "../entity-row.ts";
import type { ObservationRow, TraceRow } from "../rows.ts";
import { doubleOf, emptyResource, emptyScope, emptySpan } from "./drafts.ts";
import { spanFacts } from "./facts.ts";
import type { SpanHeader } from "./facts.ts";
import { SpanReader } from "./mapping/reader.ts";
import type { Attributes, AttributeValue, OtelEvent, OtelSpan } from "./span.ts";

/** Spans for tests, from plain values. */

export type Plain = null | string | number | boolean | readonly Plain[] | PlainMap;
export interface PlainMap {
  readonly [key: string]: Plain;
}

export interface SpanParts extends Partial<
  Omit<OtelSpan, "attributes" | "events" | "resource" | "scope">
> {
  readonly attributes?: PlainMap;
  readonly events?: readonly { readonly name: string; readonly attributes?: PlainMap }[];
  readonly resource?: PlainMap;
  readonly scope?: string;
  readonly scopeVersion?: string;
}

export const startMs = Date.UTC(2026, 2, 1, 12);

/** A span of one second with these parts. */
export function spanOf(parts: SpanParts = {}): OtelSpan {
  const { attributes, events, resource, scope, scopeVersion, ...rest } = parts;
  return {
    ...emptySpan(
      { ...emptyResource(), attributes: attributesOf(resource) },
      { ...emptyScope(), name: scope ?? "test", version: scopeVersion ?? "" },
    ),
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    name: "span",
    startNanos: `${startMs}000000`,
    endNanos: `${startMs + 1000}000000`,
    ...rest,
    attributes: attributesOf(attributes),
    events: (events ?? []).map(({ name, attributes: own }): OtelEvent => ({
      nanos: "0",
      name,
      attributes: attributesOf(own),
      dropped: 0,
    })),
  };
}

/** As the mapping reads it. */
export function readerOf(parts: SpanParts): SpanReader {
  return new SpanReader(spanOf(parts));
}

function attributesOf(map: PlainMap = {}): Attributes {
  return Object.entries(map).map(([key, value]) => [key, valueOf(value)]);
}

function valueOf(value: Plain): AttributeValue {
  if (typeof value === "number") return Number.isSafeInteger(value) ? value : doubleOf(value);
  if (typeof value !== "object" || value === null) return value;
  return isList(value) ? value.map(valueOf) : { map: attributesOf(value) };
}

function isList(value: readonly Plain[] | PlainMap): value is readonly Plain[] {
  return Array.isArray(value);
}

export const header: SpanHeader = {
  project: "p",
  receivedAt: startMs + 5000,
  keyId: "pk",
  sdkName: "javascript",
  sdkVersion: "5.11.1",
};

/** The rows of these spans by id, each read back from its row before the next span is merged. */
export function rowsOf(spans: readonly OtelSpan[]): {
  readonly traces: ReadonlyMap<string, TraceRow>;
  readonly observations: ReadonlyMap<string, ObservationRow>;
} {
  const rows = {
    trace: new Map<string, TraceRow>(),
    observation: new Map<string, ObservationRow>(),
  };
  const kept = new Map<string, Entity>();
  for (const fact of spans.flatMap((span) => spanFacts(header, span))) {
    const entity = merged(kept.get(keyOf(fact)) ?? null, fact);
    if (!entity) continue;
    kept.set(keyOf(fact), entity);
    // The widest of the kinds: what a test asks of it is of its own kind.
    if (fact.kind === "trace") rows.trace.set(fact.id, shown(entity) as TraceRow);
    else if (fact.kind === "observation")
      rows.observation.set(fact.id, shown(entity) as ObservationRow);
  }
  return { traces: rows.trace, observations: rows.observation };
}

export function observationRowOf(parts: SpanParts): ObservationRow {
  const [row] = rowsOf([spanOf(parts)]).observations.values();
  if (!row) throw new Error("no observation");
  return row;
}

export function traceRowOf(...spans: readonly SpanParts[]): TraceRow {
  const [row, second] = rowsOf(spans.map(spanOf)).traces.values();
  if (!row || second) throw new Error("not one trace");
  return row;
}

function keyOf({ kind, id }: Fact): string {
  return `${kind} ${id}`;
}

function merged(base: Entity | null, fact: Fact): Entity | null {
  const entity = mergeFact(base, fact);
  return entity && entityOf(entity.kind, JSON.parse(JSON.stringify(rowOf(entity, 1n, 0))));
}

function shown(entity: Entity): unknown {
  return JSON.parse(JSON.stringify(rowOf(entity, 1n, 0)));
}
