import { setTimeout as pause } from "node:timers/promises";

import type { Issued } from "../faults/events.ts";
import type { ExportedRow } from "../faults/oracle.ts";
import { isRecord, jsonOf } from "./contract.ts";
import type { Table } from "./events.ts";
import type { DeadLetter, Finding } from "./judge.ts";
import type { Entry } from "./ledger.ts";
import { basicOf, other, projectIdOf } from "./step.ts";
import type { Project } from "./step.ts";
import type { Wire } from "./wire.ts";

const readableMsMax = 20_000;
const pollMs = 50;

/** Reads an entity by its id until it is there, and once with the other project's key, which must not see it. */
export async function readById(
  wire: Wire,
  entity: Pick<Entry, "project" | "table" | "id">,
  isSharedId: boolean,
): Promise<string[]> {
  const { project, table, id } = entity;
  const path = `/api/public/${routes[table]}/${encodeURIComponent(id)}`;
  const problems: string[] = [];
  const deadline = performance.now() + readableMsMax;
  for (;;) {
    const { status, text } = await wire.get(path, basicOf(project));
    if (status === 200) {
      if (idIn(text) !== id) problems.push(`GET ${path} gave another: ${text.slice(0, 100)}`);
      break;
    }
    if (status !== 404 || performance.now() > deadline) {
      problems.push(`GET ${path} gave ${status}: ${text.slice(0, 200)}`);
      break;
    }
    await pause(pollMs);
  }
  const theirs = isSharedId ? null : await wire.get(path, basicOf(other(project)));
  if (theirs !== null && theirs.status !== 404) {
    problems.push(`GET ${path} gave ${theirs.status} to the other project`);
  }
  return problems;
}

const routes = { traces: "traces", observations: "observations", scores: "v2/scores" } as const;

/** A path parameter that no client could send: a dot and two dots mean the folder. */
export function isReadable({ id }: { readonly id: string }): boolean {
  return id !== "." && id !== ".." && id !== "" && id.length <= 800;
}

export function entityOf(
  project: Project,
  { table, event }: Issued,
): Pick<Entry, "project" | "table" | "id"> {
  return { project, table, id: event.body.id };
}

const lists: readonly (readonly [string, Table | null])[] = [
  ["traces", "traces"],
  ["observations", "observations"],
  ["scores", "scores"],
  ["v2/scores", "scores"],
  ["sessions", null],
];

/** Walks every list of a project to its end: each page must be given, and hold rows of this project only. */
export async function walkLists(
  wire: Wire,
  project: Project,
  rows: readonly ExportedRow[],
): Promise<{ readonly findings: Finding[]; readonly pages: number }> {
  const findings: Finding[] = [];
  let pages = 0;
  const known = new Set(rows.map(({ table, id }) => `${table} ${id}`));
  for (const [list, table] of lists) {
    const problem = (text: string): void =>
      void findings.push({ kind: `list of ${list}`, n: null, text });
    for (let page = 1, last = 1; page <= last; page += 1) {
      const path = `/api/public/${list}?limit=100&page=${page}`;
      const { status, text } = await wire.get(path, basicOf(project));
      pages += 1;
      const body = jsonOf(text);
      if (status !== 200 || !isPage(body)) {
        problem(`GET ${path} gave ${status}: ${text.slice(0, 200)}`);
        break;
      }
      last = Number(body.meta["totalPages"]);
      for (const item of body.data) {
        const isOurs = item["projectId"] === projectIdOf(project);
        const isKnown = table === null || known.has(`${table} ${String(item["id"])}`);
        if (!isOurs || !isKnown)
          problem(`not of this project: ${JSON.stringify(item).slice(0, 200)}`);
      }
    }
  }
  return { findings, pages };
}

/** What a project accepted and could not store. */
export async function deadLettersOf(wire: Wire, project: Project): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  for (let page = 1, last = 1; page <= last; page += 1) {
    const path = `/api/public/x/dead-letters?limit=100&page=${page}`;
    const { status, text } = await wire.get(path, basicOf(project));
    const body = jsonOf(text);
    if (status !== 200 || !isPage(body)) throw new Error(`GET ${path} gave ${status}: ${text}`);
    last = Number(body.meta["totalPages"]);
    letters.push(...(body.data as readonly unknown[] as readonly DeadLetter[]));
  }
  return letters;
}

interface Page {
  readonly data: readonly Readonly<Record<string, unknown>>[];
  readonly meta: Readonly<Record<string, unknown>>;
}

function isPage(body: unknown): body is Page {
  if (!isRecord(body)) return false;
  const { data, meta } = body;
  return Array.isArray(data) && data.every(isRecord) && isRecord(meta);
}

function idIn(text: string): unknown {
  const body = jsonOf(text);
  return isRecord(body) ? body["id"] : undefined;
}
