import { describe, expect, it } from "vitest";

import { AppendError } from "../runtime/event-log/port.ts";
import { gate } from "../runtime/event-log/testing.ts";
import { eventually, rawClient } from "../runtime/http/testing.ts";
import { event, startGateway, testKeys } from "./testing.ts";

const tryAgain = { status: 503, body: { error: "ServiceUnavailableError" } };

describe("write-api §1.3, §5.3, §6 #52, §8.5: when the log cannot take events", () => {
  it.each(["retryable", "closed"] as const)(
    "the client is told in JSON to try again in a second (%s), and our log says why",
    async (kind) => {
      const gateway = await startGateway({
        append: () => () => Promise.reject(new AppendError(kind, "no space left")),
      });
      const answer = await gateway.ingest([event("trace-create")]);
      expect(answer).toMatchObject(tryAgain);
      expect(answer.headers.get("retry-after")).toBe("1");
      expect(JSON.stringify(answer.body)).not.toContain("no space left");
      expect(gateway.lines).toContainEqual(
        expect.objectContaining({
          level: "warn",
          error: expect.objectContaining({ message: "no space left" }),
        }),
      );
    },
  );

  it("the client is told so in time when it does not answer; the events may land later", async () => {
    const landing = gate();
    const gateway = await startGateway({
      limits: { answerMsMax: 100 },
      append: (log) => async (entries) => {
        await landing.opened;
        return await log.append(entries);
      },
    });
    expect(await gateway.ingest([event("trace-create")])).toMatchObject(tryAgain);
    landing.open();
    await eventually(() => gateway.records().length === 1);
  });

  it("a late failure after that answer harms nobody", async () => {
    const failing = gate();
    const gateway = await startGateway({
      limits: { answerMsMax: 20 },
      append: () => async () => {
        await failing.opened;
        throw new AppendError("retryable", "too late");
      },
    });
    expect(await gateway.ingest([event("trace-create")])).toMatchObject(tryAgain);
    failing.open();
    await expect.poll(async () => (await gateway.ingest([])).status).toBe(207);
  });

  it("something unforeseen is a 500 that says nothing but a number to quote", async () => {
    const gateway = await startGateway({
      append: () => () => Promise.reject(new Error("customer data")),
    });
    const answer = await gateway.ingest([event("trace-create")]);
    expect(answer.status).toBe(500);
    expect(JSON.stringify(answer.body)).not.toContain("customer");
  });
});

it("write-api §1.3: keys that cannot be checked are a 503 and not a 401, which would stop a client", async () => {
  const gateway = await startGateway({
    keys: { ...testKeys, bySecret: () => Promise.reject(new Error("registry down")) },
  });
  expect(await gateway.ingest([event("trace-create")])).toMatchObject(tryAgain);
});

it("a key ring that does not answer is a 503 in time", async () => {
  const gateway = await startGateway({
    limits: { answerMsMax: 50 },
    keys: { ...testKeys, bySecret: () => new Promise(() => {}) },
  });
  expect(await gateway.ingest([event("trace-create")])).toMatchObject(tryAgain);
});

describe("when requests in hand hold all the bytes there are", () => {
  const inflightBytesMax = 10_000;
  // The interim answer, 100, says that the request is in hand.
  const headers =
    "POST /api/public/ingestion HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n";

  it("another is refused before its body is sent, and admitted when one has left", async () => {
    const gateway = await startGateway({ limits: { inflightBytesMax } });
    const first = await rawClient(gateway.url);
    first.send(`${headers}Content-Length: 9000\r\n\r\n`);
    await first.until("100 Continue");
    const second = await rawClient(gateway.url);
    second.send(`${headers}Content-Length: 2000\r\n\r\n`);
    const text = await second.until("ServiceUnavailableError");
    expect(text).toMatch(/^HTTP\/1.1 503 [\s\S]*retry-after: 1\r\n/im);

    first.socket.resetAndDestroy();
    await eventually(() => gateway.lines.some(({ status }) => status === 499));
    const third = await rawClient(gateway.url);
    third.send(`${headers}Content-Length: 2000\r\n\r\n${"x".repeat(2000)}`);
    expect(await third.until("}")).toMatch(/^HTTP\/1.1 400 /m);
  });

  it("a compressed body counts with what it may become, and chunks with what they may", async () => {
    const gateway = await startGateway({ limits: { inflightBytesMax, bodyBytesMax: 9_000 } });
    const kinds = ["Content-Encoding: gzip\r\nContent-Length: 50", "Transfer-Encoding: chunked"];
    for (const [index, kind] of kinds.entries()) {
      const first = await rawClient(gateway.url);
      first.send(`${headers}${kind}\r\n\r\n`);
      await first.until("100 Continue");
      const second = await rawClient(gateway.url);
      second.send(`${headers}Content-Length: 2000\r\n\r\n`);
      expect(await second.until("}")).toMatch(/^HTTP\/1.1 503 /m);
      first.socket.resetAndDestroy();
      await eventually(
        () => gateway.lines.filter(({ status }) => status === 499).length === index + 1,
      );
    }
  });

  it("a request whose answer came too late still counts until its append is settled", async () => {
    const landing = gate();
    const gateway = await startGateway({
      limits: { inflightBytesMax: 1_000, answerMsMax: 50 },
      append: (log) => async (entries) => {
        await landing.opened;
        return await log.append(entries);
      },
    });
    const big = { input: "x".repeat(600) };
    expect(await gateway.ingest([event("trace-create", big)])).toMatchObject(tryAgain);
    expect((await gateway.ingest([event("trace-create", big)])).body.message).toContain("holds");
    landing.open();
    await eventually(() => gateway.records().length === 1);
    await expect
      .poll(async () => (await gateway.ingest([event("trace-create", big)])).status)
      .toBe(207);
  });
});
