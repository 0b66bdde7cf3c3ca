import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";

import { DbError } from "../../clickhouse/engine.ts";
import type { Db } from "../../clickhouse/engine.ts";
import { migrate } from "../../clickhouse/migrate.ts";
import { openTestDb } from "../../clickhouse/testing.ts";
import { recordEncoder } from "../../schemas/records.ts";
import type { RecordHeader } from "../../schemas/records.ts";
import { createMemoryTopic, openMemoryLog } from "../runtime/event-log/memory-log.ts";
import type { EventLog } from "../runtime/event-log/port.ts";
import { gate, sleep } from "../runtime/event-log/testing.ts";
import { recordingLogger } from "../runtime/http/testing.ts";
import { openRegistry } from "../runtime/registry.ts";
import { partsOf, positionOf } from "./map-batch.ts";
import { startWriter } from "./writer.ts";

let db: Db;

beforeAll(async () => {
  db = await openTestDb();
  await migrate(db);
});

afterAll(async () => {
  await db.close();
});

const receivedAt = Date.UTC(2026, 0, 1);

function record(project: string, body: unknown, rest: Partial<RecordHeader> = {}): Buffer {
  const header: RecordHeader = {
    project,
    dialect: "langfuse",
    receivedAt,
    keyId: "pk",
    sdkName: "s",
    sdkVersion: "1",
    registry: "0",
    ...rest,
  };
  return recordEncoder(header)(typeof body === "string" ? body : JSON.stringify(body));
}

function traceEvent(id: string | null, body: object = {}): object {
  const timestamp = new Date(receivedAt).toISOString();
  return { id: `e-${id}`, type: "trace-create", timestamp, body: { ...(id && { id }), ...body } };
}

/** A writer on a memory log and this database; stopped when the test is over. */
async function running(database: Db = db): Promise<{ events: EventLog; registry: EventLog }> {
  const { log } = recordingLogger();
  const events = await openMemoryLog({ partitions: 1, topic: createMemoryTopic(1) });
  const registry = await openMemoryLog({ partitions: 1 });
  const fold = await openRegistry(registry);
  const limits = {
    rowsMax: 100,
    bytesMax: 1 << 20,
    lingerMs: 0,
    cacheBytesMax: 1 << 20,
    filterBytesMax: 1 << 20,
    tokenizeBytesMax: 1 << 15,
  };
  const writer = await startWriter({ events, registry: fold, db: database, limits, log });
  onTestFinished(async () => {
    await writer.stop();
    await fold.close();
    await events.close();
    await registry.close();
  });
  return { events, registry };
}

async function append(log: EventLog, ...values: readonly Buffer[]): Promise<void> {
  await log.append(values.map((value) => ({ key: "k", value })));
}

async function stored(project: string): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    "SELECT id FROM sluice.traces FINAL WHERE project_id = {project:String} ORDER BY id",
    { project },
  );
  return rows.map(({ id }) => id);
}

/** Records that name the traces `t0`, `t1`, … after a word; those of "second" come a second later. */
function names(project: string, count: number, word: "first" | "second"): Buffer[] {
  const at = receivedAt + (word === "second" ? 1000 : 0);
  const timestamp = new Date(at).toISOString();
  return Array.from({ length: count }, (_, n) => {
    const body = { id: `t${n}`, name: word === "second" ? word : `${word} ${n}` };
    const event = { id: `${word}-${n}`, type: "trace-create", timestamp, body };
    return record(project, event, { receivedAt: at });
  });
}

async function namesOf(project: string): Promise<string[]> {
  const rows = await db.query<{ name: string }>(
    "SELECT name FROM sluice.traces FINAL WHERE project_id = {project:String}",
    { project },
  );
  return rows.map(({ name }) => name);
}

async function drained(log: EventLog): Promise<void> {
  await expect.poll(() => log.health().lag, { timeout: 60_000 }).toBe(0n);
}

test("what cannot become a row is parked with its bytes and reason, and the rest of its batch is stored", async () => {
  const { events } = await running();
  const odd = [Buffer.from("no record"), record("parks", "{"), record("parks", traceEvent(null))];
  await append(events, record("parks", traceEvent("a")), ...odd, record("parks", traceEvent("b")));
  await drained(events);
  expect(await stored("parks")).toEqual(["a", "b"]);
  const rows = await db.query(
    "SELECT reason, project_id, record FROM sluice.parked_records FINAL ORDER BY ver",
  );
  expect(rows).toEqual([
    { reason: "undecodable", project_id: "", record: odd[0]?.toString("base64") },
    { reason: "unmappable", project_id: "parks", record: odd[1]?.toString("base64") },
    { reason: "no-id", project_id: "parks", record: odd[2]?.toString("base64") },
  ]);
});

