import { expect, test } from "vitest";

import { insertRows } from "../../clickhouse/insert.ts";
import type { ParkedRow } from "../../schemas/parked.ts";
import { recordEncoder } from "../../schemas/records.ts";
import { now, queryFixture } from "./testing.ts";

const query = queryFixture();

function parked(project: string, offset: number, rest: Partial<ParkedRow> = {}): ParkedRow {
  const header = {
    project,
    dialect: "langfuse",
    receivedAt: now,
    keyId: "pk",
    sdkName: "s",
    sdkVersion: "1",
    registry: "0",
  } as const;
  return {
    project_id: project,
    partition: 0,
    ver: String(2n ** 48n + BigInt(offset)),
    received_at: now,
    parked_at: now + 5,
    reason: "no-id",
    detail: "trace-create without body.id",
    record: recordEncoder(header)('{"name":"n"}').toString("base64"),
    redriven_at: 0,
    ...rest,
  };
}

test("a dead letter is listed with its cause and its whole text, in its own project alone", async () => {
  await insertRows(query.db, "parked_records", [parked("one", 1), parked("other", 2)]);
  const { body } = await query.get("one", "/api/public/x/dead-letters");
  expect(body).toEqual({
    data: [
      {
        id: "0-281474976710657",
        reason: "no-id",
        detail: "trace-create without body.id",
        receivedAt: "2026-07-01T12:30:00.000Z",
        parkedAt: "2026-07-01T12:30:00.005Z",
        body: '{"name":"n"}',
      },
    ],
    meta: { page: 1, limit: 50, totalItems: 1, totalPages: 1 },
  });
});

test("a redriven record is in the log as it was received, and listed no more, also when a replay parks it again", async () => {
  const row = parked("again", 7);
  await insertRows(query.db, "parked_records", [row]);
  const ids = ["0-281474976710663", "0-1"];
  const { status, body } = await redrive("again", { ids });
  expect(status).toBe(200);
  expect(body).toEqual({ redriven: [ids[0]], notFound: [ids[1]] });
  expect(query.logged().map((value) => value.toString("base64"))).toContain(row.record);

  const replayed: ParkedRow = { ...row, parked_at: now + 9 };
  await insertRows(query.db, "parked_records", [replayed]);
  expect(await query.ids("again", "/api/public/x/dead-letters")).toEqual([]);
});

test("another project's dead letter is not found, and stays", async () => {
  await insertRows(query.db, "parked_records", [parked("mine", 11)]);
  const { body } = await redrive("theirs", { ids: ["0-281474976710667"] });
  expect(body).toEqual({ redriven: [], notFound: ["0-281474976710667"] });
  expect(await query.ids("mine", "/api/public/x/dead-letters")).toHaveLength(1);
});

test.each([
  {},
  { ids: [] },
  { ids: ["1"] },
  { ids: ["0-1' OR 1=1"] },
  { ids: ["0-1"], all: true },
  [],
])("%j redrives nothing", async (body) => {
  expect((await redrive("bad", body)).status).toBe(400);
});

test("a body without a length, or a large one, is refused unread", async () => {
  const large = await redrive("bad", { ids: ["0-1"], pad: "x".repeat(70_000) });
  expect(large.status).toBe(413);
});

function redrive(project: string, body: unknown): ReturnType<typeof query.get> {
  const text = JSON.stringify(body);
  const headers = { "content-type": "application/json", "content-length": String(text.length) };
  return query.get(project, "/api/public/x/dead-letters/redrive", {
    method: "POST",
    body: text,
    headers,
  });
}
