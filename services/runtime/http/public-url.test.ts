import { expect, test } from "vitest";

import { proxyList, type TrustedProxies } from "../setting-formats.ts";
import { createHttpApp } from "./app.ts";
import { publicUrlOf } from "./public-url.ts";
import { recordingLogger, startServer } from "./testing.ts";

async function urlSeen(trustedProxies: TrustedProxies | null, headers: Record<string, string>) {
  const { log } = recordingLogger();
  const app = createHttpApp(log);
  const publicUrl = publicUrlOf({ publicUrl: null, trustedProxies });
  app.get("/", (c) => c.text(publicUrl(c)));
  const { url } = await startServer(app, log);
  const answer = await fetch(url, { headers });
  return { own: url, seen: await answer.text() };
}

test("a proxy counts by the address that its connection comes from", async () => {
  const headers = { "x-forwarded-proto": "https", "x-forwarded-host": "a.example.com" };
  for (const trusted of [["127.0.0.1"], ["10.0.0.0/8", "127.0.0.0/8"], ["::1", "127.0.0.1"], 1]) {
    expect((await urlSeen(trusted, headers)).seen).toBe("https://a.example.com");
  }
  for (const untrusted of [null, ["10.0.0.0/8"], ["::1"], ["127.0.0.2"]]) {
    const { own, seen } = await urlSeen(untrusted, headers);
    expect(seen).toBe(own);
  }
});

test("proxies behind one another count as far as their addresses are trusted", async () => {
  const headers = {
    "x-forwarded-for": "203.0.113.9, 10.0.0.7",
    "x-forwarded-proto": "http, https, http",
    "x-forwarded-host": "forged.example.com, a.example.com, inner",
  };
  const both = await urlSeen(["127.0.0.1", "10.0.0.0/8"], headers);
  expect(both.seen).toBe("https://a.example.com");
  const nearest = await urlSeen(["127.0.0.1"], headers);
  expect(nearest.seen).toBe("http://inner");
});

test("a scheme that is neither http nor https is not taken over", async () => {
  const { seen } = await urlSeen(1, {
    "x-forwarded-proto": "javascript",
    "x-forwarded-host": "a.example.com",
  });
  expect(seen).toBe("http://a.example.com");
});

test.each([
  ["1", 1],
  ["10.0.0.0/8", ["10.0.0.0/8"]],
  ["127.0.0.1, ::1,fd00::/8", ["127.0.0.1", "::1", "fd00::/8"]],
  ["0", undefined],
  ["10", undefined],
  ["10.0.0.0/33", undefined],
  ["::/129", undefined],
  ["proxy.example.com", undefined],
  ["10.0.0.1,", undefined],
  ["10.0.0.0/", undefined],
])("the setting %j means %j", (text, expected) => {
  expect(proxyList().parse(text)).toEqual(expected);
});
