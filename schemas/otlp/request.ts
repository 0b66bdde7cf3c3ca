import type { OtelSpan } from "./span.ts";

/** What an export request holds, decoded from either encoding. `spans` and `refused` together are all of its spans. */
export interface DecodedRequest {
  /** In the order of the request. */
  readonly spans: readonly OtelSpan[];
  readonly refused: readonly RefusedSpan[];
}

/** A span that cannot be kept; its neighbours are. */
export interface RefusedSpan {
  /**
   * A key that holds none of the request's content: what is wrong, and behind a colon how, like `traceId:absent`
   * (otlp.md §1.5). Keys that begin with `resource` or `scope` speak of what surrounds the span.
   */
  readonly reason: string;
  /** The name of the instrumentation scope, as far as it could be read. */
  readonly scope: string;
}

/** The request as a whole cannot be read, so none of its spans is known. Carries nothing of its content. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  /** `unreadable`: not what the encoding prescribes. `too_large`: more than the limits below; a split would pass. */
  readonly kind: "unreadable" | "too_large";

  constructor(kind: "unreadable" | "too_large", message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** Thrown within one span, resource or scope to give up on it. A plain class: nobody reads where it was thrown. */
export class Refusal {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

/** How deep arrays and maps may be nested in one another; the outermost value is at depth 1. */
export const valueDepthMax = 64;

/** Of one span, event, link, resource or scope. SDKs stop at 128 unless told otherwise. */
export const attributesMax = 10_000;

/** Refused ones count. The Collector sends 8,192 unless told otherwise. */
export const spansPerRequestMax = 100_000;

/**
 * Attributes, elements of arrays, events and links together. Two bytes of a request may each become an object of many
 * times their size; a body of 20 MiB that is full of numbers in arrays stays below this.
 */
const valuesPerRequestMax = 2_000_000;

/** Counts what a request makes us build, and ends it when that is too much. */
export class RequestBudget {
  #spans = 0;
  #values = 0;

  takeSpan(): void {
    this.#spans += 1;
    if (this.#spans > spansPerRequestMax)
      throw new RequestError(
        "too_large",
        `The request holds more than ${spansPerRequestMax} spans. Send fewer in one request.`,
      );
  }

  takeValue(): void {
    this.#values += 1;
    if (this.#values > valuesPerRequestMax)
      throw new RequestError(
        "too_large",
        `The request holds more than ${valuesPerRequestMax} attributes, array elements, events and links. Send fewer spans in one request.`,
      );
  }
}
