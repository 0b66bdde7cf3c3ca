import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";

import { eventually, startServer } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { expectSilentServer } from "../sdk/clients.ts";
import { readByBoth } from "../sdk/generations.ts";
import { named, pathTo } from "../sdk/integrations.ts";
import type { ShownTrace } from "../sdk/integrations.ts";
import { authorization } from "../sdk/otlp-clients.ts";

/** Fetched for this test: with it come some 250 packages that nothing else here needs. */
const sdk = "@traceloop/node-server-sdk@0.27.0";
const installMsMax = 600_000;
const installArgs = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];

let server: StartedServer;
let folder: string;
let trace: ShownTrace;

expectSilentServer(() => server);
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "sluice-traceloop-"));
  server = await startServer();
  await writeFile(path.join(folder, "package.json"), '{"private":true}');
  await run("npm", ["install", ...installArgs, sdk]);
  const script = "traceloop.mjs";
  await copyFile(path.join(import.meta.dirname, script), path.join(folder, script));
  const target = { baseUrl: `${server.url}/api/public/otel`, authorization };
  await run(process.execPath, [script], JSON.stringify(target));
  const { body } = await eventually(
    () => server.get("/api/public/traces"),
    (answer) => (answer.body as Traces).data.length === 1,
  );
  trace = await readByBoth(server, (body as Traces).data[0]?.id ?? "", 5);
}, installMsMax);
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

test("Workflow, agent, tool, task and call are returned as they nest, each with its type.", () => {
  const found = trace.observations.map((one) => [one["type"], ...pathTo(trace, one)].join(" / "));
  const agent = "forecast.workflow / planner.agent";
  expect(found.toSorted()).toStrictEqual([
    `AGENT / ${agent}`,
    "CHAIN / forecast.workflow",
    `GENERATION / ${agent} / answer.task / openai.chat`,
    `SPAN / ${agent} / answer.task`,
    `TOOL / ${agent} / locate.tool`,
  ]);
});

test("The trace has the input and output of its workflow, and whom the properties name.", () => {
  const input = { args: ["How is the weather?"], kwargs: {} };
  expect(trace).toMatchObject({
    name: "forecast.workflow",
    userId: "user-1",
    sessionId: "session-1",
    input,
    output: "Sunny.",
    metadata: { plan: "pro" },
  });
  expect(named(trace, "planner.agent")).toMatchObject({ input, output: "Sunny." });
  expect(named(trace, "locate.tool")).toMatchObject({
    input: { args: ["127.0.0.1"], kwargs: {} },
    output: "Bern",
    metadata: { plan: "pro" },
  });
});

test("The call of the model is returned with its messages, its model and its usage.", () => {
  expect(named(trace, "openai.chat")).toMatchObject({
    input: [
      { role: "system", content: "You know Bern." },
      { role: "user", content: "How is the weather?" },
    ],
    output: [{ role: "assistant", content: "Sunny.", finish_reason: "stop" }],
    model: "fake-1-2025",
    usageDetails: { input: 20, output: 7, total: 27 },
  });
});

interface Traces {
  readonly data: readonly { readonly id: string }[];
}

/** A command in the folder, to its end; rejects with what it printed when it fails. */
async function run(command: string, args: readonly string[], input = ""): Promise<void> {
  const child = spawn(command, args, { cwd: folder });
  child.stdin.end(input);
  const [out, err] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  if (child.exitCode !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${out}${err}`);
}
