import { afterAll, beforeAll, expect, test } from "vitest";

import type { Book } from "../faults/book.ts";
import { postUntilTaken, startLoad } from "../faults/clients.ts";
import { createIssuer } from "../faults/events.ts";
import type { Issued, Issuer, Kind } from "../faults/events.ts";
import { judge } from "../faults/oracle.ts";
import { mutants } from "../faults/patches.ts";
import type { Patch } from "../faults/variant.ts";
import { untilTrue } from "../faults/wait.ts";
import type { StartedProcess } from "../processes/cluster.ts";
import { sumOf, topic } from "./group.ts";
import { createRig, endOf } from "./rig.ts";
import type { FaultCase, Rig } from "./rig.ts";

const ackedMin = 400;

let rig: Rig;
let gateway: StartedProcess;
beforeAll(async () => {
  rig = await createRig();
  gateway = await rig.start("gateway");
});
afterAll(async () => await rig?.stop());

/** Sets every partition of the writers' group back to its first record; nobody may be in the group. */
async function toEarliest(): Promise<void> {
  await rig.group.administer((admin, groupId) =>
    admin.resetOffsets({ groupId, topic, earliest: true }),
  );
}

async function forget(): Promise<void> {
  await rig.group.administer((admin, groupId) => admin.deleteGroups([groupId]));
}

/** Sends events, lets a writer store them, stops it. Gives how many records the log holds. */
async function storeSome(run: string, one: FaultCase): Promise<bigint> {
  const { book } = one;
  const writer = await rig.start("writer");
  const load = startLoad(gateway.url, book, { run: `${run}.load`, clients: 3, pauseMs: 50 });
  await untilTrue(() => book.acked >= ackedMin);
  await load.stop();
  expect(judge(book, await one.rows()).lostAcked).toEqual([]);
  await writer.stop();
  return sumOf(await rig.group.committed());
}

for (const [id, how, strike] of [
  ["B7-reset", "are set back to the earliest", toEarliest],
  ["B7-deleted", "are deleted with their group", forget],
] as const) {
  test(`B7: when the writers' offsets ${how}, all is written again and nothing is seen twice`, async () => {
    const { book, ...one } = rig.begin(id);
    const stored = await storeSome(id, { book, ...one });
    await strike();
    const again = stored - sumOf(await rig.group.committed());
    const healedAt = performance.now();
    const writer = await rig.start("writer");
    await rig.group.untilDrained();
    const { problems } = await one.close({
      name: id,
      url: gateway.url,
      faults: Number(again),
      floor: { acked: ackedMin, faults: ackedMin },
      recoverMs: performance.now() - healedAt,
      healedAt,
    });
    await writer.stop();
    expect(problems).toEqual([]);
  });
}

/** Creates are stored by one writer, and updates of them by another, whose cache is cold. */
async function updateAfterRestart(id: string, ...patches: Patch[]): Promise<readonly string[]> {
  const { book, ...one } = rig.begin(id);
  const issuer = createIssuer(`${id}.events`, Date.now());
  const first = await rig.start("writer", ...patches);
  const creates = issue(book, issuer, ["trace", "span", "generation", "span", "generation"]);
  await postUntilTaken(gateway.url, book, creates);
  await rig.group.untilDrained();
  await first.stop();
  const second = await rig.start("writer", ...patches);
  const updates = ["span-update", "generation-update", "span-update"] as const;
  await postUntilTaken(gateway.url, book, issue(book, issuer, updates));
  const { problems } = await one.close({
    name: patches.length === 0 ? "updates after a restart" : "mutant: every id taken as new",
    url: gateway.url,
    faults: 1,
    floor: { acked: 8, faults: 1 },
  });
  await second.stop();
  return problems;
}

function issue(book: Book, issuer: Issuer, kinds: readonly Kind[]): Issued[] {
  const all = kinds.map((kind) => issuer.next(kind));
  for (const issued of all) book.issue(issued);
  return all;
}

test("updates that find the cold cache of a new writer are merged with what is stored", async () => {
  expect(await updateAfterRestart("cold")).toEqual([]);
});

test("a writer that does not look up the stored row is caught (every id taken as new)", async () => {
  const mutant = mutants["every id taken as new"];
  expect(await updateAfterRestart("mutant", mutant)).not.toEqual([]);
});

/** All that a process logged until it ended by itself. */
async function lastWordsOf(writer: StartedProcess): Promise<string> {
  expect(await endOf(writer)).toBeNull();
  return writer.log.map((line) => JSON.stringify(line)).join("\n");
}

test("B8: records that retention took before they were written stop the writer, which counts them and says how to go on", async () => {
  const { book, ...one } = rig.begin("B8");
  await storeSome("B8", { book, ...one });
  const from = await rig.group.ends();
  const lost = createIssuer("B8.lost", Date.now());
  const doomed = issue(
    book,
    lost,
    Array.from({ length: 60 }, () => "trace" as const),
  );
  await postUntilTaken(gateway.url, book, doomed);
  const to = await rig.group.ends();
  const deleted = sumOf(to) - sumOf(from);
  expect(deleted).toBe(BigInt(doomed.length));
  await rig.group.administer(async (admin) => {
    // The request goes by what the client knows of the topic, and does not ask for it.
    await admin.fetchTopicOffsets(topic);
    const partitions = [...to].map(([partition, end]) => ({ partition, offset: String(end) }));
    await admin.deleteTopicRecords({ topic, partitions });
  });

  // It may have said that it is ready before it came to that partition.
  const told = await rig.start("writer").then(lastWordsOf, String);
  expect(told).toMatch(
    /entries of sluice\.events\.g1, partition \d, were deleted before they were consumed/,
  );
  expect(sumOf(await rig.group.committed())).toBe(sumOf(from));

  await toEarliest();
  const writer = await rig.start("writer");
  const next = createIssuer("B8.after", Date.now()).next("trace");
  book.issue(next);
  await postUntilTaken(gateway.url, book, [next]);
  const { lostAcked, dupVisible, ghosts } = judge(book, await one.rows());
  await writer.stop();
  console.log(
    `B8: ${lostAcked.length} events lost, as many as retention took; all others are there`,
  );
  expect(BigInt(lostAcked.length)).toBe(deleted);
  expect(lostAcked.every((id) => id.startsWith("B8.lost"))).toBe(true);
  expect([...dupVisible, ...ghosts]).toEqual([]);
});
