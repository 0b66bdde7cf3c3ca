import fc from "fast-check";
import { expect, test } from "vitest";
import { sortedRecord } from "./canonical.ts";
import { rank, step } from "./clock.ts";
import type { Rank } from "./clock.ts";
import { entityOf, rowOf } from "./entity-row.ts";
import type { ColumnValue, Fact, Kind } from "./facts.ts";
import { laws, mergeDeletion, mergeFact, timeColumn } from "./merge.ts";
import type { Entity } from "./merge.ts";

/** Of each law, for each kind. */
const runs = 2000;

const sample: Readonly<Record<string, fc.Arbitrary<ColumnValue>>> = {
  tags: fc.array(fc.constantFrom("a", "b", "ü", "B"), { maxLength: 3 }),
  public: fc.boolean(),
  marked_root: fc.boolean(),
  bookmarked: fc.boolean(),
  value: fc.constantFrom(0, 1, 0.1, -2.5, 1e21),
  prompt_version: fc.constantFrom(null, 1, 2),
  end_time: fc.constantFrom(null, 5, 7_200_000),
  completion_start_time: fc.constantFrom(null, 5, 6),
  provided_usage: fc.constantFrom({}, { input: 3 }, { input: 1, output: 2 }),
  usage_attributes: fc.constantFrom({}, { "metadata.plan": "a" }, { "metadata.plan": "b" }),
  provided_cost: fc.constantFrom({}, { input: "0.5" }, { other: "1" }),
  registry_position: fc.constantFrom(0, 3, 12),
  type: fc.constantFrom("SPAN", "GENERATION", "AGENT"),
};
const anyText = fc.constantFrom("", "x", "y", "z");
const anyRank = fc.constantFrom(...Object.values(rank));

function factsOf(kind: Kind): fc.Arbitrary<Fact[]> {
  const columns: Record<string, fc.Arbitrary<ColumnValue>> = {};
  const together: string[][] = [];
  for (const unit of laws[kind]) {
    together.push([...unit.columns]);
    for (const column of unit.columns) columns[column] = sample[column] ?? anyText;
  }
  const time = timeColumn[kind];
  // Hours apart, so that keys move; few distinct moments, so that clocks tie.
  columns[time] = fc.constantFrom(0, 3_600_000, 100 * 3_600_000, 101 * 3_600_000);
  const anyFact = fc.record({
    receivedAt: fc.integer({ min: 1, max: 5 }),
    time: fc.integer({ min: 0, max: 2 }),
    step: fc.constantFrom(step.create, step.update, step.end),
    event: fc.constantFrom("e1", "e2", "e3"),
    stated: fc.record(columns),
    named: fc.subarray(together),
    ranks: fc.record(
      Object.fromEntries([...together.map(([first]) => [first, anyRank]), ["metadata", anyRank]]),
      { requiredKeys: [] },
    ),
    metadata: fc.option(
      fc.dictionary(fc.constantFrom("a", "b", "10", "__proto__", "toString"), anyText),
    ),
  });
  return fc.array(
    anyFact.map(({ stated, named, ranks, ...rest }): Fact => {
      const columnsStated = Object.fromEntries(
        named.flat().map((column) => [column, stated[column] ?? ""]),
      );
      return {
        ...rest,
        kind,
        project: "p",
        id: "i",
        ranks,
        columns: { ...columnsStated, [time]: stated[time] ?? 0 },
        metadata: rest.metadata && Object.assign(Object.create(null), rest.metadata),
      };
    }),
    { minLength: 1, maxLength: 7 },
  );
}

function merged(facts: readonly Fact[], base: Entity | null = null): Entity | null {
  return facts.reduce(mergeFact, base);
}

/** The row as it comes back from the database. */
function stored(entity: Entity | null): Entity | null {
  if (!entity) return null;
  return entityOf(entity.kind, JSON.parse(JSON.stringify(rowOf(entity, 1n, 0))));
}

/** Everything of a row but its place and its position, as bytes: what a table holds, whatever was left out of the insert. */
function content(entity: Entity | null): string {
  if (!entity) return "";
  const columns = Object.entries(rowOf({ ...entity, keyHour: 0 }, 1n, 0));
  return JSON.stringify(
    sortedRecord(Object.fromEntries(columns.filter(([, value]) => !isDefault(value)))),
  );
}

/** Every column's default is the empty value of its type. */
function isDefault(value: unknown): boolean {
  return !value || JSON.stringify(value) === "[]" || JSON.stringify(value) === "{}";
}

for (const kind of ["trace", "observation", "score"] as const) {
  test(`write-api §3.1: a ${kind} is the same row in any order of its facts, with any repeats`, () => {
    const shuffled = factsOf(kind).chain((facts) =>
      fc.tuple(
        fc.constant(facts),
        fc.array(fc.constantFrom(...facts), { maxLength: 6 }).chain((repeats) =>
          fc.shuffledSubarray([...facts, ...repeats], {
            minLength: facts.length + repeats.length,
          }),
        ),
      ),
    );
    fc.assert(
      fc.property(shuffled, ([facts, again]) => {
        expect(content(merged(again))).toBe(content(merged(facts)));
      }),
      { numRuns: runs },
    );
  });

  test(`a ${kind} is the same row in any split into batches, read back from its row in between`, () => {
    fc.assert(
      fc.property(factsOf(kind), fc.nat(), (facts, at) => {
        const cut = at % (facts.length + 1);
        const cold = merged(facts.slice(cut), stored(merged(facts.slice(0, cut))));
        expect(content(cold)).toBe(content(merged(facts)));
      }),
      { numRuns: runs },
    );
  });

  test(`write-api §3.9: replaying any part of a ${kind}'s facts, deletes among them, changes nothing`, () => {
    fc.assert(
      fc.property(factsOf(kind), fc.nat(), fc.nat(), (facts, deleteAt, replayFrom) => {
        // Receipts grow along the log, as the gateway makes them.
        const log = facts.map((one, index) => ({ ...one, receivedAt: 10 + 2 * index }));
        const deletedAt = 9 + 2 * (deleteAt % (facts.length + 1));
        const play = (base: Entity | null, from: number): Entity | null => {
          let entity = base;
          for (const next of log.slice(from)) {
            if (next.receivedAt === deletedAt + 1)
              entity = mergeDeletion(entity, { kind, project: "p", id: "i", deletedAt });
            entity = mergeFact(entity, next);
          }
          return entity;
        };
        const once = play(null, 0);
        const from = replayFrom % (facts.length + 1);
        expect(play(once, from)).toBe(once);
        expect(content(play(stored(once), from))).toBe(content(once));
      }),
      { numRuns: runs },
    );
  });
}