test("while the engine refuses what may pass later, nothing is skipped and nothing is committed", async () => {
  let refusals = 0;
  const { events } = await running({
    ...db,
    insert: (table, rows) => {
      refusals += 1;
      if (refusals > 2) return db.insert(table, rows);
      return Promise.reject(new DbError("transient", 241, "no memory"));
    },
  });
  await append(events, record("waits", traceEvent("a")));
  await drained(events);
  expect(refusals).toBe(3);
  expect(await stored("waits")).toEqual(["a"]);
});

test("a record that fails again and again while others go through is parked, not waited for", async () => {
  const { events } = await running({
    ...db,
    insert: (table, rows) =>
      rows.includes('"poison"') && table === "sluice.traces"
        ? Promise.reject(new DbError("transient", 999, "never works"))
        : db.insert(table, rows),
  });
  const poison = record("poisoned", traceEvent("bad", { name: "poison" }));
  await append(
    events,
    record("poisoned", traceEvent("a")),
    poison,
    record("poisoned", traceEvent("b")),
  );
  await drained(events);
  expect(await stored("poisoned")).toEqual(["a", "b"]);
  const rows = await db.query(
    "SELECT reason FROM sluice.parked_records FINAL WHERE project_id = 'poisoned'",
  );
  expect(rows).toEqual([{ reason: "refused-repeatedly" }]);
});

test("however long the engine takes nothing at all, no record is parked for it", async () => {
  let refusals = 0;
  const { events } = await running({
    ...db,
    insert: (table, rows) => {
      refusals += 1;
      const isAway = table === "sluice.traces" && refusals < 10;
      if (isAway) return Promise.reject(new DbError("transient", 252, "too many parts"));
      return db.insert(table, rows);
    },
  });
  const records = ["a", "b", "c"].map((id) => record("outage", traceEvent(id)));
  await append(events, ...records);
  await drained(events);
  expect(await stored("outage")).toEqual(["a", "b", "c"]);
  const parked = "SELECT reason FROM sluice.parked_records FINAL WHERE project_id = 'outage'";
  expect(await db.query(parked)).toEqual([]);
});

test("a batch is merged while the one before it is inserted, onto what that will have stored", async () => {
  const inserting = gate();
  const reached = gate();
  let inserts = 0;
  const { events } = await running({
    ...db,
    async insert(table, rows) {
      inserts += 1;
      if (inserts === 1) {
        reached.open();
        await inserting.opened;
      }
      await db.insert(table, rows);
    },
  });
  await append(events, ...names("ahead", 100, "first"));
  await reached.opened;
  await append(events, ...names("ahead", 100, "second"));
  inserting.open();
  await drained(events);
  expect(await namesOf("ahead")).toEqual(Array(100).fill("second"));
  expect(inserts).toBe(2);
});

test("what was merged onto a batch that then fails is merged again onto what was stored of it", async () => {
  let tries = 0;
  const { events } = await running({
    ...db,
    async insert(table, rows) {
      tries += 1;
      // The second batch is in hand while the first is inserted, of which one record is refused for good.
      if (tries === 1) await append(events, ...names("again", 100, "second"));
      await sleep(50);
      if (rows.includes('"first 7"')) throw new DbError("data", 117, "never works");
      await db.insert(table, rows);
    },
  });
  await append(events, ...names("again", 100, "first"));
  await expect.poll(() => tries, { timeout: 60_000 }).toBeGreaterThan(1);
  await drained(events);
  expect(await namesOf("again")).toEqual(Array(100).fill("second"));
  const parked = "SELECT reason FROM sluice.parked_records FINAL WHERE project_id = 'again'";
  expect(await db.query(parked)).toEqual([{ reason: "refused" }]);
  const [seventh] = await db.query<{ ms: string }>(
    `SELECT toString(toUnixTimestamp64Milli(created_at)) AS ms FROM sluice.traces FINAL
     WHERE project_id = 'again' AND id = 't7'`,
  );
  // The refused fact was received first: a row that was merged onto it would still know.
  expect(seventh?.ms).toBe(`${receivedAt + 1000}`);
});

test("a record waits until the registry is folded as far as its gateway had it", async () => {
  const { events, registry } = await running();
  await append(events, record("knows", traceEvent("a"), { registry: "1" }));
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(await stored("knows")).toEqual([]);
  const organization = { id: "o", name: "O" };
  const command = {
    id: "1",
    foldVersion: 1,
    at: 1,
    by: "t",
    change: { type: "organization-create", organization },
  };
  await append(registry, Buffer.from(JSON.stringify(command)));
  await drained(events);
  expect(await stored("knows")).toEqual(["a"]);
});

test("positions grow with the offset, and across generations of the log", () => {
  expect(positionOf(1, 5n)).toBeGreaterThan(positionOf(1, 4n));
  expect(positionOf(2, 0n)).toBeGreaterThan(positionOf(1, 2n ** 47n));
  expect(partsOf(positionOf(3, 7n))).toEqual({ generation: 3, offset: 7n });
});
