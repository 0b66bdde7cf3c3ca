import { isAscii, isUtf8 } from "node:buffer";

import { invalidBody } from "../../../schemas/errors.ts";

/**
 * The text of a UTF-8 body, without its byte order mark.
 * Throws a 400 ApiError for bytes that are not UTF-8: decoding them anyway would store U+FFFD in silence.
 */
export function textOf(bytes: Buffer): string {
  // One byte a character: measured faster to decode, to parse and to slice than the general path.
  if (isAscii(bytes)) return bytes.toString("latin1");
  if (!isUtf8(bytes)) throw invalidBody("The body is not valid UTF-8");
  return withoutMark(bytes).toString();
}

/** The bytes behind the byte order mark of UTF-8, where there is one. */
export function withoutMark(bytes: Buffer): Buffer {
  const isMarked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return isMarked ? bytes.subarray(3) : bytes;
}
