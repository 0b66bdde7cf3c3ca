import type { Context } from "hono";

import { bodyTooLarge, invalidBody } from "../../../schemas/errors.ts";
import { parseJson } from "../../../schemas/json.ts";
import type { JsonDocument } from "../../../schemas/json.ts";
import type { HttpEnv } from "./app.ts";

/**
 * The parsed body of a small request: one that changes settings, say, not one that brings events. It must state its
 * length, which HTTP then holds it to. Throws 400 for what is not JSON and 413 for what is too large or has no length.
 */
export async function readJson(c: Context<HttpEnv>, bytesMax = 64 * 1024): Promise<unknown> {
  const length = c.req.header("content-length");
  if (length === undefined || !(Number(length) <= bytesMax)) throw bodyTooLarge(bytesMax);
  const text = await c.req.text();
  if (text === "") return {};
  const document = parsed(text);
  if (document.tooDeep(document.value)) throw invalidBody("The body is nested too deeply");
  return document.value;
}

/** Settings are flat; nobody needs more levels. */
const depthMax = 20;

function parsed(text: string): JsonDocument {
  try {
    return parseJson(text, { depthMax });
  } catch {
    throw invalidBody("Invalid JSON");
  }
}
