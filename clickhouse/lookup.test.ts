import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { ObservationRow, ScoreRow, TraceRow } from "../schemas/rows.ts";
import type { Db } from "./engine.ts";
import { insertRows } from "./insert.ts";
import { allIds, greatestVer, lookupRows } from "./lookup.ts";
import type { EntityId, EntityTable } from "./lookup.ts";
import { migrate } from "./migrate.ts";
import {
  hostileTexts,
  observationRow,
  openTestDb,
  scoreRow,
  someHour,
  traceRow,
} from "./testing.ts";

let db: Db;

beforeAll(async () => {
  db = await openTestDb();
  await migrate(db);
});

afterEach(async () => {
  for (const table of ["traces", "observations", "scores", "parked_records"]) {
    await db.exec(`TRUNCATE TABLE sluice.${table}`);
  }
});

afterAll(() => db.close());

const extremeTimes = [
  0,
  1,
  -1,
  999,
  -2_208_988_800_000, // 1900
  10_413_791_999_999, // the end of 2299
  -62_135_596_800_000, // year 1
  253_402_300_799_999, // the end of year 9999
  Number.MAX_SAFE_INTEGER,
  Number.MIN_SAFE_INTEGER,
];
const extremeHours = [0, 3600, someHour, Date.UTC(2106, 0, 1) / 1000];
const extremeCounts = [0, 1, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER];
const extremeDecimals = [
  "0",
  "0.000000000001",
  "-1.5",
  "123.456789012345",
  "12345678901234567890123456.123456789012",
  "-99999999999999999999999999.999999999999",
];

function pick<Value>(values: readonly Value[], n: number): Value {
  const value = values[n % values.length];
  if (value === undefined) throw new Error("nothing to pick from");
  return value;
}

/** Values that a careless path through JSON, SQL or ClickHouse would bend, in every column of a row. */
function hostileShared(n: number) {
  const text = pick(hostileTexts, n);
  const time = pick(extremeTimes, n);
  return {
    project_id: n % 5 === 0 ? text : "project-1",
    key_hour: pick(extremeHours, n),
    id: `${n} ${text}`,
    environment: text,
    metadata: { [text]: text, "": text, __proto: "x", ["__proto__"]: "y", constructor: "z" },
    key_id: text,
    sdk_name: text,
    sdk_version: text,
    created_at: time,
    updated_at: pick(extremeTimes, n + 1),
    clocks: text,
    deleted_at: pick(extremeTimes, n + 2),
    ver: pick(["0", "1", "281474976710656", "9007199254740993", "18446744073709551615"], n),
    is_deleted: n % 2 === 0 ? 0 : 1,
  } as const;
}

function hostileTrace(n: number): TraceRow {
  const text = pick(hostileTexts, n);
  return traceRow({
    ...hostileShared(n),
    timestamp: pick(extremeTimes, n + 3),
    name: text,
    user_id: text,
    session_id: text,
    release: text,
    version: text,
    tags: n % 3 === 0 ? [] : [text, "plain"],
    public: n % 2 === 0,
    bookmarked: n % 3 === 0,
    input: text,
    output: text,
  });
}

function hostileObservation(n: number): ObservationRow {
  const text = pick(hostileTexts, n);
  const counts = { [text]: pick(extremeCounts, n), input: pick(extremeCounts, n + 1) };
  const costs = { [text]: pick(extremeDecimals, n), input: pick(extremeDecimals, n + 1) };
  return observationRow({
    ...hostileShared(n),
    trace_id: text,
    parent_id: text,
    type: text,
    name: text,
    start_time: pick(extremeTimes, n + 3),
    end_time: n % 3 === 0 ? null : pick(extremeTimes, n + 4),
    completion_start_time: n % 4 === 0 ? null : pick(extremeTimes, n + 5),
    version: text,
    level: text,
    status_message: text,
    input: text,
    output: text,
    model: text,
    model_params: text,
    prompt_name: text,
    prompt_version: n % 3 === 0 ? null : 4_294_967_295 - n,
    provided_usage: n % 3 === 0 ? {} : counts,
    usage_attributes: n % 3 === 0 ? {} : { [text]: text },
    provided_cost: n % 3 === 0 ? {} : costs,
    registry_position: pick(extremeCounts, n),
    model_id: text,
    prompt_id: text,
    pricing: text,
    usage_details: counts,
    cost_details: costs,
    tok_in: pick(extremeCounts, n),
    tok_out: pick(extremeCounts, n + 1),
    tok_total: pick(extremeCounts, n + 2),
    total_cost: n % 3 === 0 ? null : pick(extremeDecimals, n),
  });
}

