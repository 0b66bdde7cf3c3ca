import { gzipSync } from "node:zlib";

import { expect, it } from "vitest";

import { AppendError } from "../runtime/event-log/port.ts";
import { rawClient } from "../runtime/http/testing.ts";
import { event, startGateway } from "./testing.ts";

const limit = 4_718_592;

it("a body of 4.5 MiB is taken, and one byte more gets a JSON 413", async () => {
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
  client.send("POST /api/public/ingestion HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
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

/** A batch of one event whose JSON has exactly this many bytes. */
function batchOf(bytes: number): string {
  const batch = (name: string): string =>
    JSON.stringify({ batch: [event("trace-create", { id: "t", input: name }, { id: "e" })] });
  return batch("x".repeat(bytes - batch("").length));
}
