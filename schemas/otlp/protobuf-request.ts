import { emptyResource, emptyScope } from "./drafts.ts";
import type { Draft } from "./drafts.ts";
import { ProtobufReader } from "./protobuf-reader.ts";
import { readAttribute, readSpan } from "./protobuf-span.ts";
import { Refusal, RequestBudget, RequestError } from "./request.ts";
import type { DecodedRequest, RefusedSpan } from "./request.ts";
import type { OtelResource, OtelScope, OtelSpan } from "./span.ts";

/**
 * Decodes an ExportTraceServiceRequest in protobuf (field numbers: otlp.md §1.9). What is wrong inside of a span costs
 * that span; inside of a resource or scope, the spans that belong to it. Where the messages around them do not fit
 * into one another no span can be told from the next, and a {@link RequestError} is thrown.
 */
export function decodeProtobufRequest(
  bytes: Uint8Array,
  signal: ProtobufSignal = traces,
): DecodedRequest {
  const request = new RequestReader(bytes, signal);
  try {
    request.read();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const message = `The body is not an ${signal.request} in protobuf (${error.reason}).`;
    throw new RequestError("unreadable", message, { cause: error });
  }
  return request;
}

/** All signals' requests have the same fields around their items. */
export interface ProtobufSignal {
  readonly request: string;
  readonly readItem: typeof readSpan;
}

const traces: ProtobufSignal = { request: "ExportTraceServiceRequest", readItem: readSpan };

class RequestReader implements DecodedRequest {
  readonly spans: OtelSpan[] = [];
  readonly refused: RefusedSpan[] = [];
  readonly #reader: ProtobufReader;
  readonly #budget = new RequestBudget();
  readonly #end: number;
  readonly #readItem: ProtobufSignal["readItem"];

  constructor(bytes: Uint8Array, { readItem }: ProtobufSignal) {
    this.#readItem = readItem;
    this.#reader = new ProtobufReader(bytes);
    this.#end = bytes.byteLength;
  }

  read(): void {
    const reader = this.#reader;
    while (reader.at < this.#end) {
      const tag = reader.tag(this.#end);
      if (tag >>> 3 === 1) this.#resourceSpans(reader.delimited(tag, this.#end));
      else reader.skip(tag, this.#end);
    }
  }

  #resourceSpans(end: number): void {
    const reader = this.#reader;
    // Fields come in any order: spans refer to a resource and a scope that may be filled after them.
    const resource = emptyResource();
    const first = this.spans.length;
    let fault: string | null = null;
    while (reader.at < end) {
      const tag = reader.tag(end);
      switch (tag >>> 3) {
        case 1: {
          const stop = reader.delimited(tag, end);
          fault = this.#attempt(stop, () => this.#resource(stop, resource)) ?? fault;
          break;
        }
        case 2:
          this.#scopeSpans(reader.delimited(tag, end), resource);
          break;
        case 3:
          resource.schemaUrl = reader.text(tag, end);
          break;
        default:
          reader.skip(tag, end);
      }
    }
    if (fault !== null) this.#refuseFrom(first, `resource.${fault}`);
  }

  #scopeSpans(end: number, resource: OtelResource): void {
    const reader = this.#reader;
    const scope = emptyScope();
    const first = this.spans.length;
    const reasons: string[] = [];
    let fault: string | null = null;
    while (reader.at < end) {
      const tag = reader.tag(end);
      switch (tag >>> 3) {
        case 1: {
          const stop = reader.delimited(tag, end);
          fault = this.#attempt(stop, () => this.#scope(stop, scope)) ?? fault;
          break;
        }
        case 2: {
          const stop = reader.delimited(tag, end);
          this.#budget.takeSpan();
          const reason = this.#attempt(stop, () =>
            this.spans.push(this.#readItem(reader, stop, this.#budget, resource, scope)),
          );
          if (reason !== null) reasons.push(reason);
          break;
        }
        case 3:
          scope.schemaUrl = reader.text(tag, end);
          break;
        default:
          reader.skip(tag, end);
      }
    }
    for (const reason of reasons) this.refused.push({ reason, scope: scope.name });
    if (fault !== null) this.#refuseFrom(first, `scope.${fault}`);
  }

  #resource(end: number, resource: Draft<OtelResource>): void {
    const reader = this.#reader;
    while (reader.at < end) {
      const tag = reader.tag(end);
      switch (tag >>> 3) {
        case 1:
          readAttribute(reader, tag, end, this.#budget, resource.attributes);
          break;
        case 2:
          resource.dropped = reader.uint32(tag, end);
          break;
        default:
          reader.skip(tag, end);
      }
    }
  }

  #scope(end: number, scope: Draft<OtelScope>): void {
    const reader = this.#reader;
    while (reader.at < end) {
      const tag = reader.tag(end);
      switch (tag >>> 3) {
        case 1:
          scope.name = reader.text(tag, end);
          break;
        case 2:
          scope.version = reader.text(tag, end);
          break;
        case 3:
          readAttribute(reader, tag, end, this.#budget, scope.attributes);
          break;
        case 4:
          scope.dropped = reader.uint32(tag, end);
          break;
        default:
          reader.skip(tag, end);
      }
    }
  }

  /** Reads a message that may fail alone, and stands behind it in any case. Returns why it failed. */
  #attempt(end: number, read: () => void): string | null {
    try {
      read();
      return null;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#reader.at = end;
      return error.reason;
    }
  }

  #refuseFrom(first: number, reason: string): void {
    for (const { scope } of this.spans.splice(first))
      this.refused.push({ reason, scope: scope.name });
  }
}
