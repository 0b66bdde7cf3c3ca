import { setImmediate as nextTurn } from "node:timers/promises";
import type { Context, Hono } from "hono";

import {
  envelopeIdOf,
  eventError,
  parseEnvelope,
  validateEvent,
} from "../../schemas/dialects/langfuse.ts";
import type { EventError } from "../../schemas/dialects/langfuse.ts";
import { ownerOf } from "../../schemas/dialects/langfuse-owner.ts";
import type { StoredEvent } from "../../schemas/dialects/langfuse-owner.ts";
import { batchUnauthorized, bodyTooLarge, invalidBatch } from "../../schemas/errors.ts";
import type { JsonDocument } from "../../schemas/json.ts";
import { authenticate } from "../runtime/auth.ts";
import type { ProjectCaller } from "../runtime/auth.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import { withoutMark } from "../runtime/http/text.ts";
import type { AcceptedEvent } from "./accept.ts";
import type { Gateway } from "./app.ts";
import { ingestHandler, jsonDocument, sourceOf, tellPosition } from "./ingest.ts";
import { scoreChecker } from "./score-check.ts";

/**
 * `POST /api/public/ingestion`: a batch of Langfuse events, each judged by itself (write-api §1).
 * The order of checks is the contract's: body, method, key, envelope, events.
 */
export function langfuseIngestion(app: Hono<HttpEnv>, gateway: Gateway): void {
  app.post(
    "/api/public/ingestion",
    ingestHandler(gateway, async (c, body) => {
      const document = jsonDocument(c, body, gateway.depthMax);
      const caller = await projectCaller(c, gateway);
      const envelope = parseEnvelope(document.value);
      if (!envelope.ok) throw invalidBatch(envelope.errors);
      const { batch } = envelope;
      if (batch.length * eventBytesMin > gateway.limits.inflatedBytesMax) throw bodyTooLarge();
      const bodies = document.elements?.bytesIn(withoutMark(body)) ?? null;
      const verdict = await judge(batch, { document, bodies }, caller, gateway);
      const line = c.get("line");
      line.events = batch.length;
      line.rejected = verdict.errors.length;
      const position = await gateway.accept(sourceOf(c, caller), "langfuse", verdict.accepted);
      tellPosition(c, position);
      return c.json({ successes: verdict.successes, errors: verdict.errors }, 207);
    }),
  );
}

/**
 * No valid event is shorter, so a batch of more elements than fit into the largest body is mostly rubbish, and would
 * cost many times its own size to refuse one by one.
 */
const eventBytesMin = 70;

async function projectCaller(c: Context<HttpEnv>, gateway: Gateway): Promise<ProjectCaller> {
  const caller = await authenticate(c.req.header("authorization"), gateway.keys);
  if (!caller.ok) throw batchUnauthorized(caller.message);
  if (caller.access === "organization") {
    throw batchUnauthorized("Missing projectId in scope. Are you using an organization key?");
  }
  return caller;
}

interface Success {
  readonly id: string;
  readonly status: 201;
}

interface Verdict {
  readonly accepted: readonly AcceptedEvent[];
  readonly successes: readonly Success[];
  readonly errors: readonly EventError[];
}

interface Sent {
  readonly document: JsonDocument;
  /** The bytes of each event; null when they cannot be told apart. */
  readonly bodies: readonly Buffer[] | null;
}

/** A valid `sdk-log` event ends up nowhere: neither stored nor answered (write-api §1.5). */
async function judge(
  batch: readonly unknown[],
  { document, bodies }: Sent,
  caller: ProjectCaller,
  { log, registry }: Pick<Gateway, "log" | "registry">,
): Promise<Verdict> {
  const issueOf = scoreChecker(registry, caller.project.id);
  const events: StoredEvent[] = [];
  const accepted: AcceptedEvent[] = [];
  const invalid: EventError[] = [];
  const forbidden: EventError[] = [];
  const rounded = roundedBatch(batch, document);
  for (const [index, element] of batch.entries()) {
    if ((index + 1) % eventsPerTurn === 0) await nextTurn();
    const validated = document.tooDeep(element) ? tooDeep : validateEvent(element, rounded[index]);
    if (!validated.ok) {
      invalid.push(eventError(envelopeIdOf(rounded[index]), validated.issues));
      continue;
    }
    const { event } = validated;
    const body = bodies?.[index] ?? JSON.stringify(element);
    if (event.type === "sdk-log") {
      log.debug("sdk-log event", { bytes: Buffer.byteLength(body) });
      continue;
    }
    if (caller.access === "scores" && event.type !== "score-create") {
      forbidden.push({ id: event.id, ...scopeDenied });
      continue;
    }
    const issue = event.type === "score-create" ? await issueOf(event.body) : null;
    if (issue) {
      invalid.push(eventError(event.id, [{ ...issue, path: ["body", ...issue.path] }]));
      continue;
    }
    events.push(event);
    accepted.push({ owner: ownerOf(event), body, isPlain: document.isPlain, event });
  }
  return { accepted, successes: successesOf(events), errors: [...invalid, ...forbidden] };
}

/** Far more than an SDK sends at once. Others get their turn in between, so that no batch stops the process. */
const eventsPerTurn = 500;

/** The elements with rounded numbers, in the same order: the very same ones where there are none to round. */
function roundedBatch(batch: readonly unknown[], document: JsonDocument): readonly unknown[] {
  if (document.rounded === document.value) return batch;
  const envelope = parseEnvelope(document.rounded);
  return envelope.ok ? envelope.batch : batch;
}

const tooDeep = {
  ok: false,
  issues: [{ code: "custom", path: [], message: "The event is nested too deeply" }],
} as const;

const scopeDenied = {
  status: 401,
  message: "Authentication error",
  error: "Access Scope Denied",
} as const;

/** Creates by time, then updates by time (write-api §1.5). */
function successesOf(events: readonly StoredEvent[]): Success[] {
  return events
    .map(({ id, type, timestamp }) => ({
      id,
      step: type.endsWith("-update") ? 1 : 0,
      time: Date.parse(timestamp),
    }))
    .toSorted((a, b) => a.step - b.step || a.time - b.time)
    .map(({ id }) => ({ id, status: 201 }));
}
