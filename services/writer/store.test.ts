import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { openEmbedded } from "../../clickhouse/embedded.ts";
import { DbError } from "../../clickhouse/engine.ts";
import type { Db } from "../../clickhouse/engine.ts";
import { migrate } from "../../clickhouse/migrate.ts";
import { exportProject } from "../../clickhouse/queries/export.ts";
import type { ColumnValue, Fact } from "../../schemas/facts.ts";
import { ModelBook } from "../../schemas/model-book.ts";
import { entityCache } from "./entity-cache.ts";
import { idFilter } from "./id-filter.ts";
import type { StatedRecord } from "./plan.ts";
import { pricer } from "./pricer.ts";
import { storeAround, storeRecords } from "./store.ts";
import type { StoreDeps } from "./store.ts";
import { turnTaker } from "./turns.ts";

const hour = 3_600_000;
const start = Date.UTC(2026, 0, 31, 22);

let directory: string;
let db: Db;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "sluice-store-"));
  db = await openEmbedded({ directory, readers: 1, memoryBytesMax: 2 ** 31, readDefaults: {} });
  await migrate(db);
});

afterAll(async () => {
  await db.close();
  await rm(directory, { recursive: true });
});

/** The price changes with the configuration, and the records know different states of it. */
const models = new ModelBook();
for (const position of [1, 3, 6]) {
  const prices = { input: `0.0${position}` };
  const standard = { id: "t", name: "Standard", priority: 0, conditions: [], prices };
  models.set(
    null,
    {
      id: "m",
      modelName: "m",
      matchPattern: "^m$",
      startDate: null,
      unit: "TOKENS",
      tokenizerId: null,
      tokenizerConfig: null,
      tiers: [standard],
      rank: 1,
    },
    0,
    position,
  );
}

/** A writer that has just started: nothing in its cache, and a filter that covers nothing. */
function coldWriter(on: Db = db): StoreDeps {
  return {
    db: on,
    cache: entityCache(1 << 20),
    filter: idFilter(0),
    price: pricer(models, null),
    turn: turnTaker()(0),
    now: () => 1,
  };
}

function fact(
  project: string,
  id: string,
  columns: Record<string, ColumnValue>,
  rest: Partial<Fact> = {},
): Fact {
  return {
    kind: "observation",
    project,
    id,
    receivedAt: start,
    time: start,
    step: 0,
    event: "e",
    columns: { trace_id: "t", start_time: start, ...columns },
    ranks: {},
    metadata: null,
    ...rest,
  };
}

function recordsOf(facts: readonly Fact[]): StatedRecord[] {
  return facts.map((one, index) => ({ position: BigInt(index + 1), statements: [one] }));
}

async function exported(project: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of exportProject(db, project)) lines.push(line);
  return lines.toSorted();
}

async function exportedIds(project: string): Promise<string[]> {
  return (await exported(project)).map((line) => String(JSON.parse(line).id)).toSorted();
}

/** Deterministic facts of several entities of all kinds, with moves over hours and months and every kind of value. */
function manyFacts(project: string): Fact[] {
  return Array.from({ length: 120 }, (_, index): Fact => {
    const kind = (["trace", "observation", "score"] as const)[index % 3] ?? "trace";
    const time = start + (index % 7) * 30 * hour;
    const columns: Record<string, ColumnValue> =
      kind === "trace"
        ? {
            timestamp: time,
            name: `n${index}`,
            tags: [`t${index % 5}`],
            public: index % 2 === 0,
            input: '{"a":"\\u0000é😀"}',
          }
        : kind === "observation"
          ? {
              trace_id: `t${index % 2}`,
              start_time: time,
              end_time: index % 4 ? time + index : null,
              provided_usage: { input: index, output: 2 ** 40 },
              usage_attributes: index % 2 ? {} : { "metadata.plan": "free" },
              registry_position: index % 9,
              ...(index % 4 === 1 && {
                provided_cost: { input: "0.000000000001", output: "12.5" },
              }),
              ...(index % 5 !== 0 && { model: "m" }),
              prompt_name: "p",
              prompt_version: index,
            }
          : {
              trace_id: "t",
              timestamp: time,
              data_type: "NUMERIC",
              value: index / 7,
              string_value: "",
            };
    return {
      kind,
      project,
      id: `${kind}${index % 4}`,
      receivedAt: start + index,
      time: start + ((index * 37) % 50),
      step: index % 2 ? 1 : 0,
      event: `e${index % 11}`,
      columns,
      ranks: {},
      metadata:
        index % 3
          ? ({ [`k${index % 4}`]: `v${index}`, __proto__: null } as unknown as Record<
              string,
              string
            >)
          : null,
    };
  });
}

