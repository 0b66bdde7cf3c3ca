import type { IncomingHttpHeaders } from "node:http";
import type { Context, Handler } from "hono";

import { ApiError } from "../../schemas/errors.ts";
import type { ProjectCaller } from "../runtime/auth.ts";
import { enterGrowing } from "../runtime/http/admission.ts";
import type { GrowingStay } from "../runtime/http/admission.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import { bodyBytesBound, ClientGone, readBody } from "../runtime/http/body.ts";
import type { BodyLimits } from "../runtime/http/body.ts";
import type { Gateway } from "./app.ts";
import { writerOf } from "./caller.ts";
import { within } from "./ingest.ts";
import { apiErrorOf, refused } from "./otlp-answers.ts";
import type { Encoding } from "./otlp-answers.ts";

/** An OTLP request whose sender is known and whose body is read. */
export interface OtlpRequest {
  readonly caller: ProjectCaller;
  readonly encoding: Encoding;
  /** Inflated. */
  readonly body: Buffer;
}

export interface OtlpHandlerOptions {
  /** The status for a Content-Type that is not OTLP's: Langfuse's is 400, that of the specification 415. */
  readonly wrongTypeStatus: 400 | 415;
  readonly limits: BodyLimits;
}

/**
 * A route that takes OTLP. Checks come in the contract's order (otlp.md §1.2): key, room, body, type; then whatever
 * `handle` finds. Every answer, an error too, has the form of the request.
 */
export function otlpHandler(
  gateway: Gateway,
  options: OtlpHandlerOptions,
  handle: (c: Context<HttpEnv>, request: OtlpRequest) => Promise<Response>,
): Handler<HttpEnv> {
  return async (c) => {
    const encoding = encodingOf(c.req.header("content-type"));
    try {
      const caller = await within(gateway.otlp.answerMsMax, writerOf(c, gateway.keys));
      return await withBody(c, gateway, options.limits, (body) => {
        if (encoding === null) throw wrongType(options.wrongTypeStatus);
        return handle(c, { caller, encoding, body });
      });
    } catch (error) {
      // Nobody is left to answer.
      if (error instanceof ClientGone) throw error;
      return refused(c, encoding ?? "json", apiErrorOf(error, gateway.log, c.get("requestId")));
    }
  };
}

/** Null for a type that is none of OTLP's. Parameters and case do not count. */
function encodingOf(contentType = ""): Encoding | null {
  const [type = ""] = contentType.split(";", 1);
  switch (type.trim().toLowerCase()) {
    case "application/x-protobuf":
    case "application/protobuf":
      return "protobuf";
    case "application/json":
      return "json";
    default:
      return null;
  }
}

function wrongType(status: 400 | 415): ApiError {
  return new ApiError(status, {
    message: "Content-Type must be application/x-protobuf or application/json",
    error: "Invalid content type",
  });
}

/** Reads the body within the limits and the room that is left, and holds its place until the work on it is over. */
async function withBody(
  c: Context<HttpEnv>,
  gateway: Gateway,
  limits: BodyLimits,
  handle: (body: Buffer) => Promise<Response>,
): Promise<Response> {
  const { incoming } = c.env;
  const stay = entered(gateway, incoming.headers, limits);
  let work: Promise<Response> | null = null;
  try {
    const onHeld = (bytes: number): void => stay.grow(bytes);
    const body = await readBody(incoming, incoming.headers, { ...limits, onHeld });
    c.get("line").bytes = body.length;
    work = handle(body);
    return await within(gateway.otlp.answerMsMax, work);
  } finally {
    const leave = (): void => stay.leave();
    if (work === null) leave();
    else void work.then(leave, leave);
  }
}

/** Exporters send chunks without a length, or compressed: such a body is admitted as it comes in. */
function entered(gateway: Gateway, headers: IncomingHttpHeaders, limits: BodyLimits): GrowingStay {
  const bytesMost = bodyBytesBound(headers, limits);
  const isKnown = bytesMost < Math.max(limits.bytesMax, limits.inflatedBytesMax);
  return enterGrowing(gateway.admission, isKnown ? Math.max(bytesMost, 1) : unknownBytes);
}

/** Where a body of unknown size begins; a common batch of 512 spans fits after one more step. */
const unknownBytes = 512 * 1024;
