import type { Context } from "hono";

import { bodyTooLarge, invalidBody } from "../../../schemas/errors.ts";
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
  try {
    return JSON.parse(text);
  } catch {
    throw invalidBody("Invalid JSON");
  }
}
