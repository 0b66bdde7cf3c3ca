/**
 * A span as it came over OTLP, without loss: what a protobuf request and its JSON twin have in common. It is plain
 * JSON, so that the log and the table keep it as text; the mapped row is a function of it.
 */
export interface OtelSpan {
  /** Lower-case hex; other text stays as it was sent, for clients that send ids of their own (otlp.md §1.5). */
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for none: absent, empty and all-zero ids mean the same. */
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly flags: number;
  readonly name: string;
  /** The number of the enum, also one that this build does not know. */
  readonly kind: number;
  /** Nanoseconds since the epoch, an unsigned 64-bit integer in decimal; "0" when absent. */
  readonly startNanos: string;
  readonly endNanos: string;
  readonly attributes: Attributes;
  readonly droppedAttributes: number;
  readonly events: readonly OtelEvent[];
  readonly droppedEvents: number;
  readonly links: readonly OtelLink[];
  readonly droppedLinks: number;
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly resource: OtelResource;
  readonly scope: OtelScope;
}

export interface OtelEvent {
  readonly nanos: string;
  readonly name: string;
  readonly attributes: Attributes;
  readonly dropped: number;
}

export interface OtelLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceState: string;
  readonly attributes: Attributes;
  readonly dropped: number;
  readonly flags: number;
}

export interface OtelResource {
  readonly attributes: Attributes;
  readonly dropped: number;
  readonly schemaUrl: string;
}

export interface OtelScope {
  readonly name: string;
  readonly version: string;
  readonly attributes: Attributes;
  readonly dropped: number;
  readonly schemaUrl: string;
}

/** In the order of the request, repeated keys too; where one value is asked for, the last one counts. */
export type Attributes = readonly Attribute[];

export type Attribute = readonly [key: string, value: AttributeValue];

/** An AnyValue with its type. */
export type AttributeValue =
  /** No value, or an empty AnyValue. */
  | null
  | string
  | boolean
  /** An int64 that is a safe integer: from -(2^53 - 1) to 2^53 - 1. */
  | number
  /** Any other int64, in decimal. */
  | { readonly int: string }
  /** Text for what JSON has no number for: NaN, Infinity, -Infinity, -0. */
  | { readonly double: number | "NaN" | "Infinity" | "-Infinity" | "-0" }
  /** Base64. */
  | { readonly bytes: string }
  | readonly AttributeValue[]
  | { readonly map: Attributes };
