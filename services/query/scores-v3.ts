import type { z } from "zod";

import {
  scoresBehind,
  type ScorePlace,
  type ScoreV3Filter,
  type ScoreV3Key,
} from "../../clickhouse/queries/scores-v3.ts";
import { scoresByKey } from "../../clickhouse/queries/scores.ts";
import { decodeCursor, encodeCursor } from "../../schemas/public-api/cursor.ts";
import { parseQuery } from "../../schemas/public-api/params.ts";
import {
  scoreCursor,
  scoresV3Query,
  scoreV3Of,
  type ScoreCursor,
  type ScoreV3,
} from "../../schemas/public-api/score-v3.ts";
import { isoOfColumn } from "../../schemas/public-api/stored-value.ts";
import { millisOf, storableMs } from "../../schemas/time.ts";
import type { ProjectRequest } from "./route.ts";

/** GET /v3/scores (read-api §7.5): all scores of whatever kind, each value in the type of its data. */
export async function listScoresV3({
  reader,
  search,
}: ProjectRequest): Promise<{ data: ScoreV3[]; meta: { limit: number; cursor?: string } }> {
  const asked = parseQuery(scoresV3Query, search);
  const { limit } = asked;
  const after = asked.cursor ? placeOf(asked.cursor) : undefined;
  // One more than asked for tells whether there is a next page.
  const found = await scoresBehind(reader, filterOf(asked), after, limit + 1);
  const keys = found.slice(0, limit);
  const rows = await scoresByKey(reader, keys);
  const groups = new Set(asked.fields);
  const data = rows.map((row) => scoreV3Of(row, groups));
  const last = found.length > limit ? keys.at(-1) : undefined;
  return {
    data,
    meta: last ? { limit, cursor: encodeCursor(cursorOf(last), "base64url") } : { limit },
  };
}

function filterOf(asked: z.output<typeof scoresV3Query>): ScoreV3Filter {
  const { value, dataType, fromTimestamp, toTimestamp, ...rest } = asked;
  const isText = dataType?.[0] === "CATEGORICAL";
  return {
    ...rest,
    dataType,
    from: fromTimestamp,
    to: toTimestamp,
    texts: isText ? value : undefined,
    numbers: isText ? undefined : value?.map(numberOf),
  };
}

/** The column holds 1 and 0 for true and false. */
function numberOf(text: string): number {
  return text === "true" ? 1 : text === "false" ? 0 : Number(text);
}

function placeOf(cursor: string): ScorePlace {
  const { lastTimestamp, lastId } = decodeCursor(scoreCursor, cursor);
  return { timestamp: storableMs(millisOf(lastTimestamp)), id: lastId };
}

function cursorOf({ timestamp, id }: ScoreV3Key): ScoreCursor {
  return { v: 1, lastTimestamp: isoOfColumn(timestamp), lastId: id };
}
