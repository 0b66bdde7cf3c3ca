import type { Context, Handler } from "hono";

import { DbError, type Db } from "../../clickhouse/engine.ts";
import type { ProjectReader } from "../../clickhouse/queries/conditions.ts";
import {
  forbidden,
  methodNotAllowed,
  timedOut,
  unauthorized,
  unavailable,
} from "../../schemas/errors.ts";
import type { Authentication, ProjectCaller } from "../runtime/auth.ts";
import type { EventLog } from "../runtime/event-log/port.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import type { Logger } from "../runtime/logger.ts";
import type { RegistryFold } from "../runtime/registry.ts";

export interface QueryDeps {
  readonly db: Db;
  /** Where records go that are to be stored after all. */
  readonly events: Pick<EventLog, "append">;
  /** Reads an `Authorization` header. */
  readonly authenticate: (header: string | undefined) => Promise<Authentication>;
  /** Configuration: models, score configs. */
  readonly registry: RegistryFold;
  readonly log: Logger;
  /** What one statement may take of the engine. */
  readonly limits: { readonly readTimeoutMs: number; readonly readMemoryBytes: number };
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** What a route of a project is given: the caller, and the means to read that project's rows and no others. */
export interface ProjectRequest {
  readonly caller: ProjectCaller;
  readonly reader: ProjectReader;
  readonly registry: RegistryFold;
  /** The URL from its question mark on. */
  readonly search: string;
}

/**
 * A route of one project, answered with the JSON of what `handle` resolves to. Checks come in the contract's
 * order (read-api §1.2): method, key, then whatever `handle` asks of the query.
 */
export function projectRoute(
  deps: QueryDeps,
  handle: (request: ProjectRequest, c: Context<HttpEnv>) => Promise<object>,
): Handler<HttpEnv> {
  return async (c) => {
    // Hono answers HEAD by running GET: the contract has no such method, and the read would be for nothing.
    if (c.req.method === "HEAD") throw methodNotAllowed();
    const caller = await projectCaller(deps, c);
    const line = c.get("line");
    line.project = caller.project.id;
    line.keyId = caller.keyId;
    try {
      const reader = readerOf(deps, caller.project.id);
      const { search } = new URL(c.req.url);
      const body = await handle({ caller, reader, registry: deps.registry, search }, c);
      return c.json(body);
    } catch (error) {
      throw answerFor(error);
    }
  };
}

/** A path parameter, decoded: ids may hold any character, a slash too. */
export function pathParam(c: Context<HttpEnv>, name: string): string {
  return c.req.param(name) ?? "";
}

async function projectCaller(deps: QueryDeps, c: Context<HttpEnv>): Promise<ProjectCaller> {
  const caller = await deps.authenticate(c.req.header("authorization"));
  if (!caller.ok) throw unauthorized(caller.message);
  if (caller.access === "project") return caller;
  throw forbidden(
    caller.access === "organization"
      ? "This path needs a key of a project; this is a key of an organization."
      : "This path needs a public and a secret key with Basic authorization.",
  );
}

function readerOf(deps: QueryDeps, project: string): ProjectReader {
  const { readTimeoutMs, readMemoryBytes } = deps.limits;
  return {
    db: deps.db,
    project,
    budget: { timeMs: readTimeoutMs, memoryBytes: readMemoryBytes },
    now: deps.now(),
  };
}

/** What the engine's refusal means for the client; its own words stay behind. */
function answerFor(error: unknown): unknown {
  if (!(error instanceof DbError)) return error;
  if (error.kind === "budget") return timedOut(adviceOnBudget);
  if (error.kind === "transient") return unavailable("The database cannot answer now. Try again.");
  return error;
}

const adviceOnBudget =
  "The query takes more time or memory than one request may. Ask for a shorter time range, fewer fields or a smaller page.";
