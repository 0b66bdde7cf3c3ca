import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { parseConfig } from "../runtime/config.ts";
import { recordingLogger } from "../runtime/http/testing.ts";
import { startStandalone } from "./standalone.ts";
import type { Standalone } from "./standalone.ts";

let directory: string;
let server: Standalone;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "sluice-read-your-writes-"));
  const parsed = parseConfig({
    SLUICE_PORT: "0",
    SLUICE_OTLP_GRPC_PORT: "off",
    SLUICE_DATA_DIR: directory,
    SLUICE_DISK_FLOOR_BYTES: "0",
    SLUICE_INIT_PROJECT_PUBLIC_KEY: "pk-lf-1",
    SLUICE_INIT_PROJECT_SECRET_KEY: "sk-lf-1",
  });
  if (!parsed.ok) throw new Error(parsed.problems.join("\n"));
  server = await startStandalone(parsed.config, { logger: recordingLogger().log, print: () => {} });
});

afterAll(async () => {
  await server.close();
  await rm(directory, { recursive: true, force: true });
});

async function request(
  method: string,
  where: string,
  body?: unknown,
  minPosition?: string,
): Promise<Response> {
  const headers = new Headers({
    authorization: `Basic ${Buffer.from("pk-lf-1:sk-lf-1").toString("base64")}`,
    "content-type": "application/json",
  });
  if (minPosition !== undefined) headers.set("x-sluice-min-position", minPosition);
  return await fetch(`${server.url}/api/public/${where}`, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

/** The position that a write was answered with. */
async function write(method: string, where: string, body?: unknown): Promise<string> {
  const response = await request(method, where, body);
  expect(response.ok).toBe(true);
  const position = response.headers.get("x-sluice-position");
  expect(position).toMatch(/^g1-0:\d+$/);
  return position ?? "";
}

/** The first answer that is not "behind": a machine may be too slow for five seconds. */
async function read(where: string, minPosition: string): Promise<Response> {
  for (;;) {
    const response = await request("GET", where, undefined, minPosition);
    if (response.status !== 503) return response;
    expect(response.headers.get("x-sluice-lag")).toMatch(/^[1-9]\d*$/);
  }
}

test("every way to write says where it wrote, and a read that names it sees the write", async () => {
  const event = { id: "e", type: "trace-create", timestamp: new Date().toISOString() };
  const batch = [{ ...event, body: { id: "t1", name: "batch", sessionId: "s1" } }];
  const inBatch = await write("POST", "ingestion", { batch });
  expect(await (await read("traces/t1", inBatch)).json()).toMatchObject({ name: "batch" });
  expect((await read("sessions/s1", inBatch)).status).toBe(200);

  const single = await write("POST", "spans", { id: "o1", traceId: "t1", name: "single" });
  const listed = await read("observations?traceId=t1", single);
  expect(await listed.json()).toMatchObject({ data: [{ id: "o1", name: "single" }] });

  const scored = await write("POST", "scores", { id: "c1", traceId: "t1", name: "n", value: 1 });
  expect((await read("v2/scores/c1", scored)).status).toBe(200);

  const unscored = await write("DELETE", "scores/c1");
  expect((await read("v2/scores/c1", unscored)).status).toBe(404);
  const deleted = await write("DELETE", "traces/t1");
  expect((await read("traces/t1", deleted)).status).toBe(404);
  const bulk = await write("DELETE", "traces", { traceIds: ["t2"] });
  expect((await read("traces", bulk)).status).toBe(200);
});

test("a request of which nothing was accepted names no position", async () => {
  const response = await request("POST", "ingestion", { batch: [{ id: "e", type: "unheard-of" }] });
  expect(response.status).toBe(207);
  expect(response.headers.get("x-sluice-position")).toBeNull();
});

test("a page of another origin may read the position and the lag", async () => {
  const response = await fetch(`${server.url}/api/public/health`, {
    headers: { origin: "https://app.example" },
  });
  const exposed = response.headers.get("access-control-expose-headers") ?? "";
  expect(exposed.toLowerCase()).toContain("x-sluice-position");
  expect(exposed.toLowerCase()).toContain("x-sluice-lag");
});
