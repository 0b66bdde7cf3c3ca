import { Refusal } from "./request.ts";

interface SpanIds {
  readonly traceId: string;
  readonly spanId: string;
  parentSpanId: string;
}

/** Refuses a span without an identity (spans of the same id would replace each other), and clears a zero parent. */
export function settleIds(span: SpanIds): void {
  requireId("traceId", span.traceId);
  requireId("spanId", span.spanId);
  if (isZero(span.parentSpanId)) span.parentSpanId = "";
}

function requireId(field: string, id: string): void {
  if (id === "") throw new Refusal(`${field}:absent`);
  if (isZero(id)) throw new Refusal(`${field}:all_zero`);
}

function isZero(id: string): boolean {
  return id.startsWith("0") && /^0+$/.test(id);
}