test("rows merged in pieces by writers that have just started equal those merged at once", async () => {
  await storeRecords(coldWriter(), recordsOf(manyFacts("at-once")));
  const pieces = recordsOf(manyFacts("in-pieces"));
  for (let at = 0; at < pieces.length; at += 7) {
    await storeRecords(coldWriter(), pieces.slice(Math.max(0, at - 5), at + 7));
  }
  const once = await exported("at-once");
  expect(once.length).toBeGreaterThan(8);
  expect(await exported("in-pieces")).toEqual(once);
});

test("what changes nothing writes nothing", async () => {
  const writer = coldWriter();
  const records = recordsOf(manyFacts("replayed"));
  await storeRecords(writer, records);
  const before = await exported("replayed");
  expect(await storeRecords(writer, records)).toEqual([]);
  expect(await storeRecords(coldWriter(), records)).toEqual([]);
  expect(await exported("replayed")).toEqual(before);
});

test("a record that can never be stored leaves the others of its batch stored", async () => {
  const good = Array.from({ length: 20 }, (_, index) =>
    fact("bisected", `o${index}`, { name: "fine" }),
  );
  const bad = fact("bisected", "bad", { end_time: "not a time" });
  const records = recordsOf([...good.slice(0, 13), bad, ...good.slice(13)]);
  const { refused } = await storeAround(coldWriter(), records, false);
  expect(refused.map(({ record }) => record.position)).toEqual([14n]);
  expect(await exported("bisected")).toHaveLength(20);
});

test("a refusal that may pass stops the batch, and leaves the writer as it was", async () => {
  const writer = coldWriter({
    ...db,
    query: db.query.bind(db),
    insert: () => Promise.reject(new DbError("transient", 241, "no memory")),
  });
  const records = recordsOf([fact("refused", "o", {})]);
  await expect(storeAround(writer, records, false)).rejects.toThrow(DbError);
  expect(await exported("refused")).toEqual([]);
  await storeAround({ ...writer, db }, records, false);
  expect(await exported("refused")).toHaveLength(1);
});

test("write-api §3.9: a deleted trace takes its observations and scores with it, stored and just received, and nothing of another", async () => {
  const writer = coldWriter();
  const of = (kind: Fact["kind"], id: string, trace: string, receivedAt: number): Fact => {
    const columns =
      kind === "trace"
        ? { timestamp: start }
        : { trace_id: trace, start_time: start, timestamp: start };
    return { ...fact("deleted", id, columns), kind, receivedAt };
  };
  const before = [
    of("trace", "t1", "t1", start),
    of("observation", "o1", "t1", start),
    of("score", "s1", "t1", start),
    of("observation", "kept", "t2", start),
  ];
  await storeRecords(writer, recordsOf(before));
  const deletion = { kind: "trace", project: "deleted", id: "t1", deletedAt: start + 10 } as const;
  const after: StatedRecord[] = [
    { position: 10n, statements: [of("observation", "same batch", "t1", start + 5)] },
    { position: 11n, statements: [deletion] },
    { position: 12n, statements: [of("observation", "late replay", "t1", start + 9)] },
    { position: 13n, statements: [of("observation", "new life", "t1", start + 11)] },
  ];
  await storeRecords(writer, after);
  expect(await exportedIds("deleted")).toEqual(["kept", "new life"]);

  await storeRecords(coldWriter(), [...recordsOf(before), ...after]);
  expect(await exportedIds("deleted")).toEqual(["kept", "new life"]);
});
