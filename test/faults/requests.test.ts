import { brotliCompressSync, gzipSync } from "node:zlib";
import { expect, test } from "vitest";

import { postNew } from "./clients.ts";
import { createIssuer } from "./events.ts";
import type { Issued } from "./events.ts";
import { batchOf, send, sendWatched } from "./http.ts";
import type { Cost, Outcome, Sent } from "./http.ts";
import { createRig } from "./rig.ts";

/** Langfuse's own limit of a request (write-api §1.3). */
const bodyBytesMax = 4_718_592;
const tooLarge = {
  status: 413,
  body: {
    message: `The body exceeds ${bodyBytesMax} bytes: send smaller batches`,
    error: "PayloadTooLargeError",
  },
};

test("P1, write-api §1.3: a body of exactly 4,718,592 bytes is stored, and one byte more gets 413, however it is framed", async () => {
  const { place, book, ...rig } = await createRig();
  await rig.start();
  const issuer = createIssuer("P1", Date.now());
  const sizes = [
    { bytes: bodyBytesMax, status: 207 },
    { bytes: bodyBytesMax + 1, ...tooLarge },
    { bytes: 4 * bodyBytesMax, ...tooLarge },
    { bytes: 1_000_000, status: 207 },
  ];
  for (const chunked of [false, true]) {
    for (const { bytes, ...expected } of sizes) {
      const empty = issuer.next("trace");
      const padding = "x".repeat(bytes - batchOf(withInput(empty, "")).length);
      const issued = withInput(empty, padding);
      book.issue(issued);
      const outcome = await send(place.url, { body: batchOf(issued), chunked });
      expect(outcome).toMatchObject(expected);
      book.answer([issued], expected.status === 207 ? "acked" : "rejected");
    }
  }
  const { problems } = await rig.close({
    name: "P1 size limits",
    faults: book.tally().refused,
    floor: { acked: 4, faults: 4 },
  });
  expect(problems).toEqual([]);
});

const bombBytes = 512 << 20;
/** It grows by a few; other work of the process counts too. */
const bombRssMbMax = 200;

test("P2: a gzip bomb of 512 MiB gets 413 and does not get the memory it asks for", async () => {
  const { place, book, ...rig } = await createRig();
  const server = await rig.start();
  await postNew(place.url, book, createIssuer("P2.before", Date.now()), 20);
  const mebibyte = gzipSync(Buffer.alloc(1 << 20));
  // gzip members one after another are one gzip stream.
  const body = Buffer.concat(Array.from({ length: bombBytes >> 20 }, () => mebibyte));
  const rssBefore = server.rssMax();
  const outcome = await send(place.url, { body, headers: { "content-encoding": "gzip" } });
  const grown = server.rssMax() - rssBefore;
  console.log(
    `P2 bomb: ${body.length} bytes as 512 MiB, ${outcome.status} in ${outcome.ms.toFixed(0)} ms, RSS +${grown.toFixed(0)} MB`,
  );
  expect(outcome).toMatchObject(tooLarge);
  expect(grown).toBeLessThan(bombRssMbMax);
  const { problems } = await rig.close({
    name: "P2 gzip bomb",
    faults: outcome.status === 413 ? 1 : 0,
    floor: { acked: 20, faults: 1 },
  });
  expect(problems).toEqual([]);
});

test("P2: broken, nested and unknown encodings get a JSON 400 or 415, and good ones are read", async () => {
  const { place, book, ...rig } = await createRig();
  await rig.start();
  const issuer = createIssuer("P2", Date.now());
  const refused = issuer.next("trace");
  const zipped = gzipSync(batchOf(refused));
  book.issue(refused);
  const broken = invalid("The body is not valid compressed data");
  const unknown = {
    status: 415,
    body: {
      message: "Content-Encoding must be identity, gzip or deflate",
      error: "UnsupportedMediaTypeError",
    },
  };
  const cases: readonly [string, Sent, object][] = [
    ["cut off", encoded("gzip", zipped.subarray(0, -9)), broken],
    ["wrong checksum", encoded("gzip", flipped(zipped, zipped.length - 6)), broken],
    ["not compressed", encoded("gzip", Buffer.from(batchOf(refused))), broken],
    ["compressed twice", encoded("gzip", gzipSync(zipped)), invalid("The body is not valid UTF-8")],
    ["brotli", encoded("br", brotliCompressSync(batchOf(refused))), unknown],
    ["two encodings", encoded("gzip, gzip", gzipSync(zipped)), unknown],
    ["no encoding at all", encoded("utf-8", zipped), unknown],
  ];
  for (const [name, sent, expected] of cases) {
    expect({ name, ...(await send(place.url, sent)) }).toMatchObject({ name, ...expected });
  }
  book.answer([refused], "rejected");
  const taken = issuer.next("trace");
  book.issue(taken);
  const outcome = await send(place.url, encoded("gzip", gzipSync(batchOf(taken))));
  expect(outcome).toMatchObject({ status: 207, body: { errors: [] } });
  book.answer([taken], "acked");
  const { problems } = await rig.close({
    name: "P2 encodings",
    faults: cases.length,
    floor: { acked: 1, faults: 7 },
  });
  expect(problems).toEqual([]);
});

