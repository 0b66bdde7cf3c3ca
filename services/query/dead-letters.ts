import type { Context } from "hono";
import { z } from "zod";

import {
  countParked,
  markRedriven,
  pageOfParked,
  parkedAt,
  type StoredParked,
} from "../../clickhouse/queries/parked.ts";
import { invalidRequest } from "../../schemas/errors.ts";
import { issuesOf } from "../../schemas/issues.ts";
import { ownerKeyOf } from "../../schemas/mapping.ts";
import {
  offsetOf,
  pageMeta,
  pageParams,
  type PageMeta,
} from "../../schemas/public-api/pagination.ts";
import { parseQuery } from "../../schemas/public-api/params.ts";
import { decodeRecord } from "../../schemas/records.ts";
import { isoOf } from "../../schemas/time.ts";
import type { EventLog } from "../runtime/event-log/port.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import { readJson } from "../runtime/http/json-body.ts";
import type { ProjectRequest } from "./route.ts";

/** What was accepted and could not be stored, with its cause and its whole text. */
export interface DeadLetter {
  /** Its position in the log: partition, then generation and offset in one number. */
  readonly id: string;
  readonly reason: string;
  readonly detail: string;
  readonly receivedAt: string;
  readonly parkedAt: string;
  readonly body: string;
}

/** GET /x/dead-letters. */
export async function listDeadLetters({
  reader,
  search,
}: ProjectRequest): Promise<{ data: DeadLetter[]; meta: PageMeta }> {
  const asked = parseQuery(z.object(pageParams), search);
  const [rows, total] = await Promise.all([
    pageOfParked(reader, { limit: asked.limit, offset: offsetOf(asked) }),
    countParked(reader),
  ]);
  return { data: rows.map(deadLetterOf), meta: pageMeta(asked, total) };
}

const position = z.string().regex(/^\d{1,9}-\d{1,20}$/, "a dead letter's id, as listed");
export const redriveBody = z.strictObject({ ids: z.array(position).min(1).max(100) });

/**
 * POST /x/dead-letters/redrive: puts records into the log again, as they were received then. What still cannot be
 * stored is parked anew. Durable when answered; asked twice, a record may be in the log twice, which changes nothing.
 */
export function redriveDeadLetters(events: Pick<EventLog, "append">) {
  return async (
    { reader }: ProjectRequest,
    c: Context<HttpEnv>,
  ): Promise<{ redriven: string[]; notFound: string[] }> => {
    const parsed = redriveBody.safeParse(await readJson(c));
    if (!parsed.success) throw invalidRequest(issuesOf(parsed.error));
    const { ids } = parsed.data;
    const found = await parkedAt(
      reader,
      ids.map((id) => {
        const [partition = "", ver = ""] = id.split("-");
        return { partition: Number(partition), ver };
      }),
    );
    if (found.length > 0) {
      await events.append(
        found.map(({ record }) => {
          const value = Buffer.from(record, "base64");
          return { key: ownerKeyOf(value), value };
        }),
      );
      await markRedriven(reader.db, reader.project, found, reader.now);
    }
    const redriven = found.map(idOf);
    return { redriven, notFound: ids.filter((id) => !redriven.includes(id)) };
  };
}

function deadLetterOf(row: StoredParked): DeadLetter {
  return {
    id: idOf(row),
    reason: row.reason,
    detail: row.detail,
    receivedAt: isoOf(row.received_at),
    parkedAt: isoOf(row.parked_at),
    body: decodeRecord(Buffer.from(row.record, "base64")).body,
  };
}

function idOf({ partition, ver }: StoredParked): string {
  return `${partition}-${ver}`;
}
