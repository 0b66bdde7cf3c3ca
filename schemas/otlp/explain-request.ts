import { explainSpan } from "./mapping/explain.ts";
import type { SpanExplanation } from "./mapping/explain.ts";
import type { DecodedRequest } from "./request.ts";

/** What would become of an export request, without storing it. */
export interface RequestExplanation {
  /** The first hundred. */
  readonly spans: readonly SpanExplanation[];
  readonly spansNotShown: number;
  /** Spans that an export would refuse, by reason and scope; of those, the first hundred. */
  readonly refused: readonly { reason: string; scope: string; spans: number }[];
}

/** Which attribute feeds which field, what stays unmapped, and what would be refused. */
export function explainRequest({ spans, refused }: DecodedRequest): RequestExplanation {
  const shown = spans.slice(0, shownMax);
  return {
    spans: shown.map(explainSpan),
    spansNotShown: spans.length - shown.length,
    refused: countedRefusals(refused).slice(0, shownMax),
  };
}

const shownMax = 100;

function countedRefusals(refused: DecodedRequest["refused"]): RequestExplanation["refused"] {
  const counted = new Map<string, { reason: string; scope: string; spans: number }>();
  for (const { reason, scope } of refused) {
    const key = `${reason}\r${scope}`;
    const known = counted.get(key) ?? { reason, scope, spans: 0 };
    known.spans += 1;
    counted.set(key, known);
  }
  return [...counted.values()];
}
