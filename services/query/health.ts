import type { Handler } from "hono";
import { z } from "zod";

import { isAnswering, hasRecentEvents } from "../../clickhouse/queries/health.ts";
import { flagParam, parseQuery } from "../../schemas/public-api/params.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import { contractVersion as version } from "../runtime/http/probes.ts";
import type { QueryDeps } from "./route.ts";

export const query = z.object({
  failIfDatabaseUnavailable: flagParam,
  failIfNoRecentEvents: flagParam,
});

const recentMs = 3 * 60_000;

/** GET /health (read-api §10.1): the process is up; the database is asked only on demand. */
export function health({ db, limits, now }: QueryDeps): Handler<HttpEnv> {
  const budget = { timeMs: limits.readTimeoutMs, memoryBytes: limits.readMemoryBytes };
  return async (c) => {
    const asked = parseQuery(query, new URL(c.req.url).search);
    const isFine =
      (!asked.failIfDatabaseUnavailable || (await isAnswering(db, budget))) &&
      (!asked.failIfNoRecentEvents || (await hasRecentEvents(db, budget, recentMs, now())));
    return isFine ? c.json({ status: "OK", version }) : c.json({ status: "ERROR", version }, 503);
  };
}

/** GET /ready: reads can be answered. */
export function ready({ db, limits }: QueryDeps): Handler<HttpEnv> {
  const budget = { timeMs: limits.readTimeoutMs, memoryBytes: limits.readMemoryBytes };
  return async (c) =>
    (await isAnswering(db, budget))
      ? c.json({ status: "OK", version })
      : c.json({ status: "ERROR", version }, 503);
}
