/**
 * A span as it came over OTLP, without loss: what a protobuf request and its JSON twin have in common. It is plain
 * JSON, so that the log and the table keep it as text; the mapped row is a function of it.
 *
 * Two spans are equal when these are deeply equal. So equality is what the decoders make of a request, and what they
 * make equal is what the OTLP and protobuf specifications call the same:
 *
 * - an absent field, JSON's null, and the field's default; so an absent resource or scope and an empty one, an absent
 *   value and an empty AnyValue; an empty text, list or map as a value is none of these;
 * - hex ids of either case, base64 and bytes; a parent id that is absent, empty or all zeros;
 * - an integer as a JSON number, as text, or in halves; a double as a number or as text; an enum's number and name;
 * - base64 of either alphabet, with padding or without;
 * - fields in any order, unknown fields, and of a repeated field the last one (of messages, their parts joined);
 * - bytes that are not UTF-8, and halves of surrogate pairs, with U+FFFD in their place;
 * - spans of one resource and scope in one message or in several.
 *
 * Order and repetition count where the protocol has lists: of spans, attributes, events, links and elements. The
 * letters of ids that are not hex, the sign of a double's zero, NaN, and the types of values count too.
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