function hostileScore(n: number): ScoreRow {
  const text = pick(hostileTexts, n);
  return scoreRow({
    ...hostileShared(n),
    trace_id: text,
    timestamp: pick(extremeTimes, n + 3),
    observation_id: text,
    session_id: text,
    dataset_run_id: text,
    name: text,
    source: text,
    data_type: text,
    value: pick([0, 0.1, -1.5e300, 5e-324, Number.MAX_VALUE, 2 ** 53], n),
    string_value: text,
    comment: text,
    config_id: text,
    queue_id: text,
    execution_trace_id: text,
    author_user_id: text,
  });
}

function idOf(row: { project_id: string; id: string }): EntityId {
  return { project: row.project_id, id: row.id };
}

function byId<Row extends { id: string }>(rows: readonly Row[]): Row[] {
  return rows.toSorted((left, right) => (left.id < right.id ? -1 : 1));
}

async function idsIn(table: EntityTable): Promise<EntityId[]> {
  const ids: EntityId[] = [];
  for await (const chunk of allIds(db, table)) ids.push(...chunk);
  return ids;
}

const hostileRowOf = {
  traces: hostileTrace,
  observations: hostileObservation,
  scores: hostileScore,
} as const;

for (const table of ["traces", "observations", "scores"] as const) {
  test(`every column of ${table} comes back as it was inserted, whatever it holds`, async () => {
    const rows = hostileTexts.map((_, n) => hostileRowOf[table](n));
    await insertRows(db, table, rows);
    expect(byId(await lookupRows(db, table, rows.map(idOf)))).toEqual(byId(rows));
  });
}

test("what came back and is inserted again is the same row", async () => {
  const rows = hostileTexts.map((_, n) => hostileObservation(n));
  await insertRows(db, "observations", rows);
  const first = await lookupRows(db, "observations", rows.map(idOf));
  await insertRows(db, "observations", first);
  const second = await lookupRows(db, "observations", rows.map(idOf));
  expect(byId(second)).toEqual(byId(rows));
});

test("the row of the greatest version is found, whatever the order of arrival and merging", async () => {
  for (const ver of ["3", "9007199254740993", "9007199254740992", "1"]) {
    await insertRows(db, "traces", [traceRow({ ver, name: `version ${ver}` })]);
  }
  const ids = [{ project: "project-1", id: "id-1" }];
  expect(await lookupRows(db, "traces", ids)).toEqual([
    traceRow({ ver: "9007199254740993", name: "version 9007199254740993" }),
  ]);
  await db.exec("OPTIMIZE TABLE sluice.traces FINAL");
  expect(await lookupRows(db, "traces", ids)).toHaveLength(1);
});

test("a deleted row is hidden from FINAL and found by a look-up, also after merging", async () => {
  const deleted = traceRow({ ver: "2", is_deleted: 1, deleted_at: 5 });
  await insertRows(db, "traces", [traceRow({ ver: "1" }), deleted]);
  await insertRows(db, "traces", [traceRow({ ver: "1" })]);
  for (let repeat = 0; repeat < 2; repeat++) {
    expect(await db.query("SELECT id FROM sluice.traces FINAL")).toEqual([]);
    const found = await lookupRows(db, "traces", [{ project: "project-1", id: "id-1" }]);
    expect(found).toEqual([deleted]);
    await db.exec("OPTIMIZE TABLE sluice.traces FINAL");
  }
  expect(await idsIn("traces")).toEqual([{ project: "project-1", id: "id-1" }]);
});

test("a row that moved to another month is seen once, and a late replay of the old one does not bring it back", async () => {
  const old = observationRow({ ver: "1", key_hour: someHour });
  const moved = observationRow({ ver: "2", key_hour: someHour + 90 * 86_400, name: "moved" });
  const tombstone = observationRow({ ver: "2", key_hour: someHour, is_deleted: 1 });
  await insertRows(db, "observations", [old]);
  await insertRows(db, "observations", [moved, tombstone]);
  await insertRows(db, "observations", [old]);
  for (let repeat = 0; repeat < 2; repeat++) {
    expect(await db.query("SELECT id, name FROM sluice.observations FINAL")).toEqual([
      { id: "id-1", name: "moved" },
    ]);
    const found = await lookupRows(db, "observations", [{ project: "project-1", id: "id-1" }]);
    expect(found.toSorted((left, right) => left.key_hour - right.key_hour)).toEqual([
      tombstone,
      moved,
    ]);
    await db.exec("OPTIMIZE TABLE sluice.observations FINAL");
  }
});

