import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";

import { createHttpApp } from "../runtime/http/app.ts";
import type { PublicUrlOptions } from "../runtime/http/public-url.ts";
import { recordingLogger } from "../runtime/http/testing.ts";
import { queryDescriptions } from "./descriptions.ts";
import { addPages } from "./docs.ts";
import { yamlOf } from "./yaml.ts";

const noProxy: PublicUrlOptions = { publicUrl: null, trustedProxies: null };

function pages(options: PublicUrlOptions = noProxy) {
  const app = createHttpApp(recordingLogger().log);
  addPages(app, { ...options, routes: queryDescriptions });
  return async (target: string, headers: Record<string, string> = {}) => {
    const response = await app.request(`http://sluice.test${target}`, { headers });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
}

/** The address that the OpenAPI document gives for this server. */
async function linkOf(options: PublicUrlOptions, headers: Record<string, string>): Promise<string> {
  const { text } = await pages(options)("/openapi.json", headers);
  return JSON.parse(text).servers[0].url;
}

describe("the pages that links of SDKs lead to (read-api §15 #10)", () => {
  test.each(["/trace/t-1", "/project/p1/traces/t-1"])(
    "%s says how to read the trace, without a key",
    async (target) => {
      const { status, headers, text } = await pages()(target);
      expect(status).toBe(200);
      expect(headers.get("content-type")).toBe("text/html; charset=utf-8");
      expect(text).toContain("'http://sluice.test/api/public/traces/t-1'");
      expect(text).toContain("api.trace.get(&quot;t-1&quot;)");
    },
  );

  test("a page runs nothing, loads nothing and cannot be framed", async () => {
    const { headers, text } = await pages()("/trace/t-1");
    const policy = headers.get("content-security-policy") ?? "";
    expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[\w+/=]+';/);
    expect(policy).toContain("frame-ancestors 'none'");
    const style = /<style>([^<]*)<\/style>/.exec(text)?.[1] ?? "";
    const hash = createHash("sha256").update(style).digest("base64");
    expect(policy).toContain(`style-src 'sha256-${hash}';`);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
    expect(text).not.toMatch(/<script|<img|<link|style="|onload|@import|url\(/);
  });

  test.each([
    "<script>alert(1)</script>",
    `"'><img src=x onerror=alert(1)>`,
    "a/b",
    "it's; rm -rf ~; $(id) `id`",
    "../../etc/passwd",
    "100%",
    "line\nbreak",
    "</title><h1>",
    "ünï→😀",
    "\0",
  ])("the id %j is text and nothing else, also in the command to copy", async (id) => {
    const { status, text } = await pages()(`/trace/${encodeURIComponent(id)}`);
    expect(status).toBe(200);
    expect(text).not.toMatch(/<script|<img|<\/title><h1/);
    const [, command] =
      /curl -u "\$LANGFUSE_PUBLIC_KEY:\$LANGFUSE_SECRET_KEY" '([^<]*)'<\/pre>/.exec(text) ?? [];
    expect(command).toMatch(/^http:\/\/sluice\.test\/api\/public\/traces\/[\w.~%-]+$/);
    expect(decodeURIComponent(command?.split("/").at(-1) ?? "")).toBe(id);
  });
});

describe("where links point (SLUICE_PUBLIC_URL, SLUICE_TRUSTED_PROXIES)", () => {
  const forwarded = {
    "x-forwarded-proto": "https",
    "x-forwarded-host": "traces.example.com",
    "x-forwarded-for": "203.0.113.9",
  };
  test("what is forwarded counts only when a proxy is trusted", async () => {
    expect(await linkOf(noProxy, forwarded)).toBe("http://sluice.test");
    expect(await linkOf({ publicUrl: null, trustedProxies: 1 }, forwarded)).toBe(
      "https://traces.example.com",
    );
    expect(await linkOf({ publicUrl: null, trustedProxies: 1 }, {})).toBe("http://sluice.test");
  });

  test("the public URL counts before everything else", async () => {
    const options = { publicUrl: "https://set.example.com/sluice", trustedProxies: 1 };
    expect(await linkOf(options, forwarded)).toBe("https://set.example.com/sluice");
  });

  test("of a list, what the farthest trusted proxy said counts, and not what came before", async () => {
    const headers = {
      "x-forwarded-proto": "http, https, http",
      "x-forwarded-host": "forged.example.com, traces.example.com, inner:8080",
    };
    const nearest = { publicUrl: null, trustedProxies: 1 };
    expect(await linkOf(nearest, headers)).toBe("http://inner:8080");
    const both = { publicUrl: null, trustedProxies: 2 };
    expect(await linkOf(both, headers)).toBe("https://traces.example.com");
  });

  test.each(["evil.com/path", "a b", "$(id)", `"><script>`, "user@host", "a'b"])(
    "the host %j is refused rather than shown",
    async (host) => {
      const ask = pages({ publicUrl: null, trustedProxies: 1 });
      const { status, text } = await ask("/trace/t", { "x-forwarded-host": host });
      expect(status).toBe(400);
      expect(text).not.toContain(host);
    },
  );
});

describe("/openapi.json, /openapi.yaml and /docs", () => {
  test("both documents say the same", async () => {
    const ask = pages();
    const json = await ask("/openapi.json");
    const yaml = await ask("/openapi.yaml");
    expect(json.headers.get("content-type")).toBe("application/json");
    expect(yaml.headers.get("content-type")).toBe("application/yaml");
    expect(yaml.text).toBe(yamlOf(JSON.parse(json.text)));
  });

  test("the page names every route and every schema, and loads nothing", async () => {
    const ask = pages();
    const document = JSON.parse((await ask("/openapi.json")).text);
    const { status, text } = await ask("/docs");
    expect(status).toBe(200);
    for (const path of Object.keys(document.paths)) expect(text).toContain(`<code>${path}</code>`);
    for (const name of Object.keys(document.components.schemas)) {
      expect(text).toContain(`id="${name}"`);
    }
    expect(text).not.toMatch(/<script|<img|<link|(?:src|href)="(?:https?:)?\/\//);
    expect(text).not.toContain("[object ");
    expect(text).not.toContain("undefined");
  });

  test("YAML keeps texts, numbers, lists, empty values and odd keys", () => {
    const value = {
      openapi: "3.0.3",
      "200": { $ref: "#/a", on: true },
      list: [{ a: 1, b: [] }, [1, "x: y"], "- no\nlist"],
      none: {},
      nothing: null,
    };
    expect(yamlOf(value)).toBe(
      [
        '"200":',
        '  $ref: "#/a"',
        '  "on": true',
        'openapi: "3.0.3"',
        "list:",
        "  - a: 1",
        "    b: []",
        "  - - 1",
        '    - "x: y"',
        '  - "- no\\nlist"',
        "none: {}",
        "nothing: null",
        "",
      ].join("\n"),
    );
  });
});
