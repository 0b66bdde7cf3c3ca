import { expect, it } from "vitest";

import { AppendError } from "../runtime/event-log/port.ts";
import { gate } from "../runtime/event-log/testing.ts";
import { eventually, rawClient } from "../runtime/http/testing.ts";
import {
  basic,
  exportOf,
  otlpSpan,
  postProtobuf,
  protobufOf,
  startGateway,
  testKeys,
} from "./testing.ts";

const path = "/api/public/otel/v1/traces";
const tryAgain = { status: 503, body: { code: 14, message: expect.any(String) } };

it.each([
  ["cannot take events now", new AppendError("retryable", "no space left")],
  ["is closed", new AppendError("closed", "closed")],
  ["fails in a way that nobody foresaw", new Error("customer data")],
])(
  "a log that %s is a 503 with Retry-After 1 and never a 500 (otlp.md §1.8)",
  async (_what, error) => {
    const gateway = await startGateway({ append: () => () => Promise.reject(error) });
    const json = await gateway.post(path, exportOf(otlpSpan()));
    expect(json).toMatchObject(tryAgain);
    expect(json.headers.get("retry-after")).toBe("1");
    const protobuf = await postProtobuf(gateway, "/v1/traces", protobufOf(exportOf(otlpSpan())));
    expect(protobuf.status).toBe(503);
    expect(protobuf.headers.get("retry-after")).toBe("1");
    expect([...protobuf.bytes.subarray(0, 2)]).toEqual([0x08, 14]);
    expect(JSON.stringify(json.body) + protobuf.bytes.toString()).not.toContain(error.message);
    expect(JSON.stringify(gateway.lines)).toContain(error.message);
  },
);

it("a log that does not answer is a 503 in time; the spans may land later", async () => {
  const landing = gate();
  const gateway = await startGateway({
    limits: { answerMsMax: 50 },
    append: (log) => async (entries) => {
      await landing.opened;
      return await log.append(entries);
    },
  });
  expect(await gateway.post(path, exportOf(otlpSpan()))).toMatchObject(tryAgain);
  landing.open();
  await eventually(() => gateway.records().length === 1);
});

it.each([
  ["cannot tell", () => Promise.reject(new Error("registry down"))],
  ["does not answer", () => new Promise<never>(() => {})],
])("a key ring that %s is a 503, before the body is read", async (_what, bySecret) => {
  const gateway = await startGateway({
    limits: { answerMsMax: 50 },
    keys: { ...testKeys, bySecret },
  });
  expect(await gateway.post(path, exportOf(otlpSpan()))).toMatchObject(tryAgain);
});

const head = (type: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: ${basic("pk-lf-1:sk-lf-1")}\r\nContent-Type: application/json\r\n${type}\r\n\r\n`;

it("requests without a length count with what they hold, so that many fit at once", async () => {
  const gateway = await startGateway({ limits: { inflightBytesMax: 21 * 1024 * 1024 } });
  const clients = await Promise.all(Array.from({ length: 20 }, () => rawClient(gateway.url)));
  for (const client of clients) client.send(`${head("Transfer-Encoding: chunked")}2\r\n{}\r\n`);
  for (const client of clients) client.send("0\r\n\r\n");
  for (const client of clients) expect(await client.until("{}")).toMatch(/^HTTP\/1.1 200 /);
});

it("one that grows beyond the room there is gets 503 while it is being sent, and its room is free again", async () => {
  const bytes = 2 * 1024 * 1024;
  const gateway = await startGateway({
    limits: { inflightBytesMax: bytes, otlpBodyBytesMax: bytes },
  });
  const first = await rawClient(gateway.url);
  first.send(`${head(`Content-Length: ${bytes - 800 * 1024}`)}{`);
  const growing = async (): Promise<string> => {
    const client = await rawClient(gateway.url);
    client.send(head("Transfer-Encoding: chunked"));
    for (let sent = 0; sent < 14; sent++) client.send(`10000\r\n${" ".repeat(0x10000)}\r\n`);
    client.send("2\r\n{}\r\n0\r\n\r\n");
    return await client.until("}");
  };
  let text = "";
  // The first may not have come in yet.
  await expect.poll(async () => (text = await growing()), { timeout: 20_000 }).toContain("503");
  expect(text).toMatch(/^HTTP\/1.1 503 [\s\S]*retry-after: 1\r\n/i);
  first.socket.resetAndDestroy();
  await expect.poll(growing, { timeout: 20_000 }).toContain("200 OK");
});

it("a request whose answer came too late still counts until its append is settled", async () => {
  const landing = gate();
  const gateway = await startGateway({
    limits: { inflightBytesMax: 2_000, otlpBodyBytesMax: 2_000, answerMsMax: 50 },
    append: (log) => async (entries) => {
      await landing.opened;
      return await log.append(entries);
    },
  });
  const big = exportOf(otlpSpan({ name: "x".repeat(1_000) }));
  expect(await gateway.post(path, big)).toMatchObject(tryAgain);
  expect((await gateway.post(path, big)).body.message).toContain("holds");
  landing.open();
  await eventually(() => gateway.records().length === 1);
  await expect
    .poll(async () => (await gateway.post(path, big)).status, { timeout: 15_000 })
    .toBe(200);
});