test("versions of one key that come in one insert, in any order, leave the greatest", async () => {
  const versions = ["2", "10", "9"].map((ver) => scoreRow({ ver, name: ver }));
  for (const rows of [versions, versions.toReversed()]) {
    await insertRows(db, "scores", rows);
    expect(await lookupRows(db, "scores", [{ project: "project-1", id: "id-1" }])).toEqual([
      scoreRow({ ver: "10", name: "10" }),
    ]);
    expect(await db.query("SELECT name FROM sluice.scores FINAL")).toEqual([{ name: "10" }]);
  }
});

test("an observation under two traces has a row for each, as both are keys", async () => {
  const rows = [observationRow({ trace_id: "a" }), observationRow({ trace_id: "b" })];
  await insertRows(db, "observations", rows);
  const found = await lookupRows(db, "observations", [{ project: "project-1", id: "id-1" }]);
  expect(found.map((row) => row.trace_id).toSorted()).toEqual(["a", "b"]);
});

test("one look-up serves many projects, and never gives one project the other's row of that id", async () => {
  const rows = ["a", "b", "c"].map((project_id) => traceRow({ project_id, name: project_id }));
  await insertRows(db, "traces", rows);
  const found = await lookupRows(db, "traces", [
    { project: "a", id: "id-1" },
    { project: "b", id: "other" },
    { project: "c", id: "id-1" },
    { project: "' OR '1' = '1", id: "id-1" },
  ]);
  expect(found.map((row) => row.name).toSorted()).toEqual(["a", "c"]);
});

test("more ids than one statement takes are all found, each once, and unknown ones are absent", async () => {
  const rows = Array.from({ length: 1234 }, (_, n) => traceRow({ id: `id-${n}` }));
  await insertRows(db, "traces", rows);
  const ids = rows.flatMap(({ id }) => [id, `${id}-unknown`]);
  const found = await lookupRows(
    db,
    "traces",
    ids.map((id) => ({ project: "project-1", id })),
  );
  expect(byId(found)).toEqual(byId(rows));
  expect(await lookupRows(db, "traces", [])).toEqual([]);
});

test("five hundred ids of the greatest length fit one statement", async () => {
  const rows = Array.from({ length: 500 }, (_, n) =>
    traceRow({ id: `${1000 + n}${"🧑'\\".repeat(199)}` }),
  );
  await insertRows(db, "traces", rows);
  expect(await lookupRows(db, "traces", rows.map(idOf))).toHaveLength(500);
});

test("all ids are listed, of every project, hour and month", async () => {
  const rows = Array.from({ length: 6000 }, (_, n) =>
    scoreRow({
      id: `id-${n}`,
      project_id: `project-${n % 3}`,
      key_hour: someHour + (n % 50) * 86_400,
      is_deleted: n % 7 === 0 ? 1 : 0,
    }),
  );
  await insertRows(db, "scores", rows);
  const listed = (await idsIn("scores")).map(({ project, id }) => `${project} ${id}`);
  expect(listed.toSorted()).toEqual(rows.map((row) => `${row.project_id} ${row.id}`).toSorted());
  expect(await idsIn("traces")).toEqual([]);
});

test("the greatest version is the greatest of rows and parked records, as a 64-bit integer", async () => {
  expect(await greatestVer(db)).toBe(0n);
  await insertRows(db, "traces", [traceRow({ ver: "9007199254740993" })]);
  await insertRows(db, "observations", [observationRow({ ver: "5", is_deleted: 1 })]);
  expect(await greatestVer(db)).toBe(9_007_199_254_740_993n);
  const parked = {
    project_id: "",
    partition: 0,
    ver: "18446744073709551615",
    received_at: 0,
    parked_at: 0,
    reason: "refused",
    detail: "",
    record: "",
  };
  await insertRows(db, "parked_records", [parked]);
  expect(await greatestVer(db)).toBe(18_446_744_073_709_551_615n);
});
