import type { Context } from "hono";

import { scoreById } from "../../clickhouse/queries/scores.ts";
import { notFound } from "../../schemas/errors.ts";
import {
  scoreV1Of,
  scoreV2Of,
  type ScoreV1,
  type ScoreV2,
} from "../../schemas/public-api/score.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import { pathParam, type ProjectRequest } from "./route.ts";

/** GET /scores/{scoreId} (read-api §7.4): only scores of traces and observations, and no corrections. */
export async function getScoreV1(
  { reader }: ProjectRequest,
  c: Context<HttpEnv>,
): Promise<ScoreV1> {
  const row = await scoreById(reader, pathParam(c, "scoreId"), { onlyV1: true });
  if (!row) throw notFound("There is no such score in this project.");
  return scoreV1Of(row);
}

/** GET /v2/scores/{scoreId}. */
export async function getScoreV2(
  { reader }: ProjectRequest,
  c: Context<HttpEnv>,
): Promise<ScoreV2> {
  const row = await scoreById(reader, pathParam(c, "scoreId"), { onlyV1: false });
  if (!row) throw notFound("There is no such score in this project.");
  return scoreV2Of(row);
}
