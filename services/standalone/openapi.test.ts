import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";

import { gatewayRoutes } from "../gateway/app.ts";
import type { GatewayOptions } from "../gateway/app.ts";
import { gatewayDescriptions } from "../gateway/descriptions.ts";
import { addQueryRoutes } from "../query/app.ts";
import { queryDescriptions } from "../query/descriptions.ts";
import { addPages } from "../query/docs.ts";
import type { OpenApi } from "../query/openapi.ts";
import type { QueryDeps } from "../query/route.ts";
import { createHttpApp } from "../runtime/http/app.ts";
import { recordingLogger } from "../runtime/http/testing.ts";

const descriptions = [...gatewayDescriptions, ...queryDescriptions];

/** All routes of the server; these tests only call those that need nothing behind them. */
function wholeApp() {
  const { log } = recordingLogger();
  const app = createHttpApp(log);
  const limits = { bodyBytesMax: 1, otlpBodyBytesMax: 1, inflightBytesMax: 1, depthMax: 1 };
  gatewayRoutes(app, { log, limits } as unknown as GatewayOptions);
  addQueryRoutes(app, { log, limits: {} } as unknown as QueryDeps);
  addPages(app, { publicUrl: null, trustedProxies: null, routes: descriptions });
  return app;
}

/** Pages for people, which are not part of the API. */
const pages = [
  "GET /docs",
  "GET /openapi.json",
  "GET /openapi.yaml",
  "GET /project/:projectId/traces/:traceId",
  "GET /trace/:traceId",
];

async function openApi(): Promise<OpenApi> {
  const response = await wholeApp().request("http://sluice.test/openapi.json");
  expect(response.status).toBe(200);
  return (await response.json()) as OpenApi;
}

describe("the OpenAPI document", () => {
  test("every route that is registered is described, and every one that is described is registered", () => {
    const registered = wholeApp()
      .routes.filter(({ method }) => method !== "ALL")
      .map(({ method, path }) => `${method} ${path}`);
    const described = descriptions.map(({ method, path }) => `${method.toUpperCase()} ${path}`);
    expect([...described, ...pages].toSorted()).toEqual(registered.toSorted());
    expect(registered.length).toBeGreaterThan(40);
  });

  test("ids of operations and names of schemas are unique", async () => {
    const ids = descriptions.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const { components } = await openApi();
    expect(Object.keys(components.schemas).length).toBeGreaterThan(30);
  });

  test("every reference points at something, and every parameter of a path is declared", async () => {
    const document = await openApi();
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g)];
    expect(references.length).toBeGreaterThan(60);
    for (const [, reference = ""] of references) {
      const name = /^#\/components\/schemas\/([A-Za-z0-9]+)$/.exec(reference)?.[1] ?? "";
      expect([reference, document.components.schemas[name]]).toEqual([
        reference,
        expect.any(Object),
      ]);
    }
    const shapes = Object.keys(document.paths).map((path) => path.replaceAll(/\{\w+\}/g, "{}"));
    expect(new Set(shapes).size).toBe(shapes.length);
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const { parameters } of Object.values(operations)) {
        const declared = parameters
          .filter((one) => one.in === "path")
          .map(({ name }) => `{${name}}`);
        expect([path, declared]).toEqual([path, path.match(/\{\w+\}/g) ?? []]);
      }
    }
  });

  test("parameters have the types, bounds and defaults that requests are held against", async () => {
    const { paths } = await openApi();
    const parameters = paths["/api/public/v2/observations"]?.["get"]?.parameters ?? [];
    const schemas = Object.fromEntries(parameters.map(({ name, schema }) => [name, schema]));
    expect(schemas).toMatchObject({
      limit: { type: "integer", minimum: 0, maximum: 1000, default: 50 },
      level: { type: "string", enum: ["DEBUG", "DEFAULT", "WARNING", "ERROR"] },
      isRootObservation: { type: "string", enum: ["true", "false"] },
      traceId: { type: "string" },
    });
  });

  test("it is gzipped for who takes that", async () => {
    const headers = { "accept-encoding": "gzip" };
    const response = await wholeApp().request("http://sluice.test/openapi.json", { headers });
    expect(response.headers.get("content-encoding")).toBe("gzip");
    const text = gunzipSync(Buffer.from(await response.arrayBuffer())).toString();
    expect(JSON.parse(text)).toEqual(await openApi());
  });

  test("its server is the address that it was asked at", async () => {
    expect((await openApi()).servers).toEqual([{ url: "http://sluice.test" }]);
  });
});
