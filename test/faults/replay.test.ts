import { expect, test } from "vitest";

import { Book } from "./book.ts";
import { postUntilTaken } from "./clients.ts";
import { createIssuer, randomOf } from "./events.ts";
import type { Issued } from "./events.ts";
import { repeatsInLog } from "./log-files.ts";
import { createRig, exportText } from "./rig.ts";

const events = 2000;
const postings = 5;
const batchMax = 200;

test("the same events, posted five times in any order and batches, across kill -9 and cold caches, are stored once", async () => {
  const { place, ...rig } = await createRig();
  const random = randomOf("replay");
  const issuer = createIssuer("replay", Date.now());
  const all = Array.from({ length: events }, () => issuer.next());
  // What the first posting loses would never be missed by the comparison alone.
  const book = new Book();
  for (const issued of all) book.issue(issued);

  let server = await rig.start();
  await postAll(place.url, book, all, random);
  const once = withoutUpdatedAt(await exportText(place));
  expect(book.tally()).toEqual({ sent: events, acked: events, refused: 0, unknown: 0 });
  expect(once.split("\n").length).toBeGreaterThan(events / 2);

  for (let posting = 2; posting <= postings; posting += 1) {
    // In the middle of it: the restart has the rest to come, and a cold cache for what went before.
    const shuffled = shuffle(all, random);
    await postAll(place.url, book, shuffled.slice(0, events / 2), random);
    await server.kill();
    server = await rig.start();
    await postAll(place.url, book, shuffled.slice(events / 2), random);
  }
  const often = withoutUpdatedAt(await exportText(place));
  expect(often).toBe(once);
  expect(await repeatsInLog(place.dataDir)).toBeGreaterThanOrEqual(events * (postings - 1));
});

async function postAll(
  url: string,
  book: Book,
  all: readonly Issued[],
  random: () => number,
): Promise<void> {
  for (let at = 0; at < all.length;) {
    const batch = all.slice(at, at + 1 + Math.floor(random() * batchMax));
    at += batch.length;
    await postUntilTaken(url, book, batch);
  }
}

/** `updated_at` says when the content last changed here, and is the one column outside of the law. */
function withoutUpdatedAt(text: string): string {
  return text.replaceAll(/"updated_at":"[^"]*"/g, '"updated_at":""');
}

function shuffle<Item>(items: readonly Item[], random: () => number): Item[] {
  return items
    .map((item) => ({ item, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
