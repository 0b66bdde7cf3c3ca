import { expect } from "vitest";

import { entityOf, rowOf } from "../entity-row.ts";
import type { Fact } from "../facts.ts";
import { mergeFact } from "../merge.ts";
import type { Entity } from "../merge.ts";
import type { RecordHeader } from "../records.ts";
import type { ObservationRow, ScoreRow, TraceRow } from "../rows.ts";
import { langfuseFacts } from "./langfuse-facts.ts";
import { validateEvent } from "./langfuse.ts";

/** Langfuse events for tests, and the rows that they become. */

export const receivedAt = Date.parse("2026-03-01T12:00:00.000Z");
/** The envelope time of an event that is sent `at` 0. */
export const firstMoment = receivedAt - 1000;

const header: RecordHeader = {
  project: "p",
  dialect: "langfuse",
  receivedAt,
  keyId: "pk",
  sdkName: "langfuse-js",
  sdkVersion: "3.39.2",
  registry: "0",
};

export interface Sent {
  readonly type: string;
  /** Milliseconds after the first moment. */
  readonly at?: number;
  /** Of the envelope. */
  readonly id?: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What one event states; null when it names no entity. Throws when the event is refused. */
export function factsOf({ type, at = 0, id = `e${at}`, body }: Sent): readonly Fact[] | null {
  const timestamp = new Date(firstMoment + at).toISOString();
  const validated = validateEvent({ id, type, timestamp, body });
  if (!validated.ok) throw new Error(JSON.stringify(validated.issues));
  return langfuseFacts(header, validated.event);
}

/** Wide enough for all three kinds: what a test asks of it is of its own kind. */
export type AnyRow = Partial<TraceRow & ObservationRow & ScoreRow>;

/** The row after these events of one entity, having checked that it is the same in the reverse order of arrival. */
export function rowAfter(events: readonly Sent[]): AnyRow {
  const facts = events.flatMap((event) => factsOf(event) ?? []);
  const fold = (list: typeof facts): Entity | null => list.reduce<Entity | null>(mergeFact, null);
  const entity = fold(facts);
  if (!entity) throw new Error("no entity");
  const row = rowOf({ ...entity, keyHour: 0 }, 1n, 0);
  const backwards = fold(facts.toReversed());
  expect(backwards && rowOf({ ...backwards, keyHour: 0 }, 1n, 0)).toEqual(row);
  expect(rowOf(entityOf(entity.kind, row), 1n, 0)).toEqual(row);
  return row;
}
