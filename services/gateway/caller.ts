import type { Context } from "hono";

import { forbidden, unauthorized } from "../../schemas/errors.ts";
import { authenticate } from "../runtime/auth.ts";
import type { KeyRing, ProjectCaller } from "../runtime/auth.ts";
import type { HttpEnv } from "../runtime/http/app.ts";

/** Who calls a single-item route, a public key alone included. Throws 401 and 403 as write-api §1.3 and §1.8 have them. */
export async function callerOf(c: Context<HttpEnv>, keys: KeyRing): Promise<ProjectCaller> {
  const caller = await authenticate(c.req.header("authorization"), keys);
  if (!caller.ok) throw unauthorized(caller.message);
  if (caller.access === "organization") {
    throw forbidden("This needs the key of a project, and the key is an organization's");
  }
  return caller;
}

/** As {@link callerOf}, for what a public key alone may not do. */
export async function writerOf(c: Context<HttpEnv>, keys: KeyRing): Promise<ProjectCaller> {
  const caller = await callerOf(c, keys);
  if (caller.access === "scores") {
    throw forbidden("Access denied - insufficient permissions for this endpoint");
  }
  return caller;
}
