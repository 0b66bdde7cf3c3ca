import type { Context, Handler } from "hono";

import { bodyTooLarge, invalidBody, unavailable } from "../../schemas/errors.ts";
import { JsonError, parseJson } from "../../schemas/json.ts";
import type { JsonDocument } from "../../schemas/json.ts";
import { formatPosition } from "../../schemas/position.ts";
import type { Position } from "../../schemas/position.ts";
import type { ProjectCaller } from "../runtime/auth.ts";
import type { Admission } from "../runtime/http/admission.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import { bodyBytesBound, readBody } from "../runtime/http/body.ts";
import type { BodyLimits } from "../runtime/http/body.ts";
import { textOf } from "../runtime/http/text.ts";
import type { Source } from "./accept.ts";

export interface IngestOptions {
  readonly admission: Admission;
  readonly limits: BodyLimits;
  /** From the end of the body to the answer. The SDKs give up after 5 s and send everything again. */
  readonly answerMsMax: number;
}

/**
 * A route that takes a body: admitted by size before it is read, bounded while it is read, answered in time after it.
 * What is still under way when the time is over goes on, and may yet land in the log: sending it again is safe.
 */
export function ingestHandler(
  options: IngestOptions,
  handle: (c: Context<HttpEnv>, body: Buffer) => Promise<Response>,
): Handler<HttpEnv> {
  return async (c) => {
    const { incoming } = c.env;
    const { headers } = incoming;
    const leave = options.admission.enter(bodyBytesBound(headers, options.limits));
    let work: Promise<Response> | null = null;
    try {
      const body = await readBody(incoming, headers, options.limits);
      c.get("line").bytes = body.length;
      work = handle(c, body);
      return await within(options.answerMsMax, work);
    } finally {
      // The body is held for as long as the work runs, also when its answer came too late.
      if (work === null) leave();
      else void work.then(leave, leave);
    }
  };
}

/**
 * The body as JSON. An empty one counts as `{}`, and one that is not declared as JSON as a plain string, as it does for
 * Langfuse (write-api §1.3). Throws a 400 ApiError when it is not JSON, 413 when it is too much of it.
 */
export function jsonDocument(c: Context<HttpEnv>, body: Buffer, depthMax: number): JsonDocument {
  const text = textOf(body);
  if (!isJsonType(c.req.header("content-type"))) return plain(text);
  if (text === "") return plain({});
  try {
    return parseJson(text, { depthMax });
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw error.kind === "size" ? bodyTooLarge() : invalidBody("The body is not valid JSON");
  }
}

function isJsonType(contentType = ""): boolean {
  const [type = ""] = contentType.split(";", 1);
  return ["application/json", "application/ld+json"].includes(type.trim().toLowerCase());
}

function plain(value: unknown): JsonDocument {
  return { value, rounded: value, isPlain: true, elements: null, tooDeep: () => false };
}

/** Who sent the events of this request; the log line names it, too. */
export function sourceOf(c: Context<HttpEnv>, caller: ProjectCaller): Source {
  const line = c.get("line");
  line.project = caller.project.id;
  line.keyId = caller.keyId;
  return sourceBy((name) => c.req.header(name), caller);
}

/** Who sent the events of a request with these headers; the SDK's name comes with it in two of them (write-api §2.7). */
export function sourceBy(
  header: (name: string) => string | undefined,
  caller: ProjectCaller,
): Source {
  const ofSdk = (part: "name" | "version"): string =>
    (header(`x-langfuse-sdk-${part}`) ?? header(`x_langfuse_sdk_${part}`))?.slice(
      0,
      sdkHeaderCharsMax,
    ) || "unknown";
  return {
    project: caller.project.id,
    keyId: caller.keyId,
    sdkName: ofSdk("name"),
    sdkVersion: ofSdk("version"),
  };
}

/** It becomes a column of few distinct values, and the header is the client's to choose. */
const sdkHeaderCharsMax = 100;

/**
 * Tells the client where its events lie: a read that names this position sees them. To be called before the answer is
 * made.
 */
export function tellPosition(c: Context<HttpEnv>, position: Position | null): void {
  if (position !== null) c.header("x-sluice-position", formatPosition(position));
}

/** Rejects with a 503 ApiError when the work takes longer; the work itself goes on. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(unavailable("The event log did not confirm in time. Try again."));
    }, ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
