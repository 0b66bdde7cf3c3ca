import { expect } from "vitest";

import { runSluice } from "../smoke/run-sluice.ts";
import { eventually, project } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import type { SentEvent } from "./clients.ts";
import { bareObservation, bareTrace, momentSince, zeroPrices } from "./expected.ts";

/** Helpers for integrations, which choose ids and times by themselves: what was stated is known from what was sent. */

export interface ShownTrace {
  readonly id: string;
  readonly observations: readonly ShownObservation[];
  readonly [field: string]: unknown;
}

export interface ShownObservation {
  readonly id: string;
  readonly name: string | null;
  readonly endTime: string | null;
  readonly [field: string]: unknown;
}

/** A trace as its route shows it, once it has so many observations and all of them have ended. */
export async function endedTrace(
  server: StartedServer,
  id: string,
  observations: number,
): Promise<ShownTrace> {
  const { body } = await eventually(
    () => server.get(`/api/public/traces/${id}`),
    (answer) => {
      const { observations: shown = [] } = answer.body as Partial<ShownTrace>;
      return shown.length === observations && shown.every(({ endTime }) => endTime !== null);
    },
  );
  return body as ShownTrace;
}

/** Resolves once all is readable that the server has accepted so far: an export waits for it. */
export async function everythingStored(server: StartedServer): Promise<void> {
  const env = { SLUICE_DATA_DIR: server.dataDir };
  const exported = await runSluice(["export", "--project", project.id], env);
  if (exported.code !== 0) throw new Error(`the export failed: ${exported.err}`);
}

/** The one observation of this name. */
export function named({ observations }: ShownTrace, name: string): ShownObservation {
  const found = observations.filter((one) => one.name === name);
  const [only] = found;
  if (only === undefined || found.length > 1) throw new Error(`${found.length} named ${name}`);
  return only;
}

/** The names from the outermost to this observation's own, by parent links. */
export function pathTo(trace: ShownTrace, observation: ShownObservation): (string | null)[] {
  const parent = trace.observations.find(({ id }) => id === observation["parentObservationId"]);
  return [...(parent === undefined ? [] : pathTo(trace, parent)), observation.name];
}

/** Every field of a trace: what nobody states, when it was stored, and what is given. */
export function traceWith(since: number, fields: object): object {
  return {
    ...bareTrace,
    createdAt: momentSince(since),
    updatedAt: momentSince(since),
    timestamp: momentSince(since),
    scores: [],
    totalCost: 0,
    ...fields,
    id: expect.any(String),
    htmlPath: expect.any(String),
    latency: expect.any(Number),
    observations: expect.any(Array),
  };
}

/** Every field of an observation inside of a trace, its times as the events about it state them. */
export function observationWith(
  since: number,
  sent: readonly SentEvent[],
  id: string,
  fields: object,
): object {
  const about = sent.filter(({ type, body }) => type !== "trace-create" && body["id"] === id);
  const startTime = stated(about, "startTime").at(0) ?? "";
  const endTime = stated(about, "endTime").at(-1) ?? "";
  return {
    ...bareObservation,
    ...zeroPrices,
    createdAt: momentSince(since),
    updatedAt: momentSince(since),
    id,
    startTime,
    endTime,
    latency: (Date.parse(endTime) - Date.parse(startTime)) / 1000,
    ...fields,
  };
}

/** What the events state of a time, ascending. */
function stated(events: readonly SentEvent[], field: string): string[] {
  return events
    .map(({ body }) => body[field])
    .filter((time) => typeof time === "string")
    .toSorted();
}
