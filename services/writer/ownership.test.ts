import { setTimeout as pause } from "node:timers/promises";
import { crc32 } from "node:zlib";

import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";

import type { Db } from "../../clickhouse/engine.ts";
import { migrate } from "../../clickhouse/migrate.ts";
import { openTestDb } from "../../clickhouse/testing.ts";
import { ownerKeyOf } from "../../schemas/mapping.ts";
import { ownerKey, recordEncoder } from "../../schemas/records.ts";
import type { RecordHeader } from "../../schemas/records.ts";
import { derivedUuid } from "../../schemas/uuid.ts";
import { createMemoryTopic, openMemoryLog } from "../runtime/event-log/memory-log.ts";
import type { EventLog } from "../runtime/event-log/port.ts";
import { gate } from "../runtime/event-log/testing.ts";
import { recordingLogger } from "../runtime/http/testing.ts";
import { openRegistry } from "../runtime/registry.ts";
import { openGroup } from "./testing.ts";
import type { Group } from "./testing.ts";
import { startWriter } from "./writer.ts";

let db: Db;

beforeAll(async () => {
  db = await openTestDb();
  await migrate(db);
});

afterAll(() => db.close());

const tables = ["traces", "observations", "scores", "parked_records"] as const;

beforeEach(async () => {
  for (const table of tables) await db.exec(`TRUNCATE TABLE sluice.${table}`);
});

const start = Date.UTC(2026, 0, 1, 12, 10);
let received = start;

function record(dialect: RecordHeader["dialect"], body: object): Buffer {
  received += 1;
  const from = { keyId: "pk", sdkName: "s", sdkVersion: "1", registry: "0" };
  return recordEncoder({ project: "p", dialect, receivedAt: received, ...from })(
    JSON.stringify(body),
  );
}

function event(type: string, body: { id: string; [field: string]: unknown }): Buffer {
  const timestamp = new Date(received).toISOString();
  return record("langfuse", { id: `e${received}`, type, timestamp, body });
}

function deletion(kind: "trace" | "score", id: string): Buffer {
  return record("delete", { kind, id });
}

function entriesOf(values: readonly Buffer[]) {
  return values.map((value) => ({ key: ownerKeyOf(value), value }));
}

/** What is visible, without what says when and from where it was written. */
async function visible(): Promise<string[]> {
  const lines: string[] = [];
  for (const table of tables) {
    const rows = await db.query<Record<string, unknown>>(
      `SELECT * FROM sluice.${table} FINAL ORDER BY ALL`,
    );
    for (const { ver: _ver, updated_at: _at, ...row } of rows) {
      lines.push(`${table} ${JSON.stringify(row)}`);
    }
  }
  return lines.toSorted();
}

/** A database that takes a moment, another one each time. */
function unsteady(random: () => number): Db {
  const wait = () => pause(random() * 12);
  return {
    ...db,
    async query(...args) {
      await wait();
      const rows = await db.query(...args);
      await wait();
      return rows as never;
    },
    async insert(...args) {
      await wait();
      await db.insert(...args);
      await wait();
    },
  };
}

async function writerOn(events: EventLog, database: Db = db): Promise<void> {
  const { log } = recordingLogger();
  const registry = await openMemoryLog({ partitions: 1 });
  const fold = await openRegistry(registry);
  const limits = {
    rowsMax: 20,
    bytesMax: 1 << 20,
    lingerMs: 0,
    cacheBytesMax: 1 << 20,
    filterBytesMax: 1 << 20,
    tokenizeBytesMax: 0,
  };
  const writer = await startWriter({ events, registry: fold, db: database, limits, log });
  onTestFinished(async () => {
    await writer.stop();
    await fold.close();
    await registry.close();
  });
}

async function drained(group: Group): Promise<void> {
  await expect.poll(() => group.isDrained(), { timeout: 60_000 }).toBe(true);
}

/** The same records through one writer on a log of one partition. */
async function ofOneWriter(values: readonly Buffer[]): Promise<string[]> {
  const events = await openMemoryLog({ partitions: 1 });
  await writerOn(events);
  await events.append(entriesOf(values));
  await expect.poll(() => events.health().lag, { timeout: 60_000 }).toBe(0n);
  const rows = await visible();
  for (const table of tables) await db.exec(`TRUNCATE TABLE sluice.${table}`);
  return rows;
}

