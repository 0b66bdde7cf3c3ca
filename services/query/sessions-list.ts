import { z } from "zod";

import { pageOfSessions } from "../../clickhouse/queries/sessions.ts";
import {
  offsetOf,
  pageMeta,
  pageParams,
  type PageMeta,
} from "../../schemas/public-api/pagination.ts";
import { dateParam, exactListParam, parseQuery } from "../../schemas/public-api/params.ts";
import { sessionOf, type Session } from "../../schemas/public-api/session.ts";
import type { ProjectRequest } from "./route.ts";

export const query = z.object({
  ...pageParams,
  environment: exactListParam,
  fromTimestamp: dateParam,
  toTimestamp: dateParam,
});

/** GET /sessions (read-api §6). */
export async function listSessions({
  reader,
  search,
}: ProjectRequest): Promise<{ data: Session[]; meta: PageMeta }> {
  const asked = parseQuery(query, search);
  const filter = {
    environment: asked.environment,
    from: asked.fromTimestamp,
    to: asked.toTimestamp,
  };
  const { rows, total } = await pageOfSessions(reader, filter, {
    limit: asked.limit,
    offset: offsetOf(asked),
  });
  return { data: rows.map((row) => sessionOf(reader.project, row)), meta: pageMeta(asked, total) };
}
