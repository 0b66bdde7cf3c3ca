import { describe, expect, it } from "vitest";

import { forbidden } from "../../../schemas/errors.ts";
import { createHttpApp } from "./app.ts";
import { recordingLogger, startServer } from "./testing.ts";
import type { LogLine } from "./testing.ts";

describe("errors", () => {
  it("are JSON 404 where there is no route", async () => {
    const { url } = await sample();
    const response = await fetch(`${url}/nowhere`);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: "LangfuseNotFoundError" });
  });

  it.each(["PUT", "PATCH", "DELETE", "POST"])(
    "are JSON 405 where %s is not served but another method is",
    async (method) => {
      const { url } = await sample();
      const response = await fetch(`${url}/things/a%2Fb`, { method });
      expect(response.status).toBe(405);
      expect(await response.json()).toEqual({
        error: "MethodNotAllowedError",
        message: "Method not allowed",
      });
    },
  );

  it("are what a route throws", async () => {
    const { url } = await sample();
    const response = await fetch(`${url}/forbidden`);
    expect(response.status).toBe(403);
    expect(await response.json()).toEqual({ message: "not yours" });
  });

  it("are a request id and nothing else when unforeseen; the log has the cause under that id", async () => {
    const { url, lines } = await sample();
    const response = await fetch(`${url}/broken`);
    const body = (await response.json()) as { requestId: string };
    expect(response.status).toBe(500);
    expect(JSON.stringify(body)).not.toContain("customer");
    expect(lines).toContainEqual(
      expect.objectContaining({
        level: "error",
        requestId: body.requestId,
        error: expect.objectContaining({ message: "customer data" }),
      }),
    );
    expect(response.headers.get("x-request-id")).toBe(body.requestId);
  });
});

describe("a request's log line", () => {
  it("is one, and has method, route, status, time and what the route added, but no path or query", async () => {
    const { url, lines } = await sample();
    await fetch(`${url}/things/secret-id?q=private`);
    expect(lines).toEqual([
      {
        level: "info",
        message: "request",
        time: expect.any(String),
        requestId: expect.any(String),
        method: "GET",
        route: "/things/:id",
        status: 200,
        ms: expect.any(Number),
        project: "p1",
      },
    ]);
  });
});

describe("write-api §1.2: a page of another origin", () => {
  it("may call, without credentials", async () => {
    const { url } = await sample();
    const response = await fetch(`${url}/things/1`, { headers: { origin: "https://app.example" } });
    expect(response.headers.get("access-control-allow-origin")).toBe("https://app.example");
    expect(response.headers.get("access-control-allow-credentials")).toBeNull();
    expect(response.headers.get("vary")).toContain("Origin");
  });

  it("gets to read errors too", async () => {
    const { url } = await sample();
    for (const path of ["/nowhere", "/forbidden", "/broken"]) {
      const response = await fetch(url + path, { headers: { origin: "https://app.example" } });
      expect(response.headers.get("access-control-allow-origin")).toBe("https://app.example");
    }
  });

  it("gets an empty 204 to its preflight, for any path and header", async () => {
    const { url } = await sample();
    const response = await fetch(`${url}/things/1`, {
      method: "OPTIONS",
      headers: {
        origin: "https://app.example",
        "access-control-request-method": "DELETE",
        "access-control-request-headers": "authorization,x-anything",
      },
    });
    expect(response.status).toBe(204);
    expect(await response.text()).toBe("");
    expect(response.headers.get("access-control-allow-methods")).toContain("DELETE");
    expect(response.headers.get("access-control-allow-headers")).toContain("x-anything");
  });

  it("is not needed for a preflight to be answered", async () => {
    const { url } = await sample();
    expect((await fetch(`${url}/things/1`, { method: "OPTIONS" })).status).toBe(204);
  });
});

async function sample(): Promise<{ url: string; lines: LogLine[] }> {
  const { log, lines } = recordingLogger();
  const app = createHttpApp(log);
  app.get("/things/:id", (c) => {
    c.get("line").project = "p1";
    return c.json({ id: c.req.param("id") });
  });
  app.get("/forbidden", () => {
    throw forbidden("not yours");
  });
  app.get("/broken", () => {
    throw new Error("customer data");
  });
  const { url } = await startServer(app, log);
  return { url, lines };
}
