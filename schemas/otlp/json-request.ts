import { JsonError, parseJson } from "../json.ts";
import type { JsonDocument } from "../json.ts";
import { emptyResource, emptyScope } from "./drafts.ts";
import { settleIds } from "./ids.ts";
import { enumOf, field, idOf, listOf, nanosOf, objectOf, textOf, uint32Of } from "./json-fields.ts";
import type { JsonObject } from "./json-fields.ts";
import { readAttributes } from "./json-value.ts";
import { Refusal, RequestBudget, RequestError, valueDepthMax } from "./request.ts";
import type { DecodedRequest, RefusedSpan } from "./request.ts";
import type { OtelEvent, OtelLink, OtelResource, OtelScope, OtelSpan } from "./span.ts";

/**
 * Decodes an ExportTraceServiceRequest in OTLP/JSON. What the specification asks for is read, and besides: names with
 * underscores, names of enums, ids as base64 or bytes, integers as `Long`s of protobuf libraries (otlp.md §7). What is
 * wrong with a span costs that span; with a resource or scope, the spans that belong to it; a list of spans that is
 * none counts as one refused span. Throws a {@link RequestError}.
 */
export function decodeJsonRequest(text: string, signal: JsonSignal = traces): DecodedRequest {
  const document = parsed(text);
  const body = objectOf(document.value);
  const root = body && signal.asTraces(body);
  const resourceSpans = root === null ? null : field(root, "resourceSpans", "resource_spans");
  if (root === null || (resourceSpans !== null && !Array.isArray(resourceSpans))) {
    const message = `The body is not an ${signal.request}: it has no list of ${signal.list}.`;
    throw new RequestError("unreadable", message);
  }
  const request = new RequestReader(document);
  request.read(listOf(resourceSpans, "resourceSpans"));
  return request;
}

/** A signal whose requests can be read as those of traces. */
export interface JsonSignal {
  readonly request: string;
  readonly list: string;
  readonly asTraces: (root: JsonObject) => JsonObject;
}

const traces: JsonSignal = {
  request: "ExportTraceServiceRequest",
  list: "resourceSpans",
  asTraces: (root) => root,
};

/**
 * The value of a span's event stands in 12 containers, and each value within it in 4 more; so this much reaches the
 * first value that lies too deep, of which the rest need not be built.
 */
const containerDepthMax = 12 + 4 * valueDepthMax;

function parsed(text: string): JsonDocument {
  try {
    return parseJson(text, { depthMax: containerDepthMax });
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    if (error.kind === "size") throw new RequestError("too_large", error.message, { cause: error });
    throw new RequestError("unreadable", "The body is not valid JSON.", { cause: error });
  }
}

class RequestReader implements DecodedRequest {
  readonly spans: OtelSpan[] = [];
  readonly refused: RefusedSpan[] = [];
  readonly #document: JsonDocument;
  readonly #budget = new RequestBudget();

  constructor(document: JsonDocument) {
    this.#document = document;
  }

  read(items: readonly unknown[]): void {
    for (const item of items) this.#attempt("", () => this.#resourceSpans(item));
  }

  #resourceSpans(item: unknown): void {
    const resourceSpans = required(item, "resourceSpans");
    const resource = emptyResource();
    const first = this.spans.length;
    const fault = faultOf(() => {
      const message = optional(resourceSpans["resource"], "resource");
      resource.attributes = readAttributes(message, this.#budget);
      resource.dropped = droppedAttributesOf(message);
      this.#refuseDeep(message);
    });
    resource.schemaUrl = textOf(field(resourceSpans, "schemaUrl", "schema_url"));
    const scopeSpans = listOf(field(resourceSpans, "scopeSpans", "scope_spans"), "scopeSpans");
    for (const each of scopeSpans) this.#attempt("", () => this.#scopeSpans(each, resource));
    if (fault !== null) this.#refuseFrom(first, `resource.${fault}`);
  }

