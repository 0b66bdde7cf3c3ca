import type { Context } from "hono";

import { forbidden, unauthorized } from "../../schemas/errors.ts";
import { authenticate } from "../runtime/auth.ts";
import type { KeyRing, ProjectCaller } from "../runtime/auth.ts";
import type { HttpEnv } from "../runtime/http/app.ts";

/** Who calls a single-item route, a public key alone included. Throws 401 and 403 as write-api §1.3 and §1.8 have them. */
export async function callerOf(c: Context<HttpEnv>, keys: KeyRing): Promise<ProjectCaller> {
  return await callerBy(c.req.header("authorization"), keys);
}

/** As {@link callerOf}, for what a public key alone may not do. */
export async function writerOf(c: Context<HttpEnv>, keys: KeyRing): Promise<ProjectCaller> {
  return await writerBy(c.req.header("authorization"), keys);
}

/** As {@link writerOf}, for an `Authorization` that came otherwise than over HTTP. */
export async function writerBy(
  authorization: string | undefined,
  keys: KeyRing,
): Promise<ProjectCaller> {
  const caller = await callerBy(authorization, keys);
  if (caller.access === "scores") {
    throw forbidden("Access denied - insufficient permissions for this endpoint");
  }
  return caller;
}

async function callerBy(authorization: string | undefined, keys: KeyRing): Promise<ProjectCaller> {
  const caller = await authenticate(authorization, keys);
  if (!caller.ok) throw unauthorized(caller.message);
  if (caller.access === "organization") {
    throw forbidden("This needs the key of a project, and the key is an organization's");
  }
  return caller;
}
