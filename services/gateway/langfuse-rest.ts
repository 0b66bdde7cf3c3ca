import { randomUUID } from "node:crypto";
import type { Handler, Hono } from "hono";

import { ownerOf } from "../../schemas/dialects/langfuse-owner.ts";
import type { StoredEvent } from "../../schemas/dialects/langfuse-owner.ts";
import { validateEvent } from "../../schemas/dialects/langfuse.ts";
import { invalidRequest } from "../../schemas/errors.ts";
import type { JsonDocument } from "../../schemas/json.ts";
import { isoOf } from "../../schemas/time.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import type { Gateway } from "./app.ts";
import { writerOf } from "./caller.ts";
import { ingestHandler, jsonDocument, sourceOf, tellPosition } from "./ingest.ts";

type Fields = Readonly<Record<string, unknown>>;

interface LegacyRoute {
  readonly path: string;
  readonly type: StoredEvent["type"];
  /** What the observation is; a trace is no observation. */
  readonly observation?: "EVENT" | "SPAN" | "GENERATION";
  /** An update names what it updates under this key; without one the route creates. */
  readonly updates?: "spanId" | "generationId";
}

/** The single-item writers of older SDKs, each as the batch event it stands for (write-api §1.1). */
const routes: readonly LegacyRoute[] = [
  { path: "traces", type: "trace-create" },
  { path: "events", type: "observation-create", observation: "EVENT" },
  { path: "spans", type: "observation-create", observation: "SPAN" },
  { path: "spans", type: "observation-update", observation: "SPAN", updates: "spanId" },
  { path: "generations", type: "observation-create", observation: "GENERATION" },
  {
    path: "generations",
    type: "observation-update",
    observation: "GENERATION",
    updates: "generationId",
  },
];

export function langfuseRest(app: Hono<HttpEnv>, gateway: Gateway): void {
  for (const route of routes) {
    app.on(route.updates ? "PATCH" : "POST", `/api/public/${route.path}`, single(gateway, route));
  }
}

function single(gateway: Gateway, route: LegacyRoute): Handler<HttpEnv> {
  return ingestHandler(gateway, async (c, bytes) => {
    const document = jsonDocument(c, bytes, gateway.depthMax);
    const caller = await writerOf(c, gateway.keys);
    if (document.tooDeep(document.value)) throw invalidRequest([tooDeepIssue]);
    const fields = fieldsOf(document);
    if (!fields) throw invalidRequest([expected("object", [])]);
    const id = idOf(route, fields);
    if (route.updates && !id) throw invalidRequest([expected("string", [route.updates])]);
    const timestamp = isoOf(gateway.now());
    const body = { ...bodyOf(route, fields), id };
    const event = { id: randomUUID(), type: route.type, timestamp, body };
    const validated = validateEvent(event);
    if (!validated.ok) {
      // The findings are about the body, which is all that the client has sent.
      const issues = validated.issues.map((issue) => ({ ...issue, path: issue.path.slice(1) }));
      throw invalidRequest(issues);
    }
    const stored = validated.event;
    if (stored.type === "sdk-log") throw new Error("no route writes sdk logs");
    const source = sourceOf(c, caller);
    const position = await gateway.accept(source, "langfuse", [
      { owner: ownerOf(stored), body: JSON.stringify(event), isPlain: true },
    ]);
    tellPosition(c, position);
    return c.json({ id }, 200);
  });
}

const tooDeepIssue = { code: "custom", path: [], message: "The body is nested too deeply" };

function expected(type: string, path: readonly string[]) {
  return { code: "invalid_type", expected: type, path, message: `Invalid input: expected ${type}` };
}

/** An empty id counts as none. */
function idOf({ updates }: LegacyRoute, fields: Fields): unknown {
  if (updates) return fields[updates];
  const { id = null } = fields;
  return id === null || id === "" ? randomUUID() : id;
}

/** Null when the body is no object. Numbers that were rounded keep their digits in the free-form fields alone. */
function fieldsOf({ value, rounded }: JsonDocument): Fields | null {
  if (!isFields(value) || !isFields(rounded)) return null;
  if (value === rounded) return value;
  const free = freeFormFields
    .filter((field) => field in value)
    .map((field) => [field, value[field]]);
  return { ...rounded, ...Object.fromEntries(free) };
}

const freeFormFields = ["input", "output", "metadata", "prompt", "completion"];

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Generations once called their payload `prompt` and `completion`. */
function bodyOf({ observation }: LegacyRoute, fields: Fields): Fields {
  if (!observation) return fields;
  const { prompt, completion, ...rest } = fields;
  if (observation !== "GENERATION") return { ...rest, type: observation };
  return {
    ...rest,
    type: observation,
    ...(prompt !== undefined && { input: prompt }),
    ...(completion !== undefined && { output: completion }),
  };
}
