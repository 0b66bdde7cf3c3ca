import { z } from "zod";

import { invalidRequest } from "../errors.ts";
import { millisOf } from "../time.ts";

/**
 * The parameters of one request, or an ApiError 400 with every issue found. Keys that the schema does not know are
 * ignored (read-api §1.5).
 */
export function parseQuery<Schema extends z.ZodType>(
  schema: Schema,
  search: string,
): z.output<Schema> {
  const result = schema.safeParse(rawQuery(search));
  if (result.success) return result.data;
  throw invalidRequest(
    result.error.issues.map((issue) => ({
      ...issue,
      code: issue.code ?? "custom",
      path: issue.path.map((part) => (typeof part === "number" ? part : String(part))),
    })),
  );
}

/** One value; empty means not given. */
export const textParam = z
  .string()
  .optional()
  .transform((text) => text || undefined);

/** One of the names, exactly as written; empty means not given. */
export function enumParam<Name extends string>(names: readonly Name[]) {
  return z.preprocess(emptyAsAbsent, z.enum(names).optional());
}

/** A finite number; empty means not given. */
export const numberParam = z.preprocess(emptyAsAbsent, z.coerce.number().optional());

/**
 * Any number of values: a comma list in one value, or the key repeated (then a comma is part of the value).
 * Nothing given, or only empty values: undefined.
 */
export const listParam = z
  .union([z.string().transform((text) => text.split(",")), z.array(z.string())])
  .optional()
  .transform(someOf);

/** As {@link listParam}, but a comma is always part of the value: the environments of sessions are matched exactly. */
export const exactListParam = z
  .union([z.string().transform((text) => [text]), z.array(z.string())])
  .optional()
  .transform(someOf);

/**
 * An ISO 8601 moment with its offset, as epoch milliseconds. Anything less is refused, the empty text too: a date
 * without an offset would mean another moment on every machine.
 */
export const dateParam = z
  .string()
  .transform((text, context) => {
    const ms = millisOf(text);
    if (!Number.isNaN(ms)) return ms;
    context.addIssue({
      code: "custom",
      message: "Expected an ISO 8601 datetime with an offset, such as 2026-01-31T12:00:00Z",
    });
    return z.NEVER;
  })
  .optional();

/** `true` or `false`. */
export const flagParam = z
  .enum(["true", "false"])
  .optional()
  .transform((text) => text === "true");

/** `<column>.<asc|desc>`, the direction in any case; which columns there are is the route's to say. */
export const orderParam = z
  .string()
  .optional()
  .transform((text, context) => {
    if (!text) return undefined;
    const [, column, direction] = /^(.+)\.(asc|desc)$/i.exec(text) ?? [];
    if (column && direction)
      return { column, direction: direction.toLowerCase() as "asc" | "desc" };
    context.addIssue({
      code: "custom",
      message: "Expected a column and a direction, such as timestamp.desc",
    });
    return z.NEVER;
  });

/** The names in a comma list. */
export function namesOf(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** Groups of fields from a comma list; unknown names are dropped, and when none is left all groups are meant. */
export function groupsOf<Group extends string>(
  text: string | undefined,
  all: readonly Group[],
): ReadonlySet<Group> {
  const named = namesOf(text ?? "");
  const chosen = all.filter((group) => named.includes(group));
  return new Set(chosen.length > 0 ? chosen : all);
}

export function emptyAsAbsent(value: unknown): unknown {
  return value === "" ? undefined : value;
}

function someOf(values: readonly string[] | undefined): readonly string[] | undefined {
  const some = values?.filter((value) => value !== "");
  return some?.length ? some : undefined;
}

/** A query string as it stands: a key that is repeated holds all its values. */
type RawQuery = Readonly<Record<string, string | readonly string[]>>;

/** Reads the part of a URL after the question mark. A `+` is a space there, as in any form. */
function rawQuery(search: string): RawQuery {
  const query = new Map<string, string | string[]>();
  for (const [key, value] of new URLSearchParams(search)) {
    const held = query.get(key);
    if (held === undefined) query.set(key, value);
    else if (typeof held === "string") query.set(key, [held, value]);
    else held.push(value);
  }
  return Object.fromEntries(query);
}