  #scopeSpans(item: unknown, resource: OtelResource): void {
    const scopeSpans = required(item, "scopeSpans");
    const scope = emptyScope();
    const first = this.spans.length;
    const fault = faultOf(() => {
      const message = optional(scopeSpans["scope"], "scope");
      scope.name = textOf(message["name"]);
      scope.version = textOf(message["version"]);
      scope.attributes = readAttributes(message, this.#budget);
      scope.dropped = droppedAttributesOf(message);
      this.#refuseDeep(message);
    });
    scope.schemaUrl = textOf(field(scopeSpans, "schemaUrl", "schema_url"));
    this.#attempt(scope.name, () => {
      for (const span of listOf(scopeSpans["spans"], "spans")) {
        this.#budget.takeSpan();
        this.#attempt(scope.name, () => this.spans.push(this.#span(span, resource, scope)));
      }
    });
    if (fault !== null) this.#refuseFrom(first, `scope.${fault}`);
  }

  #span(item: unknown, resource: OtelResource, scope: OtelScope): OtelSpan {
    const message = required(item, "span");
    const status = optional(message["status"], "status");
    const span = {
      traceId: idOf(field(message, "traceId", "trace_id"), "traceId"),
      spanId: idOf(field(message, "spanId", "span_id"), "spanId"),
      parentSpanId: idOf(field(message, "parentSpanId", "parent_span_id"), "parentSpanId"),
      traceState: textOf(field(message, "traceState", "trace_state")),
      flags: uint32Of(message["flags"]),
      name: textOf(message["name"]),
      kind: enumOf(message["kind"], spanKinds),
      startNanos: nanosOf(
        field(message, "startTimeUnixNano", "start_time_unix_nano"),
        "startTimeUnixNano",
      ),
      endNanos: nanosOf(field(message, "endTimeUnixNano", "end_time_unix_nano"), "endTimeUnixNano"),
      attributes: readAttributes(message, this.#budget),
      droppedAttributes: droppedAttributesOf(message),
      events: listOf(message["events"], "events").map((event) => this.#event(event)),
      droppedEvents: uint32Of(field(message, "droppedEventsCount", "dropped_events_count")),
      links: listOf(message["links"], "links").map((link) => this.#link(link)),
      droppedLinks: uint32Of(field(message, "droppedLinksCount", "dropped_links_count")),
      statusCode: enumOf(status["code"], statusCodes),
      statusMessage: textOf(status["message"]),
      resource,
      scope,
    };
    settleIds(span);
    this.#refuseDeep(message);
    return span;
  }

  #event(item: unknown): OtelEvent {
    this.#budget.takeValue();
    const message = required(item, "event");
    return {
      nanos: nanosOf(field(message, "timeUnixNano", "time_unix_nano"), "timeUnixNano"),
      name: textOf(message["name"]),
      attributes: readAttributes(message, this.#budget),
      dropped: droppedAttributesOf(message),
    };
  }

  #link(item: unknown): OtelLink {
    this.#budget.takeValue();
    const message = required(item, "link");
    return {
      traceId: idOf(field(message, "traceId", "trace_id"), "link.traceId"),
      spanId: idOf(field(message, "spanId", "span_id"), "link.spanId"),
      traceState: textOf(field(message, "traceState", "trace_state")),
      attributes: readAttributes(message, this.#budget),
      dropped: droppedAttributesOf(message),
      flags: uint32Of(message["flags"]),
    };
  }

  #attempt(scope: string, read: () => void): void {
    const reason = faultOf(read);
    if (reason !== null) this.refused.push({ reason, scope });
  }

  #refuseFrom(first: number, reason: string): void {
    for (const { scope } of this.spans.splice(first))
      this.refused.push({ reason, scope: scope.name });
  }

  /** What the parser left out stands somewhere in the message: it must not pass for complete. */
  #refuseDeep(message: JsonObject): void {
    if (this.#document.tooDeep(message)) throw new Refusal("json:too_deep");
  }
}

function faultOf(read: () => void): string | null {
  try {
    read();
    return null;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error.reason;
  }
}

function required(value: unknown, name: string): JsonObject {
  const object = objectOf(value);
  if (object === null) throw new Refusal(`${name}:not_an_object`);
  return object;
}

function optional(value: unknown, name: string): JsonObject {
  return value === null || value === undefined ? {} : required(value, name);
}

function droppedAttributesOf(message: JsonObject): number {
  return uint32Of(field(message, "droppedAttributesCount", "dropped_attributes_count"));
}

const spanKinds = enumNames("SPAN_KIND_", [
  "UNSPECIFIED",
  "INTERNAL",
  "SERVER",
  "CLIENT",
  "PRODUCER",
  "CONSUMER",
]);
const statusCodes = enumNames("STATUS_CODE_", ["UNSET", "OK", "ERROR"]);

function enumNames(prefix: string, names: readonly string[]): ReadonlyMap<unknown, number> {
  return new Map(names.map((name, number) => [prefix + name, number]));
}
