import fc from "fast-check";

import { referenceDecode, referenceEncode } from "../../bench/otlp-reference.ts";
import { decodeProtobufRequest } from "../../schemas/otlp/protobuf-request.ts";
import { RequestError } from "../../schemas/otlp/request.ts";
import { drawOf } from "./draw.ts";
import { mutatedRequest } from "./otlp-mutate.ts";
import { anyRequest } from "./otlp-spans.ts";
import { judgeWire, parseWire } from "./otlp-wire.ts";

export interface DifferentialOptions {
  readonly seed: number;
  readonly requests: number;
  /** The number of one case to run alone. */
  readonly only: number | null;
}

export interface DifferentialOutcome {
  /** How many requests ended in which way. */
  readonly counts: Readonly<Record<Ending, number>>;
  /** Cases that must not be: number, what, and the body in hex. */
  readonly findings: readonly string[];
}

export type Ending =
  | "both accept"
  | "both refuse"
  /** The body is broken, and the generated decoder does not notice: it checks no wire types and few ends. */
  | "refused, accepted there"
  /** The format allows the body, and the generated decoder reads it otherwise: see {@link judgeWire}. */
  | "accepted, otherwise there";

/**
 * Fuzzed requests through our reader and through the generated decoder. They must agree: both accept with equal spans,
 * or both refuse. Where they do not, an arbiter reads the bytes by the letter of the format, and must say that they are
 * broken when ours refuses, and name how the generated decoder departs from it when ours accepts.
 */
export function compareDecoders({
  seed,
  requests,
  only,
}: DifferentialOptions): DifferentialOutcome {
  const bases = fc
    .sample(anyRequest(), { seed, numRuns: Math.ceil(requests / 20) })
    .map((message) => parseWire(referenceEncode(message)));
  const counts: Record<Ending, number> = {
    "both accept": 0,
    "both refuse": 0,
    "refused, accepted there": 0,
    "accepted, otherwise there": 0,
  };
  const findings: string[] = [];
  for (let n = only ?? 0; n < (only === null ? requests : only + 1); n += 1) {
    const draw = drawOf(`${seed}/otlp/${n}`);
    const body = mutatedRequest(draw, draw.pick(bases));
    const { ending, finding } = compare(body);
    counts[ending] += 1;
    if (finding !== null) findings.push(`${n}: ${finding}: ${body.toString("hex")}`);
  }
  return { counts, findings };
}

function compare(body: Buffer): { ending: Ending; finding: string | null } {
  const ours = decoded(() => ourSpans(body));
  const theirs = decoded(() => referenceDecode(body));
  const { broken, lax } = judgeWire(body);
  if (ours === null) {
    const ending = theirs === null ? "both refuse" : "refused, accepted there";
    return { ending, finding: broken === null ? "refused although whole" : null };
  }
  const isEqual = ours === theirs;
  const ending = isEqual ? "both accept" : "accepted, otherwise there";
  if (broken !== null) return { ending, finding: `accepted although broken (${broken})` };
  const finding = isEqual || lax.size > 0 ? null : "accepted, and nothing explains the difference";
  return { ending, finding };
}

/** Canonical spans as text; null when the request was refused. */
function decoded(decode: () => unknown): string | null {
  try {
    const spans = decode();
    return spans === null ? null : JSON.stringify(spans);
  } catch (error) {
    if (error instanceof RequestError || isRefusalOfTheirs(error)) return null;
    throw error;
  }
}

/** Of ours, spans without ids are no refusal here: the generated decoder's pass leaves them out likewise. */
function ourSpans(body: Buffer): unknown {
  const { spans, refused } = decodeProtobufRequest(body);
  return refused.every(({ reason }) => /^(?:trace|span)Id:/.test(reason)) ? spans : null;
}

/** The generated decoder throws plain errors of its reader, or runs out of stack. */
function isRefusalOfTheirs(error: unknown): boolean {
  return (
    error instanceof RangeError ||
    (error instanceof Error && /^(?:invalid|illegal|index out)/.test(error.message))
  );
}
