import { gunzipSync } from "node:zlib";
import { Agent, request } from "undici";
import { expect, test } from "vitest";

import { answerJson, takesGzip } from "./compress.ts";
import { createHttpApp } from "./app.ts";
import { recordingLogger, startServer } from "./testing.ts";

const long = { text: "ünï ".repeat(1_000) };
const short = { text: "hi" };

async function serveBoth(): Promise<string> {
  const { log } = recordingLogger();
  const app = createHttpApp(log);
  app.get("/long", (c) => answerJson(c, long));
  app.get("/short", (c) => answerJson(c, short));
  app.get("/plain", (c) => c.json(long));
  return (await startServer(app, log)).url;
}

/** undici's `request` neither asks for an encoding by itself nor undoes one. */
async function ask(url: string, headers: Record<string, string> = {}, method = "GET") {
  const dispatcher = new Agent({ pipelining: 0 });
  const answer = await request(url, { dispatcher, headers, method: method as "GET" });
  const bytes = Buffer.from(await answer.body.arrayBuffer());
  await dispatcher.close();
  return { headers: answer.headers, bytes };
}

test("a long answer is gzipped for a client that takes it, and says that this depends on the client", async () => {
  const url = await serveBoth();
  const { headers, bytes } = await ask(`${url}/long`, { "accept-encoding": "br, gzip" });
  expect(headers).toMatchObject({
    "content-type": "application/json",
    "content-encoding": "gzip",
    "content-length": String(bytes.length),
    vary: "accept-encoding",
  });
  expect(bytes.length).toBeLessThan(200);
  expect(JSON.parse(gunzipSync(bytes).toString())).toEqual(long);
});

test("without asking, the bytes and headers are those of any JSON answer, and Vary", async () => {
  const url = await serveBoth();
  const plain = await ask(`${url}/plain`);
  const { headers, bytes } = await ask(`${url}/long`);
  expect(bytes).toEqual(plain.bytes);
  const { vary, "x-request-id": _id, date: _date, ...others } = headers;
  const { "x-request-id": _plainId, date: _plainDate, ...plainOthers } = plain.headers;
  expect(others).toEqual(plainOthers);
  expect(vary).toBe("accept-encoding");
});

test("a short answer, and what HEAD asks for, stay as they are", async () => {
  const url = await serveBoth();
  const gzip = { "accept-encoding": "gzip" };
  const { headers, bytes } = await ask(`${url}/short`, gzip);
  expect(headers["content-encoding"]).toBe(undefined);
  expect(JSON.parse(bytes.toString())).toEqual(short);
  const head = await ask(`${url}/long`, gzip, "HEAD");
  expect(head.bytes).toHaveLength(0);
  expect(head.headers["content-encoding"]).toBe(undefined);
});

test("Vary names both the origin and the encoding where both decide", async () => {
  const url = await serveBoth();
  const { headers } = await ask(`${url}/long`, {
    "accept-encoding": "gzip",
    origin: "https://app.example.com",
  });
  expect(String(headers["vary"]).toLowerCase()).toContain("accept-encoding");
  expect(String(headers["vary"]).toLowerCase()).toContain("origin");
  expect(headers["access-control-allow-origin"]).toBe("https://app.example.com");
});

test.each([
  ["gzip", true],
  ["gzip, deflate, br", true],
  ["GZIP;q=0.5", true],
  ["*", true],
  ["deflate, *;q=0.1", true],
  ["x-gzip", true],
  ["gzip;q=0", false],
  ["gzip; q=0.0, *", false],
  ["*;q=0", false],
  ["identity", false],
  ["gzip;q=rubbish", false],
  ["", false],
  [undefined, false],
])("Accept-Encoding: %s takes gzip: %s", (header, expected) => {
  expect(takesGzip(header)).toBe(expected);
});
