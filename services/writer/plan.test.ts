import fc from "fast-check";
import { expect, test } from "vitest";

import { entityOf } from "../../schemas/entity-row.ts";
import type { EntityRow } from "../../schemas/entity-row.ts";
import type { Fact } from "../../schemas/facts.ts";
import { placeOf } from "./entity-cache.ts";
import type { Stored } from "./entity-cache.ts";
import { entityKey, neededBy, Plan, rowOfChange, tombstonesOf } from "./plan.ts";
import type { Change, StatedRecord } from "./plan.ts";

const hour = 3_600_000;

/** A table that keeps, for each key, the row of the greatest version, as ReplacingMergeTree does. */
class Table {
  readonly rows = new Map<string, EntityRow>();

  insert(rows: readonly EntityRow[]): void {
    for (const row of rows) {
      const key = JSON.stringify([row.key_hour, "trace_id" in row ? row.trace_id : "", row.id]);
      const held = this.rows.get(key);
      if (!held || BigInt(held.ver) <= BigInt(row.ver)) this.rows.set(key, row);
    }
  }

  /** What the writer's look-up gives: the current version and live rows that a kill left behind. */
  stored(id: string): Stored {
    const [current, ...left] = [...this.rows.values()]
      .filter((row) => row.id === id && (row.is_deleted === 0 || row.deleted_at !== 0))
      .toSorted((a, b) => Number(BigInt(b.ver) - BigInt(a.ver)))
      .map((row) => ({ entity: entityOf("observation", row), ver: BigInt(row.ver) }));
    return current ? { ...current, strays: left.map(({ entity }) => placeOf(entity)) } : null;
  }

  visible(): string[] {
    return [...this.rows.values()]
      .filter((row) => row.is_deleted === 0)
      .map((row) => JSON.stringify({ ...row, ver: "", key_hour: 0, updated_at: 0 }))
      .toSorted();
  }
}

const facts = fc.array(
  fc
    .record({
      id: fc.constantFrom("a", "b"),
      time: fc.integer({ min: 0, max: 3 }),
      event: fc.constantFrom("e1", "e2"),
      start: fc.constantFrom(0, hour, 50 * hour, 200 * hour),
      trace: fc.constantFrom("t1", "t2"),
      name: fc.constantFrom("x", "y"),
    })
    .map(({ id, time, event, start, trace, name }): Fact => ({
      kind: "observation",
      project: "p",
      id,
      receivedAt: 1000 * hour,
      time,
      step: 0,
      event,
      columns: { trace_id: trace, start_time: start, name },
      ranks: {},
      metadata: null,
    })),
  { minLength: 1, maxLength: 12 },
);

function recordsOf(list: readonly Fact[]): StatedRecord[] {
  return list.map((fact, index) => ({ position: BigInt(index + 1), statements: [fact] }));
}

function plan(records: readonly StatedRecord[], load: (id: string) => Stored): Change[] {
  const bases = new Map(
    neededBy(records).map((one) => [one.key, one.kind === "observation" ? load(one.id) : null]),
  );
  const made = new Plan(bases);
  for (const record of records) made.add(record);
  return made.changes();
}

function rowsOf(changes: readonly Change[]): EntityRow[] {
  return changes.flatMap((change) => [
    rowOfChange(change, 0),
    ...tombstonesOf(change, change.left, 0),
  ]);
}

test("any cut into batches, any kill on the way, any replay leaves one row for each id, the same as one batch", () => {
  const step = fc.record({
    back: fc.nat(12),
    size: fc.integer({ min: 1, max: 5 }),
    killed: fc.constantFrom("no", "between the inserts", "before the commit"),
  });
  fc.assert(
    fc.property(facts, fc.array(step), (list, steps) => {
      const log = recordsOf(list);
      const once = new Table();
      once.insert(rowsOf(plan(log, () => null)));

      const table = new Table();
      let committed = 0;
      for (const { back, size, killed } of [
        ...steps,
        { back: 0, size: log.length, killed: "no" },
      ]) {
        const from = Math.max(committed - back, 0);
        const changes = plan(log.slice(from, from + size), (id) => table.stored(id));
        table.insert(changes.map((change) => rowOfChange(change, 0)));
        if (killed === "between the inserts") continue;
        table.insert(changes.flatMap((change) => tombstonesOf(change, change.left, 0)));
        if (killed === "no") committed = Math.max(committed, Math.min(from + size, log.length));
      }
      expect(table.visible()).toEqual(once.visible());
    }),
    { numRuns: 2000 },
  );
});

test("a stalled writer that inserts late, cut elsewhere, changes nothing that is visible", () => {
  fc.assert(
    fc.property(facts, fc.nat(), fc.nat(), (list, from, to) => {
      const log = recordsOf(list);
      const start = from % (log.length + 1);
      const end = start + (to % (log.length + 1 - start));
      const table = new Table();
      table.insert(rowsOf(plan(log.slice(0, start), () => null)));
      const late = rowsOf(plan(log.slice(start, end), (id) => table.stored(id)));
      table.insert(rowsOf(plan(log.slice(start), (id) => table.stored(id))));
      const before = table.visible();
      table.insert(late);
      expect(table.visible()).toEqual(before);
    }),
    { numRuns: 2000 },
  );
});

test("write-api §3.8: an id keeps its other project's row out of its own", () => {
  const [fact] = fc.sample(facts, 1)[0] ?? [];
  if (!fact) throw new Error("no sample");
  const records: StatedRecord[] = [
    {
      position: 1n,
      statements: [{ ...fact, project: "p", columns: { ...fact.columns, name: "mine" } }],
    },
    {
      position: 2n,
      statements: [{ ...fact, project: "q", columns: { ...fact.columns, name: "theirs" } }],
    },
  ];
  const rows = rowsOf(plan(records, () => null));
  expect(rows.map((row) => [row.project_id, "name" in row && row.name])).toEqual([
    ["p", "mine"],
    ["q", "theirs"],
  ]);
});

test("write-api §3.8: a trace, an observation and a score may share an id", () => {
  const [fact] = fc.sample(facts, 1)[0] ?? [];
  if (!fact) throw new Error("no sample");
  const kinds = ["trace", "observation", "score"] as const;
  const columns = { timestamp: 0, start_time: 0, trace_id: "i" };
  const records = recordsOf(kinds.map((kind) => ({ ...fact, kind, id: "i", columns })));
  expect(plan(records, () => null).map(({ key }) => key)).toEqual(
    kinds.map((kind) => entityKey(kind, "p", "i")),
  );
  expect(new Set(kinds.map((kind) => entityKey(kind, "p", "i"))).size).toBe(3);
});

test("write-api §3.9: a deleted trace takes with it what belongs to it and was received until then, and nothing later", () => {
  const [fact] = fc.sample(facts, 1)[0] ?? [];
  if (!fact) throw new Error("no sample");
  const deletion = { kind: "trace", project: "p", id: "t1", deletedAt: 50 } as const;
  const of = (id: string, receivedAt: number): Fact => ({
    ...fact,
    id,
    receivedAt,
    columns: { ...fact.columns, trace_id: "t1" },
  });
  const records: StatedRecord[] = [
    { position: 1n, statements: [deletion] },
    { position: 2n, statements: [of("behind", 50)] },
    { position: 3n, statements: [of("after", 51)] },
  ];
  const changes = plan(records, () => null);
  expect(changes.map((change) => change.key)).toEqual([
    entityKey("trace", "p", "t1"),
    entityKey("observation", "p", "after"),
  ]);
});
