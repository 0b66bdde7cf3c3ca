import type {
  Attributes,
  AttributeValue,
  OtelEvent,
  OtelLink,
  OtelResource,
  OtelScope,
  OtelSpan,
} from "./span.ts";

/**
 * Spans as TracesData in OTLP/JSON, to be stringified: reading that back gives equal spans in the same order. Neighbours
 * with equal resources, or scopes, share one.
 */
export function tracesData(spans: readonly OtelSpan[]): TracesData {
  return {
    resourceSpans: runsOf(spans, (span) => span.resource).map(([resource, ofResource]) => ({
      resource: resourceJson(resource),
      scopeSpans: runsOf(ofResource, (span) => span.scope).map(([scope, ofScope]) => ({
        scope: scopeJson(scope),
        spans: ofScope.map(spanJson),
        ...withoutDefaults({ schemaUrl: scope.schemaUrl }),
      })),
      ...withoutDefaults({ schemaUrl: resource.schemaUrl }),
    })),
  };
}

export interface TracesData {
  readonly resourceSpans: readonly object[];
}

/** Splits spans where what they share changes. */
function runsOf<Part>(
  spans: readonly OtelSpan[],
  partOf: (span: OtelSpan) => Part,
): readonly (readonly [Part, readonly OtelSpan[]])[] {
  const runs: [Part, OtelSpan[]][] = [];
  for (const span of spans) {
    const part = partOf(span);
    const last = runs.at(-1);
    if (last !== undefined && isEqual(last[0], part)) last[1].push(span);
    else runs.push([part, [span]]);
  }
  return runs;
}

/** Decoded spans share objects; those that were stored one by one do not. */
function isEqual(one: unknown, other: unknown): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

function spanJson(span: OtelSpan): object {
  return withoutDefaults({
    traceId: span.traceId,
    spanId: span.spanId,
    traceState: span.traceState,
    parentSpanId: span.parentSpanId,
    flags: span.flags,
    name: span.name,
    kind: span.kind,
    startTimeUnixNano: span.startNanos,
    endTimeUnixNano: span.endNanos,
    attributes: attributesJson(span.attributes),
    droppedAttributesCount: span.droppedAttributes,
    events: span.events.map(eventJson),
    droppedEventsCount: span.droppedEvents,
    links: span.links.map(linkJson),
    droppedLinksCount: span.droppedLinks,
    status: withoutDefaults({ message: span.statusMessage, code: span.statusCode }),
  });
}

function eventJson(event: OtelEvent): object {
  return withoutDefaults({
    timeUnixNano: event.nanos,
    name: event.name,
    attributes: attributesJson(event.attributes),
    droppedAttributesCount: event.dropped,
  });
}

function linkJson(link: OtelLink): object {
  return withoutDefaults({
    traceId: link.traceId,
    spanId: link.spanId,
    traceState: link.traceState,
    attributes: attributesJson(link.attributes),
    droppedAttributesCount: link.dropped,
    flags: link.flags,
  });
}

function resourceJson(resource: OtelResource): object {
  return withoutDefaults({
    attributes: attributesJson(resource.attributes),
    droppedAttributesCount: resource.dropped,
  });
}

function scopeJson(scope: OtelScope): object {
  return withoutDefaults({
    name: scope.name,
    version: scope.version,
    attributes: attributesJson(scope.attributes),
    droppedAttributesCount: scope.dropped,
  });
}

function attributesJson(attributes: Attributes): readonly object[] {
  return attributes.map(([key, value]) => ({ key, value: valueJson(value) }));
}

function valueJson(value: AttributeValue): object {
  if (value === null) return {};
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "number") return { intValue: String(value) };
  if (isList(value)) return { arrayValue: { values: value.map(valueJson) } };
  if ("int" in value) return { intValue: value.int };
  if ("double" in value) return { doubleValue: value.double };
  if ("bytes" in value) return { bytesValue: value.bytes };
  return { kvlistValue: { values: attributesJson(value.map) } };
}

/** Array.isArray does not narrow readonly arrays. */
function isList(value: AttributeValue): value is readonly AttributeValue[] {
  return Array.isArray(value);
}

/** As protobuf does it: an empty field and an absent one are the same. */
function withoutDefaults(message: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(message).filter(([, value]) => !isDefault(value)));
}

function isDefault(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return value === 0 || value === "";
}