function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  return items
    .map((item) => ({ item, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** What clients send of a few traces, and much of it without saying of which. */
function story(random: () => number): Buffer[] {
  const values: Buffer[] = [];
  for (let n = 0; n < 16; n += 1) {
    const traceId = `t${n % 5}`;
    const id = `o${n}`;
    if (n < 5) values.push(event("trace-create", { id: traceId, name: `trace ${n}` }));
    if (n % 6 !== 0) values.push(event("span-create", { id, traceId, name: `span ${n}` }));
    values.push(event("span-update", { id, output: `out ${random()}` }));
    values.push(event("span-update", { id, metadata: { [`k${n}`]: n } }));
    values.push(event("score-create", { id: `s${n}`, traceId, name: "s", value: n }));
    if (n % 4 === 0) values.push(deletion("score", `s${n}`));
    if (n % 7 === 0) {
      values.push(event("score-create", { id: `l${n}`, sessionId: "x", name: "l", value: 1 }));
      values.push(event("score-create", { id: `l${n}`, traceId, name: "l", value: 2 }));
    }
  }
  values.push(event("span-create", { id: "gone", traceId: "deleted", name: "gone" }));
  values.push(deletion("trace", "deleted"));
  return values;
}

test.each([3])(
  "several writers, their partitions taken from them and given back, leave what one writer leaves (%i)",
  async (seed) => {
    const random = randomFrom(seed);
    const values = story(random);
    const expected = await ofOneWriter(values);
    const group = await openGroup(createMemoryTopic(4));
    for (let n = 0; n < 3; n += 1) await writerOn(group.join(), unsteady(random));
    const waiting = shuffled(values, random);
    while (waiting.length > 0) {
      const owners = [0, 1, 2, 3].map(() => Math.floor(random() * 3));
      const sharesOf = (n: number) => [0, 1, 2, 3].filter((partition) => owners[partition] === n);
      await group.assign([0, 1, 2].map(sharesOf));
      await group.append(entriesOf(waiting.splice(0, 30)));
      await pause(random() * 40);
    }
    await drained(group);
    expect(await visible()).toEqual(expected);
  },
);

async function observation(): Promise<object[]> {
  return await db.query(
    "SELECT trace_id, name, output FROM sluice.observations FINAL WHERE id = 'o'",
  );
}

test("an update that names no trace reaches the row of its trace, and keeps when it was received", async () => {
  const topic = createMemoryTopic(4);
  const group = await openGroup(topic);
  await writerOn(group.join());
  await writerOn(group.join());
  await group.assign([
    [0, 1],
    [2, 3],
  ]);
  await group.append(entriesOf([event("span-create", { id: "o", traceId: "t", name: "named" })]));
  await drained(group);
  const update = event("span-update", { id: "o", output: "late" });
  const receivedAt = received;
  await group.append(entriesOf([update]));
  await drained(group);
  expect(await observation()).toEqual([{ trace_id: "t", name: "named", output: "late" }]);
  const routed = topic.partitions.flat().filter(({ value }) => value.includes('"routed"'));
  expect(routed).toHaveLength(1);
  expect(routed[0]?.value.toString()).toContain(`"receivedAt":${receivedAt}`);
});

test.each([
  ["another writer, which has read all ids before", [[0, 1, 2], [3]]],
  ["the writers in each other's place, neither of which has seen it", [[3], [0, 1, 2]]],
])(
  "an observation whose trace is not named has one of its own, until it is: by %s",
  async (_by, later) => {
    const group = await openGroup(createMemoryTopic(4));
    await writerOn(group.join());
    await writerOn(group.join());
    await group.assign([[0, 1, 2], [3]]);
    await group.append(entriesOf([event("span-update", { id: "o", output: "first" })]));
    await drained(group);
    expect(await observation()).toEqual([
      { trace_id: derivedUuid("p", "o"), name: "", output: "first" },
    ]);
    if (later[0]?.length === 1) await group.assign(later);
    await group.append(entriesOf([event("span-create", { id: "o", traceId: "t", name: "named" })]));
    await drained(group);
    expect(await observation()).toEqual([{ trace_id: "t", name: "named", output: "first" }]);
  },
);

test("what a slow writer still adds to a row that another has taken over is not lost", async () => {
  const partitions = 2;
  const partitionOf = (traceId: string) => crc32(ownerKey("p", { traceId, id: "" })) % partitions;
  let id = "o";
  while (partitionOf(derivedUuid("p", id)) === partitionOf("t")) id += "o";
  const topic = createMemoryTopic(partitions);
  const group = await openGroup(topic);
  const [asked, held] = [gate(), gate()];
  let isHeld = false;
  await writerOn(group.join());
  await writerOn(group.join(), {
    ...db,
    async insert(table, rows) {
      if (isHeld && table === "sluice.observations") {
        asked.open();
        await held.opened;
      }
      await db.insert(table, rows);
    },
  });
  await group.assign([[partitionOf("t")], [1 - partitionOf("t")]]);
  // The row of the trace gets a greater version than what the slow writer is about to insert.
  const others = Array.from({ length: 30 }, (_, n) =>
    event("span-create", { id: `other ${n}`, traceId: "t" }),
  );
  await group.append(entriesOf([...others, event("span-update", { id, output: "first" })]));
  await drained(group);
  isHeld = true;
  await group.append(entriesOf([event("span-update", { id, input: "late" })]));
  await asked.opened;
  await group.append(entriesOf([event("span-create", { id, traceId: "t", name: "named" })]));
  const rows = () =>
    db.query(
      "SELECT trace_id, name, input, output FROM sluice.observations FINAL WHERE id = {id:String}",
      { id },
    );
  await expect
    .poll(rows, { timeout: 60_000 })
    .toContainEqual({ trace_id: "t", name: "named", input: "", output: "first" });
  isHeld = false;
  held.open();
  await drained(group);
  expect(await rows()).toEqual([{ trace_id: "t", name: "named", input: "late", output: "first" }]);
});

test("a writer that gets a partition back knows what another has written there meanwhile", async () => {
  const group = await openGroup(createMemoryTopic(2));
  await writerOn(group.join());
  await writerOn(group.join());
  const create = event("span-create", { id: "o", traceId: "t", name: "one" });
  const [entry] = entriesOf([create]);
  const [position] = await group.append([{ key: entry?.key ?? "", value: create }]);
  const partition = position?.partition ?? 0;
  const update = (field: string) =>
    group.append(
      entriesOf([
        event("span-update", { id: "o", traceId: "t", [field]: field }),
        event("span-update", { id: "new", traceId: "t", [field]: field }),
      ]),
    );
  await group.assign([[partition], [1 - partition]]);
  await drained(group);
  await group.assign([[1 - partition], [partition]]);
  await update("input");
  await drained(group);
  await group.assign([[partition], [1 - partition]]);
  await update("output");
  await drained(group);
  const rows = await db.query(
    "SELECT name, input, output FROM sluice.observations FINAL ORDER BY name",
  );
  expect(rows).toEqual([
    { name: "", input: "input", output: "output" },
    { name: "one", input: "input", output: "output" },
  ]);
});
