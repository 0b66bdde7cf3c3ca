import type { z } from "zod";

import { invalidParameter, invalidRequest } from "../errors.ts";
import { issuesOf } from "../issues.ts";

/** How a cursor travels: v2 observations use the first, v3 scores the second (read-api §5, §7.5). */
export type CursorEncoding = "base64" | "base64url";

/** The last row of a page, for clients to send back as it is. */
export function encodeCursor(position: object, encoding: CursorEncoding): string {
  return Buffer.from(JSON.stringify(position)).toString(encoding);
}

/** What {@link encodeCursor} was given. Throws an ApiError 400 for a text that no page has carried. */
export function decodeCursor<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
): z.output<Schema> {
  const result = schema.safeParse(jsonWithin(text));
  if (result.success) return result.data;
  throw invalidRequest(issuesOf(result.error));
}

/** Node reads both alphabets of base64, and skips what belongs to neither. */
function jsonWithin(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, "base64").toString());
  } catch {
    throw invalidParameter(
      "Invalid cursor format: send the `cursor` of the last page as it is, or none.",
    );
  }
}
