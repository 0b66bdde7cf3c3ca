import { randomUUID } from "node:crypto";
import type { Context } from "hono";
import { z } from "zod";

import { conflict, invalidParameter, notFound } from "../../schemas/errors.ts";
import { compareShown, modelFrom, modelOf } from "../../schemas/public-api/model.ts";
import type { ShownModel } from "../../schemas/public-api/model.ts";
import {
  offsetOf,
  pageMeta,
  pageParams,
  type PageMeta,
} from "../../schemas/public-api/pagination.ts";
import { parseQuery } from "../../schemas/public-api/params.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import { readJson } from "../runtime/http/json-body.ts";
import { pathParam, type ProjectRequest } from "./route.ts";

/** Definitions are kept for ever, because costs may rest on them, and every model name is held against all. */
const modelsPerProjectMax = 1000;

/** GET /models: the project's own and the built-in ones (read-api §10.4). */
export async function listModels({
  caller,
  registry,
  search,
}: ProjectRequest): Promise<{ data: ShownModel[]; meta: PageMeta }> {
  const asked = parseQuery(z.object(pageParams), search);
  const all = registry.registry.models.list(caller.project.id).map(modelOf).toSorted(compareShown);
  const from = offsetOf(asked);
  return { data: all.slice(from, from + asked.limit), meta: pageMeta(asked, all.length) };
}

/** GET /models/{id}. */
export async function getModel(
  { caller, registry }: ProjectRequest,
  c: Context<HttpEnv>,
): Promise<ShownModel> {
  const id = pathParam(c, "id");
  const find = () => registry.registry.models.get(caller.project.id, id);
  if (!find()) await registry.caughtUp();
  const version = find();
  if (!version) throw notFound("There is no such model in this project.");
  return modelOf(version);
}

/** POST /models: prices for what is received from now on; costs that stand stay as they are. */
export async function createModel(
  { caller, registry }: ProjectRequest,
  c: Context<HttpEnv>,
): Promise<ShownModel> {
  const projectId = caller.project.id;
  const model = modelFrom(await readJson(c), randomUUID);
  const { models } = registry.registry;
  if (models.own(projectId).length >= modelsPerProjectMax) {
    throw invalidParameter(
      `The project has ${modelsPerProjectMax} models, the most there can be. Delete one first.`,
    );
  }
  const outcome = await registry.submit({ type: "model-create", projectId, model }, caller.keyId);
  if (outcome === "conflict") {
    throw invalidParameter("The project has a model of this name. Delete it first.");
  }
  const version = models.get(projectId, model.id);
  if (!version) throw conflict("The model was deleted while it was being made.");
  return modelOf(version);
}

/** DELETE /models/{id}: built-in ones cannot be deleted. */
export async function deleteModel(
  { caller, registry }: ProjectRequest,
  c: Context<HttpEnv>,
): Promise<{ message: string }> {
  const outcome = await registry.submit(
    { type: "model-delete", projectId: caller.project.id, id: pathParam(c, "id") },
    caller.keyId,
  );
  if (outcome !== "done") throw notFound("The project has no such model of its own.");
  return { message: "Model deleted successfully" };
}
