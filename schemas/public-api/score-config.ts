import * as z from "zod";

import { invalidRequest } from "../errors.ts";
import { issuesOf } from "../issues.ts";
import { booleanCategories, scoreConfigTypes } from "../score-configs.ts";
import type { ScoreConfig } from "../score-configs.ts";
import { isoOf } from "../time.ts";

/** A score config as the API shows it (read-api §7.6). */
export type ShownScoreConfig = Omit<ScoreConfig, "createdAt" | "updatedAt"> & {
  readonly createdAt: string;
  readonly updatedAt: string;
};

export function scoreConfigOf(config: ScoreConfig): ShownScoreConfig {
  const { createdAt, updatedAt, ...rest } = config;
  return { ...rest, createdAt: isoOf(createdAt), updatedAt: isoOf(updatedAt) };
}

/** The newest first; ids decide between equals. */
export function compareConfigs(a: ScoreConfig, b: ScoreConfig): number {
  return b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1);
}

/** Letters and digits of any script, and a few signs. */
const name = z.string().regex(/^[\p{L}\p{M}\p{N}_.() -]{1,35}$/u, {
  message: "Expected 1 to 35 letters, digits, spaces or any of _ . ( ) -",
});
const categories = z.array(z.object({ label: z.string().min(1), value: z.number() })).max(200);
const parts = {
  description: z.string().max(10_000).nullish(),
  minValue: z.number().nullish(),
  maxValue: z.number().nullish(),
  categories: categories.nullish(),
};
export const createBody = z.object({ name, dataType: z.enum(scoreConfigTypes), ...parts });
export const updateBody = z
  .object({ name: name.nullish(), isArchived: z.boolean().nullish(), ...parts })
  .refine((body) => Object.values(body).some((value) => value !== undefined), {
    message: "Give at least one of isArchived, name, minValue, maxValue, categories, description",
  });

/** The config that the body of `POST /score-configs` asks for. Throws a 400 ApiError with everything that is wrong. */
export function newScoreConfig(
  value: unknown,
  made: Pick<ScoreConfig, "id" | "projectId"> & { readonly at: number },
): ScoreConfig {
  const parsed = createBody.safeParse(value);
  if (!parsed.success) throw invalidRequest(issuesOf(parsed.error));
  const { data } = parsed;
  if (data.dataType === "BOOLEAN" && data.categories) {
    throw invalidRequest([{ code: "custom", path: ["categories"], message: ownCategories }]);
  }
  return consistent({
    id: made.id,
    projectId: made.projectId,
    name: data.name,
    dataType: data.dataType,
    description: data.description ?? null,
    isArchived: false,
    minValue: data.minValue ?? null,
    maxValue: data.maxValue ?? null,
    categories: data.dataType === "BOOLEAN" ? booleanCategories : (data.categories ?? null),
    createdAt: made.at,
    updatedAt: made.at,
  });
}

/** The config after the body of `PATCH /score-configs/{id}`; the data type stays. Null clears what may be empty. */
export function updatedScoreConfig(value: unknown, held: ScoreConfig, at: number): ScoreConfig {
  const parsed = updateBody.safeParse(value);
  if (!parsed.success) throw invalidRequest(issuesOf(parsed.error));
  const { description, minValue, maxValue, categories: given, ...rest } = parsed.data;
  if (held.dataType === "BOOLEAN" && given) {
    throw invalidRequest([{ code: "custom", path: ["categories"], message: ownCategories }]);
  }
  const isFixed = held.dataType === "BOOLEAN" || given === undefined;
  return consistent({
    ...held,
    name: rest.name ?? held.name,
    isArchived: rest.isArchived ?? held.isArchived,
    description: description === undefined ? held.description : description,
    minValue: minValue === undefined ? held.minValue : minValue,
    maxValue: maxValue === undefined ? held.maxValue : maxValue,
    categories: isFixed ? held.categories : given,
    updatedAt: at,
  });
}

const ownCategories = "A BOOLEAN config has its own categories: leave them out";

/** What no field can tell by itself. */
function consistent(config: ScoreConfig): ScoreConfig {
  const { dataType, minValue, maxValue, categories: own } = config;
  const problems: [string, string][] = [];
  if (dataType !== "NUMERIC" && (minValue !== null || maxValue !== null)) {
    problems.push(["minValue", `A ${dataType} config has no minValue and no maxValue`]);
  }
  if (minValue !== null && maxValue !== null && maxValue <= minValue) {
    problems.push(["maxValue", "maxValue must be greater than minValue"]);
  }
  if (dataType === "CATEGORICAL" && !own?.length) {
    problems.push(["categories", "A CATEGORICAL config needs categories"]);
  }
  if ((dataType === "NUMERIC" || dataType === "TEXT") && own !== null) {
    problems.push(["categories", `A ${dataType} config has no categories`]);
  }
  if (own && hasRepeats(own.map(({ label }) => label))) {
    problems.push(["categories", "The labels of categories must differ"]);
  }
  if (own && hasRepeats(own.map(({ value }) => value))) {
    problems.push(["categories", "The values of categories must differ"]);
  }
  if (problems.length === 0) return config;
  throw invalidRequest(
    problems.map(([field, message]) => ({ code: "custom", path: [field], message })),
  );
}

function hasRepeats(values: readonly unknown[]): boolean {
  return new Set(values).size < values.length;
}
