import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";

import { ApiError } from "../../schemas/errors.ts";
import { explainRequest } from "../../schemas/otlp/explain-request.ts";
import type { DecodedRequest } from "../../schemas/otlp/request.ts";
import { decodeTraces } from "../gateway/otlp-traces.ts";

/**
 * `sluice explain FILE`: what would become of an export request, as JSON. The file is a request in either encoding,
 * gzipped or not; which, its bytes tell. Rejects with a sentence when it cannot be read.
 */
export async function explainCommand(
  file: string,
  print: (text: string) => Promise<void>,
): Promise<void> {
  const bytes = await readFile(file);
  const request = decoded(isGzip(bytes) ? gunzipSync(bytes, { maxOutputLength }) : bytes);
  await print(JSON.stringify(explainRequest(request), null, 2));
}

const maxOutputLength = 256 * 1024 * 1024;

function isGzip(bytes: Buffer): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** No protobuf begins with a brace; with the white space that may precede one in JSON, it does. */
function decoded(bytes: Buffer): DecodedRequest {
  if (bytes[0] === openingBrace) return decodeTraces(bytes, "json");
  try {
    return decodeTraces(bytes, "protobuf");
  } catch (error) {
    const isJsonLike = /^[\s\ufeff]*\{/.test(bytes.toString("utf8", 0, 1024));
    if (error instanceof ApiError && isJsonLike) return decodeTraces(bytes, "json");
    throw error;
  }
}

const openingBrace = 0x7b;
