import { gzipSync } from "node:zlib";

import { expect, it } from "vitest";

import { AppendError } from "../runtime/event-log/port.ts";
import { rawClient } from "../runtime/http/testing.ts";
import { event, startGateway } from "./testing.ts";

const limit = 4_718_592;

it("write-api §1.3, §6 #4, §8.5: a body of 4.5 MiB is taken, and one byte more gets a JSON 413", async () => {
  const gateway = await startGateway();
  expect((await gateway.post("/api/public/ingestion", batchOf(limit))).status).toBe(207);
  const over = await gateway.post("/api/public/ingestion", batchOf(limit + 1));
  expect(over).toMatchObject({ status: 413, body: { error: "PayloadTooLargeError" } });
  expect(gateway.records()).toHaveLength(1);
});

it("the limit holds for what a compressed body inflates to", async () => {
  const gateway = await startGateway();
  const send = (bytes: number): ReturnType<typeof gateway.post> =>
    gateway.post("/api/public/ingestion", new Uint8Array(gzipSync(batchOf(bytes))), {
      "content-encoding": "gzip",
    });
  expect((await send(limit)).status).toBe(207);
  expect((await send(limit + 1)).status).toBe(413);
});

it("a client that sends chunks without a length reads the 413 while it is still sending", async () => {
  const gateway = await startGateway();
  const client = await rawClient(gateway.url);
  client.send(
    "POST /api/public/ingestion HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
  );
  for (let sent = 0; sent <= 2 * limit; sent += 65_536) {
    client.send(`10000\r\n${"a".repeat(65_536)}\r\n`);
  }
  client.send("0\r\n\r\n");
  expect(await client.until("PayloadTooLargeError")).toMatch(/^HTTP\/1.1 413 /);
});

it("an event that the log will never take gets 413, for a retry would not help", async () => {
  const gateway = await startGateway({
    append: () => () => Promise.reject(new AppendError("too-large", "entry over 16 MiB")),
  });
  const answer = await gateway.ingest([event("trace-create")]);
  expect(answer).toMatchObject({ status: 413, body: { error: "PayloadTooLargeError" } });
});

it("more elements than valid events could be in the largest body get 413 as a whole", async () => {
  const gateway = await startGateway();
  const rubbish = Array.from({ length: limit / 64 }, () => ({}));
  const answer = await gateway.ingest(rubbish);
  expect(answer).toMatchObject({ status: 413, body: { error: "PayloadTooLargeError" } });
});

it("write-api §1.4: as many valid events as the largest body can hold are taken", async () => {
  const gateway = await startGateway();
  const shortest = '{"id":"a","type":"sdk-log","body":{"log":1},"timestamp":"2026-05-01T10:00Z"}';
  const count = Math.floor((limit - '{"batch":[]}'.length + 1) / (shortest.length + 1));
  const body = `{"batch":[${Array.from({ length: count }, () => shortest).join()}]}`;
  const answer = await gateway.post("/api/public/ingestion", body);
  expect(answer).toMatchObject({ status: 207, body: { successes: [], errors: [] } });
});

/** A batch of one event whose JSON has exactly this many bytes. */
function batchOf(bytes: number): string {
  return batchWith("x".repeat(bytes - batchWith("").length));
}

function batchWith(input: string): string {
  return JSON.stringify({ batch: [event("trace-create", { id: "t", input }, { id: "e" })] });
}
