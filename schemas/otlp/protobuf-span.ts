import { doubleOf, emptyEvent, emptyLink, emptySpan } from "./drafts.ts";
import type { Draft } from "./drafts.ts";
import { settleIds } from "./ids.ts";
import type { ProtobufReader } from "./protobuf-reader.ts";
import { attributesMax, Refusal, valueDepthMax } from "./request.ts";
import type { RequestBudget } from "./request.ts";
import type {
  Attribute,
  AttributeValue,
  OtelEvent,
  OtelLink,
  OtelResource,
  OtelScope,
  OtelSpan,
} from "./span.ts";

/**
 * Reads the Span that ends at `end`. As protobuf says, the last one counts of a repeated scalar, and the parts of a
 * repeated message are joined. Throws a Refusal.
 */
export function readSpan(
  reader: ProtobufReader,
  end: number,
  budget: RequestBudget,
  resource: OtelResource,
  scope: OtelScope,
): OtelSpan {
  const span = emptySpan(resource, scope);
  while (reader.at < end) {
    const tag = reader.tag(end);
    switch (tag >>> 3) {
      case 1:
        span.traceId = reader.hex(tag, end);
        break;
      case 2:
        span.spanId = reader.hex(tag, end);
        break;
      case 3:
        span.traceState = reader.text(tag, end);
        break;
      case 4:
        span.parentSpanId = reader.hex(tag, end);
        break;
      case 5:
        span.name = reader.text(tag, end);
        break;
      case 6:
        span.kind = reader.int32(tag, end);
        break;
      case 7:
        span.startNanos = reader.fixed64(tag, end);
        break;
      case 8:
        span.endNanos = reader.fixed64(tag, end);
        break;
      case 9:
        readAttribute(reader, tag, end, budget, span.attributes);
        break;
      case 10:
        span.droppedAttributes = reader.uint32(tag, end);
        break;
      case 11:
        budget.takeValue();
        span.events.push(readEvent(reader, reader.delimited(tag, end), budget));
        break;
      case 12:
        span.droppedEvents = reader.uint32(tag, end);
        break;
      case 13:
        budget.takeValue();
        span.links.push(readLink(reader, reader.delimited(tag, end), budget));
        break;
      case 14:
        span.droppedLinks = reader.uint32(tag, end);
        break;
      case 15:
        readStatus(reader, reader.delimited(tag, end), span);
        break;
      case 16:
        span.flags = reader.fixed32(tag, end);
        break;
      default:
        reader.skip(tag, end);
    }
  }
  settleIds(span);
  return span;
}

/** Reads a KeyValue and adds it to `attributes`. */
export function readAttribute(
  reader: ProtobufReader,
  tag: number,
  end: number,
  budget: RequestBudget,
  attributes: Attribute[],
): void {
  if (attributes.length === attributesMax) throw new Refusal("attributes:too_many");
  attributes.push(readKeyValue(reader, reader.delimited(tag, end), budget, 1));
}

function readEvent(reader: ProtobufReader, end: number, budget: RequestBudget): OtelEvent {
  const event = emptyEvent();
  while (reader.at < end) {
    const tag = reader.tag(end);
    switch (tag >>> 3) {
      case 1:
        event.nanos = reader.fixed64(tag, end);
        break;
      case 2:
        event.name = reader.text(tag, end);
        break;
      case 3:
        readAttribute(reader, tag, end, budget, event.attributes);
        break;
      case 4:
        event.dropped = reader.uint32(tag, end);
        break;
      default:
        reader.skip(tag, end);
    }
  }
  return event;
}

function readLink(reader: ProtobufReader, end: number, budget: RequestBudget): OtelLink {
  const link = emptyLink();
  while (reader.at < end) {
    const tag = reader.tag(end);
    switch (tag >>> 3) {
      case 1:
        link.traceId = reader.hex(tag, end);
        break;
      case 2:
        link.spanId = reader.hex(tag, end);
        break;
      case 3:
        link.traceState = reader.text(tag, end);
        break;
      case 4:
        readAttribute(reader, tag, end, budget, link.attributes);
        break;
      case 5:
        link.dropped = reader.uint32(tag, end);
        break;
      case 6:
        link.flags = reader.fixed32(tag, end);
        break;
      default:
        reader.skip(tag, end);
    }
  }
  return link;
}

function readStatus(reader: ProtobufReader, end: number, span: Draft<OtelSpan>): void {
  while (reader.at < end) {
    const tag = reader.tag(end);
    switch (tag >>> 3) {
      case 2:
        span.statusMessage = reader.text(tag, end);
        break;
      case 3:
        span.statusCode = reader.int32(tag, end);
        break;
      default:
        reader.skip(tag, end);
    }
  }
}

function readKeyValue(
  reader: ProtobufReader,
  end: number,
  budget: RequestBudget,
  depth: number,
): Attribute {
  budget.takeValue();
  let key = "";
  let value: AttributeValue = null;
  while (reader.at < end) {
    const tag = reader.tag(end);
    switch (tag >>> 3) {
      case 1:
        key = reader.key(tag, end);
        break;
      case 2:
        value = readValue(reader, reader.delimited(tag, end), budget, depth, value);
        break;
      default:
        reader.skip(tag, end);
    }
  }
  return [key, value];
}

/** Reads an AnyValue; `before` is what an earlier part of the same message said. */
export function readValue(
  reader: ProtobufReader,
  end: number,
  budget: RequestBudget,
  depth: number,
  before: AttributeValue,
): AttributeValue {
  if (depth > valueDepthMax) throw new Refusal("attributes:too_deep");
  let value = before;
  while (reader.at < end) {
    const tag = reader.tag(end);
    switch (tag >>> 3) {
      case 1:
        value = reader.text(tag, end);
        break;
      case 2:
        value = reader.bool(tag, end);
        break;
      case 3:
        value = reader.int64(tag, end);
        break;
      case 4:
        value = doubleOf(reader.double(tag, end));
        break;
      case 5:
        value = readArray(reader, reader.delimited(tag, end), budget, depth, value);
        break;
      case 6:
        value = readMap(reader, reader.delimited(tag, end), budget, depth, value);
        break;
      case 7:
        value = { bytes: reader.base64(tag, end) };
        break;
      default:
        reader.skip(tag, end);
    }
  }
  return value;
}

function readArray(
  reader: ProtobufReader,
  end: number,
  budget: RequestBudget,
  depth: number,
  before: AttributeValue,
): AttributeValue {
  // Appended to in place: copying would make many short parts expensive.
  const values = Array.isArray(before) ? (before as AttributeValue[]) : [];
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag >>> 3 === 1) {
      budget.takeValue();
      values.push(readValue(reader, reader.delimited(tag, end), budget, depth + 1, null));
    } else reader.skip(tag, end);
  }
  return values;
}

function readMap(
  reader: ProtobufReader,
  end: number,
  budget: RequestBudget,
  depth: number,
  before: AttributeValue,
): AttributeValue {
  const isMap = typeof before === "object" && before !== null && "map" in before;
  const map = isMap ? (before.map as Attribute[]) : [];
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag >>> 3 === 1)
      map.push(readKeyValue(reader, reader.delimited(tag, end), budget, depth + 1));
    else reader.skip(tag, end);
  }
  return { map };
}
