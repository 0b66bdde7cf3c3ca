import root from "otlp-transformer-0216/build/src/generated/root.js";

import type {
  Attribute,
  AttributeValue,
  OtelEvent,
  OtelLink,
  OtelSpan,
} from "../schemas/otlp/span.ts";

/**
 * What a gateway would do without a reader of its own: the decoder that protobufjs generated for
 * `@opentelemetry/otlp-transformer` 0.216, then a pass over its messages into the same spans. A span without ids is
 * left out. Throws what the generated decoder throws.
 */
export function referenceDecode(bytes: Buffer): OtelSpan[] {
  const spans: OtelSpan[] = [];
  for (const resourceSpans of requestType.decode(bytes).resourceSpans ?? []) {
    const { resource } = resourceSpans;
    const itsResource = {
      attributes: attributesOf(resource?.attributes),
      dropped: resource?.droppedAttributesCount ?? 0,
      schemaUrl: resourceSpans.schemaUrl ?? "",
    };
    for (const scopeSpans of resourceSpans.scopeSpans ?? []) {
      const { scope } = scopeSpans;
      const itsScope = {
        name: scope?.name ?? "",
        version: scope?.version ?? "",
        attributes: attributesOf(scope?.attributes),
        dropped: scope?.droppedAttributesCount ?? 0,
        schemaUrl: scopeSpans.schemaUrl ?? "",
      };
      for (const message of scopeSpans.spans ?? []) {
        const span = spanOf(message, itsResource, itsScope);
        if (isId(span.traceId) && isId(span.spanId)) spans.push(span);
      }
    }
  }
  return spans;
}

/** What the generated encoder makes of a request. */
export function referenceEncode(request: RequestMessage): Buffer {
  return Buffer.from(requestType.encode(request).finish());
}

/** The decoded messages as plain objects, in whichever of its spellings protobufjs is asked for. */
export function referenceObject(bytes: Buffer, options: SpellingOptions): object {
  return requestType.toObject(requestType.decode(bytes), options);
}

export interface SpellingOptions {
  readonly json?: boolean;
  readonly longs?: StringConstructor;
  readonly enums?: StringConstructor;
  readonly bytes?: StringConstructor;
}

function spanOf(
  message: SpanMessage,
  resource: OtelSpan["resource"],
  scope: OtelSpan["scope"],
): OtelSpan {
  const parentSpanId = hexOf(message.parentSpanId);
  return {
    traceId: hexOf(message.traceId),
    spanId: hexOf(message.spanId),
    parentSpanId: isId(parentSpanId) ? parentSpanId : "",
    traceState: message.traceState ?? "",
    flags: message.flags ?? 0,
    name: message.name ?? "",
    kind: message.kind ?? 0,
    startNanos: unsignedOf(message.startTimeUnixNano),
    endNanos: unsignedOf(message.endTimeUnixNano),
    attributes: attributesOf(message.attributes),
    droppedAttributes: message.droppedAttributesCount ?? 0,
    events: message.events?.map(eventOf) ?? [],
    droppedEvents: message.droppedEventsCount ?? 0,
    links: message.links?.map(linkOf) ?? [],
    droppedLinks: message.droppedLinksCount ?? 0,
    statusCode: message.status?.code ?? 0,
    statusMessage: message.status?.message ?? "",
    resource,
    scope,
  };
}

function eventOf(message: EventMessage): OtelEvent {
  return {
    nanos: unsignedOf(message.timeUnixNano),
    name: message.name ?? "",
    attributes: attributesOf(message.attributes),
    dropped: message.droppedAttributesCount ?? 0,
  };
}

function linkOf(message: LinkMessage): OtelLink {
  return {
    traceId: hexOf(message.traceId),
    spanId: hexOf(message.spanId),
    traceState: message.traceState ?? "",
    attributes: attributesOf(message.attributes),
    dropped: message.droppedAttributesCount ?? 0,
    flags: message.flags ?? 0,
  };
}

function attributesOf(messages: readonly KeyValueMessage[] | null | undefined): Attribute[] {
  const attributes: Attribute[] = [];
  for (const { key, value } of messages ?? []) attributes.push([key ?? "", valueOf(value)]);
  return attributes;
}

