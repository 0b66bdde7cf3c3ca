import { z } from "zod";

import { answers } from "../../schemas/public-api/answers.ts";
import type { RouteDescription } from "../runtime/http/route-description.ts";

/** The parts of an OpenAPI 3.0 document that are read again here; the rest is as the specification says. */
export interface OpenApi {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly securitySchemes: object;
  };
}

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly security: readonly object[];
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { schema: JsonSchema }>> };
  readonly responses: Readonly<Record<string, Answer>>;
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query";
  readonly required: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
}

interface Answer {
  readonly description: string;
  readonly content: Readonly<Record<string, { schema: JsonSchema }>>;
}

export type JsonSchema = { readonly [keyword: string]: unknown };

/** The OpenAPI document of the routes described, made from the schemas that requests and answers are held against. */
export function openApiOf(routes: readonly RouteDescription[], serverUrl: string): OpenApi {
  const paths: Record<string, Record<string, Operation>> = {};
  const byShape = new Map<string, string>();
  for (const route of routes) {
    // Methods of one path may call its parameters by different names; a document must not.
    const shape = route.path.replaceAll(parameter, "{}");
    const path = byShape.get(shape) ?? route.path;
    byShape.set(shape, path);
    const shown = path.replaceAll(parameter, "{$1}");
    paths[shown] = { ...paths[shown], [route.method]: operationOf({ ...route, path }) };
  }
  return {
    openapi: "3.0.3",
    info: {
      title: "Sluice",
      version: "1",
      description:
        "Takes in the traces of LLM applications, and reads them. Paths below /api/public/x are of Sluice alone; the others keep the contract of Langfuse.",
    },
    servers: [{ url: serverUrl }],
    paths,
    components: {
      schemas: componentsOf(routes),
      securitySchemes: {
        project: {
          type: "http",
          scheme: "basic",
          description: "The public key of a project is the user, its secret key the password.",
        },
        public: {
          type: "http",
          scheme: "bearer",
          description: "The public key alone, which may only write scores.",
        },
      },
    },
  };
}

const parameter = /:(\w+)/g;

function operationOf(route: RouteDescription): Operation {
  const names = Array.from(route.path.matchAll(parameter), ([, name = ""]) => name);
  const inPath = names.map((name) => ({
    name,
    in: "path" as const,
    required: true,
    schema: { type: "string" },
  }));
  return {
    operationId: route.id,
    tags: [route.tag],
    summary: route.summary,
    security: securityOf(route),
    parameters: [...inPath, ...(route.query ? parametersOf(route.query) : [])],
    ...(route.body && { requestBody: { content: bodyOf(route.body) } }),
    responses: responsesOf(route),
  };
}

function securityOf({ key }: RouteDescription): object[] {
  if (key === "none") return [];
  return key === "public" ? [{ project: [] }, { public: [] }] : [{ project: [] }];
}

function parametersOf(query: z.ZodObject): Parameter[] {
  const { properties } = jsonSchemaOf(query, "input") as { properties: Record<string, JsonSchema> };
  return Object.entries(properties).map(([name, schema]) => {
    const description = Object.hasOwn(notes, name) ? notes[name] : undefined;
    return { name, in: "query", required: false, ...(description && { description }), schema };
  });
}

/** What no schema says of a parameter; one of a name means the same everywhere. */
const notes: Readonly<Record<string, string>> = {
  page: "From 1.",
  limit: "Items of a page.",
  cursor: "`meta.cursor` of the page before; none on the first. Send all other parameters again.",
  fields: "Groups of fields, as a comma list.",
  filter:
    "A JSON array of conditions `{type, column, operator, value, key?}`, which must all hold. It takes precedence over the parameter of the same column.",
  orderBy: "A column and a direction, such as `timestamp.desc`.",
  environment: "Any of these: a comma list, or the parameter repeated.",
  tags: "All of these: a comma list, or the parameter repeated.",
  traceTags: "All of these: a comma list, or the parameter repeated.",
  fromTimestamp: "ISO 8601 with an offset; this moment or later.",
  toTimestamp: "ISO 8601 with an offset; before this moment.",
  fromStartTime: "ISO 8601 with an offset; this moment or later.",
  toStartTime: "ISO 8601 with an offset; before this moment.",
  expandMetadata: "Any key: metadata values are shown whole instead of their first 200 characters.",
  parentObservationId: "In version 2 of observations, empty asks for those without a parent.",
};

