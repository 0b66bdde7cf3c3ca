import { randomUUID } from "node:crypto";
import type { Context } from "hono";
import { z } from "zod";

import { conflict, invalidParameter, notFound } from "../../schemas/errors.ts";
import {
  offsetOf,
  pageMeta,
  pageParams,
  type PageMeta,
} from "../../schemas/public-api/pagination.ts";
import { parseQuery } from "../../schemas/public-api/params.ts";
import {
  compareConfigs,
  newScoreConfig,
  scoreConfigOf,
  updatedScoreConfig,
} from "../../schemas/public-api/score-config.ts";
import type { ShownScoreConfig } from "../../schemas/public-api/score-config.ts";
import type { ScoreConfig } from "../../schemas/score-configs.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import { readJson } from "../runtime/http/json-body.ts";
import type { RegistryFold } from "../runtime/registry.ts";
import { pathParam, type ProjectRequest } from "./route.ts";

/** They cannot be deleted (read-api §7.6), only archived, and are held in memory. */
const configsPerProjectMax = 1000;
/** How often a change is made anew when others change the same config in between. */
const attemptsMax = 5;

/** GET /score-configs. */
export async function listScoreConfigs({
  caller,
  registry,
  search,
}: ProjectRequest): Promise<{ data: ShownScoreConfig[]; meta: PageMeta }> {
  const asked = parseQuery(z.object(pageParams), search);
  const all = registry.registry.scoreConfigs.list(caller.project.id).toSorted(compareConfigs);
  const from = offsetOf(asked);
  const page = all.slice(from, from + asked.limit);
  return { data: page.map(scoreConfigOf), meta: pageMeta(asked, all.length) };
}

/** GET /score-configs/{id}. */
export async function getScoreConfig(
  { caller, registry }: ProjectRequest,
  c: Context<HttpEnv>,
): Promise<ShownScoreConfig> {
  const { config } = await held(registry, caller.project.id, pathParam(c, "id"));
  return scoreConfigOf(config);
}

/** POST /score-configs. */
export async function createScoreConfig(
  { caller, reader, registry }: ProjectRequest,
  c: Context<HttpEnv>,
): Promise<ShownScoreConfig> {
  const projectId = caller.project.id;
  const config = newScoreConfig(await readJson(c), {
    id: randomUUID(),
    projectId,
    at: reader.now,
  });
  if (registry.registry.scoreConfigs.list(projectId).length >= configsPerProjectMax) {
    throw invalidParameter(`The project has ${configsPerProjectMax} score configs, the most.`);
  }
  await registry.submit({ type: "score-config-create", config }, caller.keyId);
  return scoreConfigOf(config);
}

/** PATCH /score-configs/{id}: for scores that are received from now on. */
export async function updateScoreConfig(
  { caller, reader, registry }: ProjectRequest,
  c: Context<HttpEnv>,
): Promise<ShownScoreConfig> {
  const body = await readJson(c);
  const id = pathParam(c, "id");
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const before = await held(registry, caller.project.id, id);
    const config = updatedScoreConfig(body, before.config, reader.now);
    const { revision } = before;
    const change = { type: "score-config-update", config, revision } as const;
    if ((await registry.submit(change, caller.keyId)) === "done") return scoreConfigOf(config);
  }
  throw conflict("Others keep changing this score config. Try again.");
}

async function held(
  registry: RegistryFold,
  project: string,
  id: string,
): Promise<{ config: ScoreConfig; revision: number }> {
  const find = () => registry.registry.scoreConfigs.get(project, id);
  // Made a moment ago in another process, perhaps.
  if (!find()) await registry.caughtUp();
  const found = find();
  if (!found) throw notFound("There is no such score config in this project.");
  return found;
}