/** Processor time that one of these bodies may take from everybody else: several times what it takes at rest. */
const bombThreadMsMax = 2000;
const manyThreadMsMax = 6000;

test("P3: a nesting bomb costs its own event, and neither its siblings nor anybody's patience", async () => {
  const { place, book, ...rig } = await createRig();
  const server = await rig.start();
  const half = (bodyBytesMax >> 1) - 20_000;
  const bombs = [
    `${"[".repeat(half)}${"]".repeat(half)}`,
    `${'{"a":'.repeat(half / 4)}1${"}".repeat(half / 4)}`,
  ];
  for (const [n, bomb] of bombs.entries()) {
    const issuer = createIssuer(`P3.${n}`, Date.now());
    const siblings = [issuer.next("trace"), issuer.next("span")] as const;
    for (const sibling of siblings) book.issue(sibling);
    const body = batchOf(siblings[0], hostileTrace(bomb), siblings[1]);
    const outcome = await sendWatched(place.url, server, { body });
    console.log(`P3 bomb ${n}: ${costOf(body, outcome)}`);
    expect(outcome).toMatchObject({
      status: 207,
      body: {
        successes: siblings.map(({ event }) => ({ id: event.id, status: 201 })),
        errors: [{ id: "hostile", status: 400, message: "Invalid request data" }],
      },
    });
    expect(outcome.threadMs).toBeLessThan(bombThreadMsMax);
    book.answer(siblings, "acked");
  }
  const unclosed = await send(place.url, { body: batchOf(hostileTrace("[".repeat(2 * half))) });
  expect(unclosed).toMatchObject({
    status: 400,
    body: { message: "The body is not valid JSON", error: "InvalidRequestError" },
  });
  const { problems } = await rig.close({
    name: "P3 nesting bombs",
    faults: bombs.length + 1,
    floor: { acked: 4, faults: 3 },
  });
  expect(problems).toEqual([]);
});

test("P3: 1.5 million empty objects in one event are stored as they came", async () => {
  const { place, book, ...rig } = await createRig();
  const server = await rig.start();
  const objects = Array.from({ length: 1_500_000 }, () => ({}));
  const issued = withInput(createIssuer("P3.many", Date.now()).next("trace"), objects);
  book.issue(issued);
  const body = batchOf(issued);
  const outcome = await sendWatched(place.url, server, { body });
  console.log(`P3 empty objects: ${costOf(body, outcome)}`);
  expect(outcome).toMatchObject({ status: 207, body: { errors: [] } });
  expect(outcome.threadMs).toBeLessThan(manyThreadMsMax);
  book.answer([issued], "acked");
  const { problems } = await rig.close({
    name: "P3 empty objects",
    faults: 1,
    floor: { acked: 1, faults: 1 },
  });
  expect(problems).toEqual([]);
});

function encoded(encoding: string, body: Uint8Array): Sent {
  return { body, headers: { "content-encoding": encoding } };
}

function invalid(message: string): object {
  return { status: 400, body: { message, error: "InvalidRequestError" } };
}

function costOf(body: string, { status, ms, waitedMs, threadMs }: Outcome & Cost): string {
  return `${body.length} bytes, ${status} in ${ms.toFixed(0)} ms, ${threadMs} ms of the thread, others waited ${waitedMs.toFixed(0)} ms`;
}

function hostileTrace(input: string): string {
  return `{"id":"hostile","type":"trace-create","timestamp":"2026-05-01T10:00:00Z","body":{"id":"hostile","input":${input}}}`;
}

/** The same event with another input, and with no other content of its own. */
function withInput(issued: Issued, input: unknown): Issued {
  const { id } = issued.event.body;
  const body = { id, input, metadata: { [issued.mark]: "" } };
  return { ...issued, text: "", columns: { input }, event: { ...issued.event, body } };
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(at) ^ 0x10, at);
  return copy;
}
