import type { Context } from "hono";

import { isTooLarge } from "../../clickhouse/queries/payload.ts";
import { sessionById } from "../../clickhouse/queries/sessions.ts";
import { tracesOfSession } from "../../clickhouse/queries/traces.ts";
import { notFound, payloadTooLarge } from "../../schemas/errors.ts";
import { sessionOf, type SessionDetail } from "../../schemas/public-api/session.ts";
import { traceOf } from "../../schemas/public-api/trace.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import { pathParam, type ProjectRequest } from "./route.ts";

/** GET /sessions/{sessionId} (read-api §6): with all its traces, the last written first. */
export async function getSession(
  { reader }: ProjectRequest,
  c: Context<HttpEnv>,
): Promise<SessionDetail> {
  const id = pathParam(c, "sessionId");
  const [session, traces] = await Promise.all([
    sessionById(reader, id),
    tracesOfSession(reader, id),
  ]);
  if (!session) throw notFound("There is no such session in this project.");
  if (isTooLarge(traces)) {
    throw payloadTooLarge(
      "The session's traces are too large for one answer. Read them by page from /api/public/traces?sessionId=…",
    );
  }
  return { ...sessionOf(reader.project, session), traces: traces.map(traceOf) };
}
