import type {
  AttributeValue,
  OtelEvent,
  OtelLink,
  OtelResource,
  OtelScope,
  OtelSpan,
} from "./span.ts";

/** What a decoder fills. Its fields may be assigned and its lists appended to. */
export type Draft<Type> = {
  -readonly [Key in keyof Type]: Type[Key] extends readonly (infer Item)[] ? Item[] : Type[Key];
};

export function emptySpan(resource: OtelResource, scope: OtelScope): Draft<OtelSpan> {
  return {
    traceId: "",
    spanId: "",
    parentSpanId: "",
    traceState: "",
    flags: 0,
    name: "",
    kind: 0,
    startNanos: "0",
    endNanos: "0",
    attributes: [],
    droppedAttributes: 0,
    events: [],
    droppedEvents: 0,
    links: [],
    droppedLinks: 0,
    statusCode: 0,
    statusMessage: "",
    resource,
    scope,
  };
}

export function emptyEvent(): Draft<OtelEvent> {
  return { nanos: "0", name: "", attributes: [], dropped: 0 };
}

export function emptyLink(): Draft<OtelLink> {
  return { traceId: "", spanId: "", traceState: "", attributes: [], dropped: 0, flags: 0 };
}

export function emptyResource(): Draft<OtelResource> {
  return { attributes: [], dropped: 0, schemaUrl: "" };
}

export function emptyScope(): Draft<OtelScope> {
  return { name: "", version: "", attributes: [], dropped: 0, schemaUrl: "" };
}

export function doubleOf(number: number): AttributeValue {
  if (Object.is(number, -0)) return { double: "-0" };
  if (Number.isFinite(number)) return { double: number };
  return { double: Number.isNaN(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity" };
}

/** A number where it is a safe integer. */
export function integerOf(integer: bigint): AttributeValue {
  const number = Number(integer);
  return Number.isSafeInteger(number) ? number : { int: integer.toString() };
}
