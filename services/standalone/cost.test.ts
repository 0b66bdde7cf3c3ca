import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { parseConfig } from "../runtime/config.ts";
import { recordingLogger } from "../runtime/http/testing.ts";
import { startStandalone } from "./standalone.ts";

const env = {
  SLUICE_PORT: "0",
  SLUICE_OTLP_GRPC_PORT: "off",
  SLUICE_DISK_FLOOR_BYTES: "0",
  SLUICE_SHUTDOWN_MS: "60000",
  SLUICE_INIT_PROJECT_ID: "p",
  SLUICE_INIT_PROJECT_PUBLIC_KEY: "pk",
  SLUICE_INIT_PROJECT_SECRET_KEY: "sk",
};

interface Client {
  // oxlint-disable-next-line typescript/no-explicit-any -- a test states the shape it expects
  send(method: string, path: string, body?: object): Promise<{ status: number; body: any }>;
  observe(body: object, type?: string): Promise<void>;
  close(): Promise<void>;
}

async function started(directory: string): Promise<Client> {
  const parsed = parseConfig({ ...env, SLUICE_DATA_DIR: directory });
  if (!parsed.ok) throw new Error(parsed.problems.join("\n"));
  const server = await startStandalone(parsed.config, {
    logger: recordingLogger().log,
    print() {},
  });
  let events = 0;
  let closed = false;
  const client: Client = {
    async send(method, route, body) {
      const response = await fetch(`${server.url}/api/public${route}`, {
        method,
        headers: { authorization: `Basic ${btoa("pk:sk")}`, "content-type": "application/json" },
        ...(body && { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: await response.json() };
    },
    async observe(body, type = "generation-create") {
      events += 1;
      const timestamp = new Date(Date.UTC(2026, 8, 1) + events).toISOString();
      const event = { id: `${type}-${events}-${Date.now()}`, type, timestamp, body };
      const answer = await client.send("POST", "/ingestion", { batch: [event] });
      expect(answer.body.errors).toEqual([]);
    },
    async close() {
      if (!closed) await server.close();
      closed = true;
    },
  };
  onTestFinished(() => client.close());
  return client;
}

/** What is known of an observation's cost once its usage is stored. */
async function costOf(client: Client, id: string): Promise<unknown> {
  const read = async () => (await client.send("GET", `/x/observations/${id}/cost`)).body;
  await expect.poll(async () => (await read()).usage?.source ?? "none").not.toBe("none");
  return await read();
}

test("write-api §4.4, §4.5: an observation is priced by the definitions that its records knew, and keeps its price across changes and restarts", async () => {
  const directory = await mkdtemp(path.join(tmpdir(), "sluice-cost-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const first = await started(directory);
  const usageDetails = { input: 1000, output: 10 };

  await first.observe({ id: "built-in", traceId: "t", model: "gpt-4o", usageDetails });
  expect(await costOf(first, "built-in")).toMatchObject({
    model: { modelName: "gpt-4o", isLangfuseManaged: true },
    cost: { source: "computed", total: "0.0026" },
  });

  const model = { modelName: "mine", matchPattern: "(?i)^gpt-4o$", unit: "TOKENS" };
  const made = await first.send("POST", "/models", { ...model, inputPrice: 1 });
  await first.observe({ id: "own", traceId: "t", model: "gpt-4o", usageDetails });
  const own = await costOf(first, "own");
  expect(own).toMatchObject({ model: { id: made.body.id }, cost: { total: "1000" } });

  await first.send("DELETE", `/models/${made.body.id}`);
  await first.send("POST", "/models", { ...model, inputPrice: 2 });
  await first.observe({ id: "own", traceId: "t", name: "named later" }, "span-update");
  await expect
    .poll(async () => (await first.send("GET", "/observations/own")).body.name)
    .toBe("named later");
  expect(await costOf(first, "own")).toEqual(own);
  expect((await first.send("GET", "/observations/own")).body.inputPrice).toBeNull();
  await first.close();

  const second = await started(directory);
  await second.observe({ id: "own", traceId: "t", version: "2" }, "span-update");
  await expect
    .poll(async () => (await second.send("GET", "/observations/own")).body.version)
    .toBe("2");
  expect(await costOf(second, "own")).toEqual(own);
  await second.observe({ id: "own", usageDetails: { input: 7 } }, "generation-update");
  await expect
    .poll(async () => (await second.send("GET", "/x/observations/own/cost")).body.cost.total)
    .toBe("14");
});

test("write-api §4.3, §4.7: usage that nobody stated is counted, and a prompt that is not known stays as text", async () => {
  const directory = await mkdtemp(path.join(tmpdir(), "sluice-cost-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const client = await started(directory);
  const texts = { input: "hello world", output: "hello" };
  await client.observe({
    id: "o",
    traceId: "t",
    model: "gpt-4o",
    ...texts,
    promptName: "greet",
    promptVersion: 3,
  });
  expect(await costOf(client, "o")).toMatchObject({
    usage: {
      source: "counted",
      encoding: "o200k_base",
      details: { input: 2, output: 1, total: 3 },
    },
    cost: { source: "computed", total: "0.000015" },
  });
  const { body } = await client.send("GET", "/observations/o");
  expect(body).toMatchObject({ promptId: null, promptName: "greet", promptVersion: 3 });
});