test("each unit has a letter of its own, none is the letter of metadata, and every first column is named once", () => {
  for (const units of Object.values(laws)) {
    const letters = units.map((unit) => unit.letter);
    expect(new Set([...letters, "m"]).size).toBe(letters.length + 1);
    const columns = units.flatMap((unit) => unit.columns);
    expect(new Set(columns).size).toBe(columns.length);
  }
});

function fact(columns: Fact["columns"], rest: Partial<Fact> = {}): Fact {
  return {
    kind: "observation",
    project: "p",
    id: "i",
    receivedAt: 1,
    time: 1,
    step: 0,
    event: "e",
    columns: { start_time: 0, ...columns },
    ranks: {},
    metadata: null,
    ...rest,
  };
}

test("write-api §8.1: what a client said outweighs a default, whichever came first", () => {
  const early = fact(
    { environment: "default" },
    { time: 1, ranks: { environment: rank.defaulted } },
  );
  const late = fact({ environment: "prod" }, { time: 2 });
  expect(merged([early, late])?.columns["environment"]).toBe("prod");
  expect(merged([late, early])?.columns["environment"]).toBe("prod");
});

function implied(name: string, time: number, at: Rank): Fact {
  return fact({ name }, { time, event: name, ranks: { name: at } });
}

function nameAfter(...facts: Fact[]): ColumnValue | undefined {
  return merged(facts)?.columns["name"];
}

test("what spans imply for their trace counts by where they stand, and among equals the first to start counts", () => {
  const child = implied("child", 1, rank.child);
  const marked = implied("marked", 2, rank.markedRoot);
  const root = implied("root", 4, rank.root);
  const second = implied("second root", 5, rank.root);
  const twin = implied("twin of the root", 4, rank.root);
  const stated = implied("stated", 0, rank.explicit);
  expect(nameAfter(marked, child)).toBe("marked");
  expect(nameAfter(marked, second, child, root)).toBe("root");
  expect(nameAfter(twin, root)).toBe("root");
  expect(nameAfter(stated, second, root)).toBe("stated");
});

test("metadata that a span implies gives way to metadata that was stated, key by key", () => {
  const weak = fact({}, { time: 9, ranks: { metadata: rank.root }, metadata: { a: "1", b: "1" } });
  const stated = fact({}, { time: 1, metadata: { b: "2" } });
  expect({ ...merged([stated, weak])?.metadata }).toEqual({ a: "1", b: "2" });
  expect({ ...merged([weak, stated])?.metadata }).toEqual({ a: "1", b: "2" });
});

test("write-api §8.3: in one millisecond an update comes after its create", () => {
  const create = fact({ name: "created" }, { step: step.create, event: "z" });
  const update = fact({ name: "updated" }, { step: step.update, event: "a" });
  expect(merged([update, create])?.columns["name"]).toBe("updated");
});

test("in one millisecond the update that ends an observation comes after its other updates", () => {
  const update = fact({ output: "partial" }, { step: step.update, event: "z" });
  const end = fact({ output: "final" }, { step: step.end, event: "a" });
  expect(merged([end, update])?.columns["output"]).toBe("final");
  expect(merged([update, end])?.columns["output"]).toBe("final");
});

test("write-api §8.10: a later value of a metadata key replaces that key alone", () => {
  const first = fact({}, { metadata: { a: '{"x":1}', l: "[1,2,3]" } });
  const second = fact({}, { time: 2, metadata: { l: "[9]" } });
  expect({ ...merged([second, first])?.metadata }).toEqual({ a: '{"x":1}', l: "[9]" });
});

test("write-api §3.9: a delete kills what was received until then and nothing later", () => {
  const before = merged([fact({ name: "old", level: "ERROR" }, { receivedAt: 5, time: 9 })]);
  const gone = mergeDeletion(before, { kind: "observation", project: "p", id: "i", deletedAt: 6 });
  expect(gone.live).toBe(false);
  expect(mergeFact(gone, fact({ name: "late replay" }, { receivedAt: 6 }))).toBe(gone);
  const again = mergeFact(gone, fact({ name: "new" }, { receivedAt: 7 }));
  expect(again).toMatchObject({ live: true, createdAt: 7, deletedAt: 6, columns: { name: "new" } });
  expect(again?.columns["level"]).toBeUndefined();
});

test("the key hour stays while the time is within a day of it, and moves beyond", () => {
  const hour = 3_600_000;
  const receivedAt = 1000 * hour;
  const base = merged([fact({ start_time: 500 * hour }, { receivedAt })]);
  expect(base?.keyHour).toBe(500 * hour);
  expect(merged([fact({ start_time: 476 * hour }, { receivedAt })], base)?.keyHour).toBe(
    500 * hour,
  );
  expect(merged([fact({ start_time: 475 * hour }, { receivedAt })], base)?.keyHour).toBe(
    475 * hour,
  );
});