function bodyOf({
  schema,
  contentTypes = ["application/json"],
}: NonNullable<RouteDescription["body"]>) {
  const shown = jsonSchemaOf(schema, "input");
  return Object.fromEntries(contentTypes.map((type) => [type, { schema: shown }]));
}

function responsesOf(route: RouteDescription): Record<string, Answer> {
  const { status = 200, key, query, body, errors = [] } = route;
  const refusals = new Set([
    ...(query || body ? [400] : []),
    ...(key === "none" ? [] : [401, 403]),
    ...errors,
  ]);
  const good = contentOf(`#/components/schemas/${answerNameOf(route)}`);
  const entries = [...refusals].toSorted((a, b) => a - b).map((code) => [code, refusal(code)]);
  return { [status]: { description: "Done", content: good }, ...Object.fromEntries(entries) };
}

function refusal(status: number): Answer {
  return { description: meanings[status] ?? "Refused", content: contentOf(errorRef) };
}

const errorRef = "#/components/schemas/Error";

const meanings: Readonly<Record<number, string>> = {
  400: "The request does not match its schema, or asks for what cannot be",
  401: "No key, or one that is not known",
  403: "The key may not do this",
  404: "There is no such thing in this project",
  409: "Others changed the same thing meanwhile",
  413: "The body is too large",
  415: "The body is encoded in a way that is not read",
  422: "The answer would be too large, or takes too long: ask for less",
  503: "Not now; try again",
};

function contentOf($ref: string): Answer["content"] {
  return { "application/json": { schema: { $ref } } };
}

const errorAnswer = z.looseObject({
  message: z.string(),
  error: z.union([z.string(), z.array(z.looseObject({ message: z.string() }))]).exactOptional(),
});

const named = new Map<z.ZodType, string>(
  Object.entries(answers).map(([name, schema]) => [schema, name]),
);

function answerNameOf({ id, answer }: RouteDescription): string {
  return named.get(answer) ?? `${id.charAt(0).toUpperCase()}${id.slice(1)}Answer`;
}

/** Every schema with a name, each pointing at the others by name. */
function componentsOf(routes: readonly RouteDescription[]): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  registry.add(errorAnswer, { id: "Error" });
  for (const [schema, id] of named) registry.add(schema, { id });
  for (const route of routes) registry.add(route.answer, { id: answerNameOf(route) });
  const { schemas } = z.toJSONSchema(registry, {
    ...options("output"),
    uri: (id) => `#/components/schemas/${id}`,
  });
  const entries = Object.entries(schemas).map(([name, { $id: _id, ...schema }]) => [name, schema]);
  return Object.fromEntries(entries);
}

function jsonSchemaOf(schema: z.ZodType, io: "input" | "output"): JsonSchema {
  return z.toJSONSchema(schema, options(io));
}

interface Keywords {
  maximum?: number;
  minimum?: number;
  format?: string;
  pattern?: string;
}

function options(io: "input" | "output") {
  return {
    target: "openapi-3.0" as const,
    io,
    unrepresentable: "any" as const,
    override: ({ jsonSchema }: { jsonSchema: Keywords }) => {
      // What a whole number can hold says nothing about what is asked for.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      // The format says it already, and in fewer than four hundred characters.
      if (jsonSchema.format === "date-time") delete jsonSchema.pattern;
    },
  };
}
