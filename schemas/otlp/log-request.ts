import { emptyEvent, emptySpan } from "./drafts.ts";
import { settleIds } from "./ids.ts";
import { field, objectOf } from "./json-fields.ts";
import type { JsonObject } from "./json-fields.ts";
import { decodeJsonRequest } from "./json-request.ts";
import type { JsonSignal } from "./json-request.ts";
import type { ProtobufReader } from "./protobuf-reader.ts";
import { decodeProtobufRequest } from "./protobuf-request.ts";
import { readAttribute, readValue } from "./protobuf-span.ts";
import type { DecodedRequest, RequestBudget } from "./request.ts";
import type {
  Attribute,
  AttributeValue,
  OtelEvent,
  OtelResource,
  OtelScope,
  OtelSpan,
} from "./span.ts";

/**
 * Decodes an ExportLogsServiceRequest. A log record becomes a span that holds nothing but the ids of the span it was
 * written in and one event: its name, time and attributes, and its body as one more attribute, `body`. Records of no
 * span are refused. Throws a RequestError.
 */
export function decodeProtobufLogs(bytes: Uint8Array): DecodedRequest {
  return decodeProtobufRequest(bytes, {
    request: "ExportLogsServiceRequest",
    readItem: readLogRecord,
  });
}

/** As {@link decodeProtobufLogs}, from OTLP/JSON. */
export function decodeJsonLogs(text: string): DecodedRequest {
  return decodeJsonRequest(text, logsInJson);
}

/** Field numbers of LogRecord, opentelemetry-proto 1.11. */
function readLogRecord(
  reader: ProtobufReader,
  end: number,
  budget: RequestBudget,
  resource: OtelResource,
  scope: OtelScope,
): OtelSpan {
  const span = emptySpan(resource, scope);
  const event = emptyEvent();
  let observed = "0";
  let body: AttributeValue = null;
  while (reader.at < end) {
    const tag = reader.tag(end);
    switch (tag >>> 3) {
      case 1:
        event.nanos = reader.fixed64(tag, end);
        break;
      case 5:
        body = readValue(reader, reader.delimited(tag, end), budget, 1, body);
        break;
      case 6:
        readAttribute(reader, tag, end, budget, event.attributes);
        break;
      case 7:
        event.dropped = reader.uint32(tag, end);
        break;
      case 9:
        span.traceId = reader.hex(tag, end);
        break;
      case 10:
        span.spanId = reader.hex(tag, end);
        break;
      case 11:
        observed = reader.fixed64(tag, end);
        break;
      case 12:
        event.name = reader.text(tag, end);
        break;
      default:
        reader.skip(tag, end);
    }
  }
  if (event.nanos === "0") event.nanos = observed;
  if (body !== null) event.attributes.push([bodyKey, body]);
  settleIds(span);
  span.startNanos = event.nanos;
  span.events.push(event);
  return span;
}

/** The attribute that a record's body is kept as. */
const bodyKey = "body";

const logsInJson: JsonSignal = {
  request: "ExportLogsServiceRequest",
  list: "resourceLogs",
  asTraces: (root) => ({
    resourceSpans: each(field(root, "resourceLogs", "resource_logs"), (resourceLogs) => ({
      ...resourceLogs,
      scopeSpans: each(field(resourceLogs, "scopeLogs", "scope_logs"), (scopeLogs) => ({
        ...scopeLogs,
        spans: each(field(scopeLogs, "logRecords", "log_records"), spanOfLogRecord),
      })),
    })),
  }),
};

/** What is no list, and what is no object in it, is left for the reader of spans to refuse. */
function each(list: unknown, change: (item: JsonObject) => JsonObject): unknown {
  if (!Array.isArray(list)) return list;
  return list.map((item: unknown) => {
    const object = objectOf(item);
    return object ? change(object) : item;
  });
}

function spanOfLogRecord(record: JsonObject): JsonObject {
  const observed = field(record, "observedTimeUnixNano", "observed_time_unix_nano");
  const stated = field(record, "timeUnixNano", "time_unix_nano");
  const time = stated === null || stated === 0 || stated === "0" ? observed : stated;
  const body = record["body"] ?? null;
  const attributes = record["attributes"] ?? [];
  return {
    traceId: field(record, "traceId", "trace_id"),
    spanId: field(record, "spanId", "span_id"),
    startTimeUnixNano: time,
    events: [
      {
        timeUnixNano: time,
        name: field(record, "eventName", "event_name"),
        attributes:
          body !== null && Array.isArray(attributes)
            ? [...attributes, { key: bodyKey, value: body }]
            : attributes,
        droppedAttributesCount: field(record, "droppedAttributesCount", "dropped_attributes_count"),
      },
    ],
  };
}

/**
 * The event of a log record under its own name, which older SDKs put into an attribute, and with the members of a body
 * that is a map among its attributes, where the newer conventions have them.
 */
export function logEventOf({ events: [event] }: OtelSpan): OtelEvent | null {
  if (!event) return null;
  const attributes: Attribute[] = [];
  let { name } = event;
  for (const [key, value] of event.attributes) {
    if (key === "event.name" && name === "" && typeof value === "string") name = value;
    else if (key === bodyKey && isMap(value)) attributes.push(...value.map);
    else attributes.push([key, value]);
  }
  return { ...event, name, attributes };
}

function isMap(value: AttributeValue): value is { readonly map: readonly Attribute[] } {
  return typeof value === "object" && value !== null && "map" in value;
}
