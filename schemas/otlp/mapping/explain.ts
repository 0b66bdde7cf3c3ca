import type { OtelSpan } from "../span.ts";
import { mapSpan } from "./map-span.ts";
import type { MappedSpan } from "./map-span.ts";
import type { Step } from "./reader.ts";

export interface SpanExplanation {
  readonly traceId: string;
  readonly spanId: string;
  readonly name: string;
  readonly scope: { readonly name: string; readonly version: string };
  /** What the fields came out as. */
  readonly fields: MappedSpan;
  /** What was tried for each field, in order: what fed it, what came too late, what could not be used. */
  readonly steps: readonly Step[];
  /** Attributes that no field was made of; they are kept all the same. */
  readonly unmapped: readonly string[];
}

/** Tells how a span is mapped, by mapping it. */
export function explainSpan(span: OtelSpan): SpanExplanation {
  const steps: Step[] = [];
  const fields = mapSpan(span, 0, steps);
  const mapped = new Set<string>();
  for (const { use, attributes } of steps) {
    if (use === "used") for (const key of attributes) mapped.add(key);
  }
  const keys = new Set(span.attributes.map(([key]) => key));
  const { name, version } = span.scope;
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    name: span.name,
    scope: { name, version },
    fields,
    steps,
    unmapped: [...keys].filter((key) => !mapped.has(key)),
  };
}
