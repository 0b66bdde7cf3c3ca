import type { Step } from "./step.ts";
import type { Answer } from "./wire.ts";

/** What is wrong with an answer. */
export interface Problem {
  readonly kind: string;
  readonly text: string;
}

/** What is wrong with an answer by itself: a status or a shape that the contract has not (write-api §1). */
export function answerProblems(step: Step, answer: Answer): Problem[] {
  const { status } = answer;
  const text = `${status} ${answer.text.slice(0, 300)}`;
  if (status >= 500) return [{ kind: "5xx", text }];
  if (step.statuses?.includes(status) === false) {
    return [{ kind: `status other than ${step.statuses.join(" or ")}`, text }];
  }
  if (step.method === "HEAD" || status === 204) {
    return answer.text === "" ? [] : [{ kind: "body where none may be", text }];
  }
  const body = jsonOf(answer.text);
  const type = answer.headers["content-type"] ?? "";
  if (body === undefined || !type.startsWith("application/json")) {
    return [{ kind: "answer that is not JSON", text }];
  }
  return isShaped(status, body) ? [] : [{ kind: "answer of another shape", text }];
}

/** What a body means, undefined when it is no JSON. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

export interface BatchAnswer {
  readonly successes: readonly { readonly id: string; readonly status: number }[];
  readonly errors: readonly { readonly id: string; readonly status: number }[];
}

/** A 207 as the batch route answers it. */
export function isBatchAnswer(body: unknown): body is BatchAnswer {
  return (
    isRecord(body) &&
    isListOf(body["successes"], isSuccess) &&
    isListOf(body["errors"], isEventError) &&
    Object.keys(body).length === 2
  );
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isShaped(status: number, body: unknown): boolean {
  if (!isRecord(body)) return false;
  if (status === 207) return isBatchAnswer(body);
  if (status < 300) return true;
  return isErrorBody(body);
}

/** Every error has a message; beside it may stand the error's name or what was found. */
function isErrorBody(body: Readonly<Record<string, unknown>>): boolean {
  const { message, error, errors } = body;
  return (
    typeof message === "string" &&
    message !== "" &&
    (error === undefined || typeof error === "string" || isListOf(error, isIssue)) &&
    (errors === undefined || isListOf(errors, (one) => typeof one === "string"))
  );
}

function isSuccess(value: unknown): boolean {
  return isRecord(value) && typeof value["id"] === "string" && value["status"] === 201;
}

function isEventError(value: unknown): boolean {
  return (
    isRecord(value) &&
    typeof value["id"] === "string" &&
    [400, 401].includes(Number(value["status"])) &&
    typeof value["message"] === "string" &&
    typeof value["error"] === "string"
  );
}

function isIssue(value: unknown): boolean {
  return isRecord(value) && typeof value["message"] === "string" && Array.isArray(value["path"]);
}

function isListOf(value: unknown, holds: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(holds);
}
