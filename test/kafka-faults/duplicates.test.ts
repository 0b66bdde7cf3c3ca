import { afterAll, beforeAll, expect, test } from "vitest";

import { postUntilTaken } from "../faults/clients.ts";
import { createIssuer, randomOf } from "../faults/events.ts";
import { batchOf, send } from "../faults/http.ts";
import { judge } from "../faults/oracle.ts";
import type { StartedProcess } from "../processes/cluster.ts";
import { sumOf } from "./group.ts";
import { createRig, kill } from "./rig.ts";
import type { Rig } from "./rig.ts";

const events = 600;
const postings = 3;
const batchMax = 50;

let rig: Rig;
let gateway: StartedProcess;
let writer: StartedProcess;
beforeAll(async () => {
  rig = await createRig();
  [gateway, writer] = await Promise.all([rig.start("gateway"), rig.start("writer")]);
});
afterAll(async () => await rig?.stop());

test("D1: events that come again and again, in any order and batches and also twice in one, are stored once", async () => {
  const { book, ...one } = rig.begin("D1");
  const random = randomOf("D1");
  const issuer = createIssuer("D1.events", Date.now());
  const all = Array.from({ length: events }, () => issuer.next());
  for (const issued of all) book.issue(issued);
  for (let posting = 0; posting < postings; posting += 1) {
    const shuffled = all
      .map((issued) => ({ issued, at: random() }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ issued }) => issued);
    for (let at = 0; at < events;) {
      const batch = shuffled.slice(at, at + 1 + Math.floor(random() * batchMax));
      at += batch.length;
      await postUntilTaken(gateway.url, book, batch);
      if (posting === 1 && at > events / 2 && at <= events / 2 + batch.length) {
        // In the middle of it: the next one has the rest to come, and a cold cache for what went before.
        await kill(writer);
        writer = await rig.start("writer");
      }
    }
  }
  const some = all.slice(0, 5);
  const { status } = await send(gateway.url, { body: batchOf(...some, ...some) });
  const { problems } = await one.close({
    name: `D1 posted ${postings} times`,
    url: gateway.url,
    faults: postings - 1,
    floor: { acked: events, faults: postings - 1, dupLog: events * (postings - 1) },
    dupLog: Number(sumOf(await rig.group.ends())) - events,
    healedAt: performance.now(),
  });
  expect(status).toBe(207);
  expect(problems).toEqual([]);
});

test("D1: the same ids in another project are other entities", async () => {
  const { book, ...one } = rig.begin("D1-projects");
  const other = { id: "faults-other", publicKey: "pk-lf-other", secretKey: "sk-lf-other" };
  const second = await rig.startWith(
    {
      SLUICE_INIT_PROJECT_ID: other.id,
      SLUICE_INIT_PROJECT_PUBLIC_KEY: other.publicKey,
      SLUICE_INIT_PROJECT_SECRET_KEY: other.secretKey,
    },
    "gateway",
  );
  const keys = Buffer.from(`${other.publicKey}:${other.secretKey}`).toString("base64");
  const issuer = createIssuer("D1-projects.events", Date.now());
  const own = Array.from({ length: 50 }, () => issuer.next());
  for (const issued of own) book.issue(issued);
  const theirs = own.map(({ event }) => ({
    ...event,
    body: { id: event.body.id, traceId: event.body["traceId"], name: "theirs", value: 1 },
  }));
  await postUntilTaken(gateway.url, book, own.slice(0, 25));
  const { status } = await send(second.url, {
    body: JSON.stringify({ batch: theirs }),
    headers: { authorization: `Basic ${keys}` },
  });
  await postUntilTaken(gateway.url, book, own.slice(25));
  const [ours, others] = [await one.rows(), await one.rows(other.id)];
  await second.stop();
  expect(status).toBe(207);
  expect(judge(book, ours)).toMatchObject({ stored: own.length, lostAcked: [], payloadDiff: [] });
  const ids = (rows: typeof ours): string[] => rows.map(({ table, id }) => `${table} ${id}`);
  expect(ids(others).toSorted()).toEqual(ids(ours).toSorted());
  expect(others.every((row) => row["name"] === "theirs" || row["name"] === "")).toBe(true);
});
