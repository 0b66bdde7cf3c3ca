import type { Context, Handler } from "hono";

import { DbError, type Db } from "../../clickhouse/engine.ts";
import type { ProjectReader } from "../../clickhouse/queries/conditions.ts";
import type { RowCounts } from "../../clickhouse/queries/row-counts.ts";
import {
  ApiError,
  forbidden,
  invalidParameter,
  methodNotAllowed,
  notYetStored,
  timedOut,
  unauthorized,
  unavailable,
} from "../../schemas/errors.ts";
import { parsePosition } from "../../schemas/position.ts";
import type { Authentication, ProjectCaller } from "../runtime/auth.ts";
import type { EventLog } from "../runtime/event-log/port.ts";
import type { HttpEnv, RequestLine } from "../runtime/http/app.ts";
import { answerJson } from "../runtime/http/compress.ts";
import type { Logger } from "../runtime/logger.ts";
import type { RegistryFold } from "../runtime/registry.ts";
import type { Watermarks } from "../runtime/watermarks.ts";

export interface QueryDeps {
  readonly db: Db;
  /** How many rows its projects have. */
  readonly counts: RowCounts;
  /** Where records go that are to be stored after all. */
  readonly events: Pick<EventLog, "append">;
  /** How far what was accepted can be read. */
  readonly watermarks: Watermarks;
  /** Reads an `Authorization` header. */
  readonly authenticate: (header: string | undefined) => Promise<Authentication>;
  /** Configuration: models, score configs. */
  readonly registry: RegistryFold;
  readonly log: Logger;
  /** What one statement may take of the engine. */
  readonly limits: {
    readonly readTimeoutMs: number;
    readonly readMemoryBytes: number;
    readonly readRowsMax: number;
  };
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
 * order (read-api §1.2): method, key, then whatever `handle` asks of the query. A GET that names a position
 * (X-Sluice-Min-Position) reads what was accepted up to there, or is told how much of it is not stored yet.
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
    if (c.req.method === "GET") {
      await awaitPosition(deps.watermarks, c.req.header("x-sluice-min-position"));
    }
    try {
      const reader = readerOf(deps, caller.project.id, line);
      const { search } = new URL(c.req.url);
      const body = await handle({ caller, reader, registry: deps.registry, search }, c);
      return await answerJson(c, body);
    } catch (error) {
      throw answerFor(error);
    }
  };
}

/**
 * A {@link projectRoute} that reads one thing by its id. SDKs flush and read at once: before it answers 404 it waits for
 * the writer, if that is behind what was accepted when the read came, and looks once more.
 */
export function byIdRoute(
  deps: QueryDeps,
  handle: (request: ProjectRequest, c: Context<HttpEnv>) => Promise<object>,
): Handler<HttpEnv> {
  return projectRoute(deps, async (request, c) => {
    const pending = await deps.watermarks.pending();
    try {
      return await handle(request, c);
    } catch (error) {
      const isMissing = error instanceof ApiError && error.status === 404;
      if (pending === null || !isMissing) throw error;
      await deps.watermarks.reached(pending, lookAgainMsMax);
      return await handle(request, c);
    }
  });
}

/** What is accepted is readable within a second while the writer keeps up; beyond that a wait would help nobody. */
const lookAgainMsMax = 1_000;
/** A client that names a position wants to wait, but proxies and SDKs do not wait for long. */
const positionWaitMsMax = 5_000;

async function awaitPosition(watermarks: Watermarks, text: string | undefined): Promise<void> {
  if (text === undefined) return;
  const position = parsePosition(text);
  if (position === null) {
    throw invalidParameter("X-Sluice-Min-Position must be the text of an X-Sluice-Position.");
  }
  const progress = await watermarks.reached(position, positionWaitMsMax);
  if (progress.status === "behind") throw notYetStored(progress.records);
  if (progress.status === "unknown") {
    throw invalidParameter(`X-Sluice-Min-Position does not fit: ${progress.reason}.`);
  }
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

function readerOf(deps: QueryDeps, project: string, line: RequestLine): ProjectReader {
  const { readTimeoutMs, readMemoryBytes, readRowsMax } = deps.limits;
  return {
    db: deps.db,
    counts: deps.counts,
    project,
    budget: {
      timeMs: readTimeoutMs,
      memoryBytes: readMemoryBytes,
      rowsToRead: readRowsMax,
      onRowsRead(rows) {
        line.rowsRead = (line.rowsRead ?? 0) + rows;
      },
    },
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
  "The query takes more time, memory or rows than one request may. Ask for a shorter time range, fewer fields or a smaller page.";
