import { randomUUID } from "node:crypto";
import type { Context, Hono } from "hono";

import { validateScoreBody } from "../../schemas/dialects/langfuse.ts";
import { invalidRequest } from "../../schemas/errors.ts";
import type { Issue } from "../../schemas/errors.ts";
import type { JsonDocument } from "../../schemas/json.ts";
import type { DeleteBody } from "../../schemas/records.ts";
import { isContractDateTime, isoOf } from "../../schemas/time.ts";
import type { ProjectCaller } from "../runtime/auth.ts";
import type { HttpEnv } from "../runtime/http/app.ts";
import type { AcceptedEvent } from "./accept.ts";
import type { Gateway } from "./app.ts";
import { callerOf, writerOf } from "./caller.ts";
import { ingestHandler, jsonDocument, sourceOf, tellPosition } from "./ingest.ts";
import { scoreChecker } from "./score-check.ts";

/** Scores one by one (write-api §1.1, §2.7): POST writes one, or a list of them, as a batch would, DELETE by id. */
export function scoreRoutes(app: Hono<HttpEnv>, gateway: Gateway): void {
  app.post(
    "/api/public/scores",
    ingestHandler(gateway, async (c, body) => {
      const document = jsonDocument(c, body, gateway.depthMax);
      const caller = await callerOf(c, gateway.keys);
      const judge = judgeOf(gateway, caller, document);
      const { value, rounded } = document;
      if (Array.isArray(value) && Array.isArray(rounded) && value.length > 0)
        return await acceptList(c, gateway, caller, await judgeAll(judge, value, rounded));
      const judged = await judge(value, rounded);
      if (!judged.ok) throw invalidRequest(judged.issues);
      const position = await gateway.accept(sourceOf(c, caller), "langfuse", [judged.event]);
      tellPosition(c, position);
      return c.json({ id: judged.id }, 200);
    }),
  );

  app.delete(
    "/api/public/scores/:id",
    ingestHandler(gateway, async (c) => {
      const caller = await writerOf(c, gateway.keys);
      const id = c.req.param("id") ?? "";
      const deletion: DeleteBody = { kind: "score", id };
      const position = await gateway.accept(sourceOf(c, caller), "delete", [
        { owner: { id }, body: JSON.stringify(deletion), isPlain: true },
      ]);
      tellPosition(c, position);
      // Also for an id that nobody has: whether it exists is only known behind the log.
      return c.json({ message: "Score deletion queued successfully" }, 202);
    }),
  );
}

type Judged =
  | { readonly ok: true; readonly id: string; readonly event: AcceptedEvent }
  | { readonly ok: false; readonly issues: readonly Issue[] };

type Judge = (value: unknown, rounded: unknown) => Promise<Judged>;

/** Judges the scores of one request, each by itself. */
function judgeOf(gateway: Gateway, caller: ProjectCaller, document: JsonDocument): Judge {
  const check = scoreChecker(gateway.registry, caller.project.id);
  return async (value, rounded) => {
    if (document.tooDeep(value)) return { ok: false, issues: [tooDeep] };
    const validated = validateScoreBody(value, rounded);
    if (!validated.ok) return validated;
    const score = validated.body;
    const issue = await check(score);
    if (issue) return { ok: false, issues: [issue] };
    const id = score.id || randomUUID();
    const event = {
      id: randomUUID(),
      type: "score-create",
      timestamp: timeOf(rounded) ?? isoOf(gateway.now()),
      body: { ...score, id },
    };
    const { traceId, sessionId } = score;
    const owner = { traceId, sessionId, id };
    return { ok: true, id, event: { owner, body: JSON.stringify(event), isPlain: true } };
  };
}

/** When the client says that it was given; nothing where it says no moment. */
function timeOf(score: unknown): string | undefined {
  const { timestamp } = score as { readonly timestamp?: unknown };
  return typeof timestamp === "string" && isContractDateTime(timestamp) ? timestamp : undefined;
}

async function judgeAll(
  judge: Judge,
  values: readonly unknown[],
  rounded: readonly unknown[],
): Promise<readonly Judged[]> {
  return await Promise.all(values.map((value, index) => judge(value, rounded[index])));
}

/**
 * A list, as the Python SDK sends scores since its version 5: 202 when all are accepted, else 207 with how many were,
 * and why the others were not. Those it does not send again.
 */
async function acceptList(
  c: Context<HttpEnv>,
  gateway: Gateway,
  caller: ProjectCaller,
  judged: readonly Judged[],
): Promise<Response> {
  const events = judged.flatMap((one) => (one.ok ? [one.event] : []));
  tellPosition(c, await gateway.accept(sourceOf(c, caller), "langfuse", events));
  if (events.length === judged.length) return c.json({ message: "Accepted" }, 202);
  const errors = judged.flatMap((one, index) => {
    if (one.ok) return [];
    const findings = one.issues.map(({ path, message }) => [...path, message].join(": "));
    return [{ index, message: `Score ${index}: ${findings.join("; ")}` }];
  });
  return c.json({ accepted: events.length, rejected: errors.length, errors }, 207);
}

const tooDeep = { code: "custom", path: [], message: "The body is nested too deeply" };
