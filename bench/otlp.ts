import { isDeepStrictEqual } from "node:util";

import { decodeProtobufRequest } from "../schemas/otlp/protobuf-request.ts";
import { referenceDecode, referenceEncode } from "./otlp-reference.ts";
import { otlpRows } from "./otlp-rows.ts";
import { createExportRequest } from "./otlp-spans.ts";
import { median } from "./stats.ts";

/** Less than this multiple of the generated decoder's rate is a failure. */
export const speedUpMin = 1.8;

const spans = 512;
const warmUpRounds = 10;
const rounds = 50;
/** So many that each decoder collects its own garbage in its own time. */
const decodesPerRound = 20;

/** How fast spans are decoded, and how fast they become rows. Resolves with whether the decoder's bar is met. */
export async function otlpRate(print: (line: string) => void): Promise<boolean> {
  const isMet = decodingRate(print);
  await otlpRows(print);
  return isMet;
}

/**
 * Spans decoded from protobuf into their canonical form per second: by our reader, and by the generated decoder with a
 * pass that makes the same of its messages.
 */
function decodingRate(print: (line: string) => void): boolean {
  const message = createExportRequest(1, 1_760_000_000_000, spans);
  const body = referenceEncode(message);
  checkAnswers(body);
  const ours: number[] = [];
  const generated: number[] = [];
  const ratios: number[] = [];
  for (let round = -warmUpRounds; round < rounds; round += 1) {
    const first = round % 2 === 0;
    const before = first ? spansPerSecond(() => decodeProtobufRequest(body)) : 0;
    const theirs = spansPerSecond(() => referenceDecode(body));
    const own = first ? before : spansPerSecond(() => decodeProtobufRequest(body));
    if (round < 0) continue;
    ours.push(own);
    generated.push(theirs);
    ratios.push(own / theirs);
  }
  const speedUp = median(ratios);
  const isMet = speedUp >= speedUpMin;
  print(
    `otlp: ${spans} spans in ${body.length} bytes of protobuf, ${rounds} rounds of ${decodesPerRound}`,
  );
  print(`  reader      ${perSecond(median(ours))} spans/s decoded and canonical`);
  print(
    `  generated   ${perSecond(median(generated))} spans/s, otlp-transformer 0.216 and a pass over its messages`,
  );
  print(
    `  speed-up    ${speedUp.toFixed(2)}, at least ${speedUpMin}: ${isMet ? "met" : "NOT MET"}`,
  );
  return isMet;
}

function checkAnswers(body: Buffer): void {
  const { spans: decoded, refused } = decodeProtobufRequest(body);
  if (decoded.length !== spans || refused.length > 0)
    throw new Error(`${decoded.length} of ${spans} spans were decoded`);
  if (!isDeepStrictEqual(decoded, referenceDecode(body)))
    throw new Error("the two decoders disagree");
}

function spansPerSecond(decode: () => unknown): number {
  const startedAt = performance.now();
  for (let n = 0; n < decodesPerRound; n += 1) decode();
  return (spans * decodesPerRound * 1000) / (performance.now() - startedAt);
}

function perSecond(rate: number): string {
  return Math.round(rate).toLocaleString("en");
}