function valueOf(message: ValueMessage | null | undefined): AttributeValue {
  if (message === null || message === undefined) return null;
  if (isSet(message.stringValue)) return message.stringValue;
  if (isSet(message.intValue)) return signedOf(message.intValue);
  if (isSet(message.boolValue)) return message.boolValue;
  if (isSet(message.doubleValue)) return { double: doubleOf(message.doubleValue) };
  if (isSet(message.arrayValue)) return message.arrayValue.values?.map(valueOf) ?? [];
  if (isSet(message.kvlistValue)) return { map: attributesOf(message.kvlistValue.values) };
  if (isSet(message.bytesValue)) return { bytes: bufferOf(message.bytesValue).toString("base64") };
  return null;
}

function isSet<Value>(value: Value | null | undefined): value is Value {
  return value !== null && value !== undefined;
}

function doubleOf(number: number): number | "NaN" | "Infinity" | "-Infinity" | "-0" {
  if (Number.isFinite(number)) return Object.is(number, -0) ? "-0" : number;
  if (Number.isNaN(number)) return "NaN";
  return number > 0 ? "Infinity" : "-Infinity";
}

function signedOf({ low, high }: Long): AttributeValue {
  const number = high * 2 ** 32 + (low >>> 0);
  return Number.isSafeInteger(number)
    ? number
    : { int: ((BigInt(high) << 32n) | BigInt(low >>> 0)).toString() };
}

function unsignedOf(long: Long | null | undefined): string {
  if (!isSet(long)) return "0";
  return ((BigInt(long.high >>> 0) << 32n) | BigInt(long.low >>> 0)).toString();
}

function hexOf(bytes: Uint8Array | null | undefined): string {
  return isSet(bytes) ? bufferOf(bytes).toString("hex") : "";
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes);
}

function isId(id: string): boolean {
  return /[^0]/.test(id);
}

export interface Long {
  readonly low: number;
  readonly high: number;
}

type Optional<Type> = { readonly [Key in keyof Type]?: Type[Key] | null };

export type RequestMessage = Optional<{ resourceSpans: readonly ResourceSpansMessage[] }>;

export type ResourceSpansMessage = Optional<{
  resource: Optional<{ attributes: readonly KeyValueMessage[]; droppedAttributesCount: number }>;
  scopeSpans: readonly ScopeSpansMessage[];
  schemaUrl: string;
}>;

export type ScopeSpansMessage = Optional<{
  scope: Optional<{
    name: string;
    version: string;
    attributes: readonly KeyValueMessage[];
    droppedAttributesCount: number;
  }>;
  spans: readonly SpanMessage[];
  schemaUrl: string;
}>;

export type SpanMessage = Optional<{
  traceId: Uint8Array;
  spanId: Uint8Array;
  traceState: string;
  parentSpanId: Uint8Array;
  flags: number;
  name: string;
  kind: number;
  startTimeUnixNano: Long;
  endTimeUnixNano: Long;
  attributes: readonly KeyValueMessage[];
  droppedAttributesCount: number;
  events: readonly EventMessage[];
  droppedEventsCount: number;
  links: readonly LinkMessage[];
  droppedLinksCount: number;
  status: Optional<{ message: string; code: number }>;
}>;

export type EventMessage = Optional<{
  timeUnixNano: Long;
  name: string;
  attributes: readonly KeyValueMessage[];
  droppedAttributesCount: number;
}>;

export type LinkMessage = Optional<{
  traceId: Uint8Array;
  spanId: Uint8Array;
  traceState: string;
  attributes: readonly KeyValueMessage[];
  droppedAttributesCount: number;
  flags: number;
}>;

export type KeyValueMessage = Optional<{ key: string; value: ValueMessage }>;

export type ValueMessage = Optional<{
  stringValue: string;
  boolValue: boolean;
  intValue: Long;
  doubleValue: number;
  arrayValue: Optional<{ values: readonly ValueMessage[] }>;
  kvlistValue: Optional<{ values: readonly KeyValueMessage[] }>;
  bytesValue: Uint8Array;
}>;

/** The package's declarations name the root only. */
interface RequestType {
  decode(bytes: Uint8Array): RequestMessage;
  encode(message: RequestMessage): { finish(): Uint8Array };
  toObject(message: RequestMessage, options: SpellingOptions): object;
}

const { ExportTraceServiceRequest: requestType } = (
  root as unknown as {
    opentelemetry: {
      proto: {
        collector: { trace: { v1: { readonly ExportTraceServiceRequest: RequestType } } };
      };
    };
  }
).opentelemetry.proto.collector.trace.v1;
