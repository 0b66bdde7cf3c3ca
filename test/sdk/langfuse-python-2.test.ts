import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

import { runSluice } from "../smoke/run-sluice.ts";
import { project, startServer } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { expectSilentServer, patienceMs } from "./clients.ts";
import {
  bareObservation,
  bareScore,
  bareTrace,
  byId,
  iso,
  momentSince,
  zeroPrices,
} from "./expected.ts";
import { named } from "./integrations.ts";
import type { ShownTrace } from "./integrations.ts";

const sdk = "langfuse==2.60.10";
/** Some twenty packages are fetched. */
const installMsMax = 600_000;
const installArgs = ["--quiet", "--disable-pip-version-check", "--retries", "10", "--no-compile"];

let server: StartedServer;
let folder: string;
let since: number;
/** The two traces as the server gives them, and as the SDK has read them. */
let story: ShownTrace;
let decorated: ShownTrace;
let readBySdk: unknown;

expectSilentServer(() => server);
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "sluice-python-"));
  server = await startServer();
  since = Date.now();
  await run(["-m", "pip", "install", ...installArgs, "--target", folder, sdk]);
  const script = path.join(import.meta.dirname, "langfuse-python-2.py");
  await run(["-S", script, "tell"]);
  // The SDK tells a trace in several requests, at times of its own: an export waits until all of them are stored.
  const env = { SLUICE_DATA_DIR: server.dataDir };
  const exported = await runSluice(["export", "--project", project.id], env);
  if (exported.code !== 0) throw new Error(`the export failed: ${exported.err}`);
  readBySdk = JSON.parse((await run(["-S", script, "read"])).stdout);
  story = (await server.get("/api/public/traces/python-story")).body as ShownTrace;
  decorated = (await server.get("/api/public/traces/python-decorated")).body as ShownTrace;
}, installMsMax);
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

test("A trace told call by call is read back with every field that was given.", () => {
  const { observations, scores, ...trace } = story;
  const stamps = { createdAt: momentSince(since), updatedAt: momentSince(since) };
  const base = { traceId: "python-story", environment: "staging", ...stamps };
  expect(trace).toStrictEqual({
    ...bareTrace,
    ...stamps,
    id: "python-story",
    timestamp: iso(0),
    name: "support chat",
    userId: "user-1",
    sessionId: "session-1",
    version: "7",
    release: "r-42",
    environment: "staging",
    public: true,
    tags: ["beta", "paid"],
    input: { question: "Where is my order?", attempts: [1, 2], draft: null },
    output: "On its way.",
    metadata: { plan: "pro", seats: 4, nested: { deep: [1, null] } },
    totalCost: 0.003,
    latency: 4,
    htmlPath: "/project/started-project/traces/python-story",
  });
  expect(byId(observations)).toStrictEqual(
    [event, generation, legacy, span].map((observation) => ({
      ...bareObservation,
      ...zeroPrices,
      ...base,
      ...observation,
    })),
  );
  const score = { ...bareScore, ...base, timestamp: momentSince(since) };
  expect(byId(scores as readonly { id: string }[])).toStrictEqual([
    {
      ...score,
      id: "python-label",
      name: "label",
      value: 0,
      stringValue: "helpful",
      dataType: "CATEGORICAL",
      observationId: "python-span",
    },
    { ...score, id: "python-quality", name: "quality", value: 0.9, comment: "good" },
  ]);
});

test("Decorated functions are read back as the trace and its steps, an error of one among them.", () => {
  expect(decorated).toMatchObject({
    name: "decorated",
    userId: "user-2",
    sessionId: "session-2",
    tags: ["decorator"],
    release: "r-42",
    environment: "staging",
    metadata: { kind: "test" },
    input: { args: ["why?"], kwargs: {} },
    output: { answer: "WHY?", limit: 2 },
    scores: [{ name: "decorated quality", value: 1, observationId: null }],
  });
  expect(decorated.observations).toHaveLength(2);
  const model = named(decorated, "fake model");
  const tool = named(decorated, "broken_tool");
  expect(model).toMatchObject({
    type: "GENERATION",
    parentObservationId: null,
    environment: "staging",
    level: "DEFAULT",
    input: { args: ["why?"], kwargs: {} },
    output: "WHY?",
    metadata: { cached: false },
    model: "model-of-nobody",
    modelParameters: { temperature: 0 },
    usageDetails: { input: 7, output: 3, total: 10 },
  });
  expect(tool).toMatchObject({
    type: "SPAN",
    level: "ERROR",
    statusMessage: "out of order",
    input: { args: ["x"], kwargs: {} },
    output: null,
  });
  const times = [model["startTime"], model.endTime, tool["startTime"], tool.endTime].map(String);
  expect(times).toStrictEqual(times.toSorted());
  expect(Number(model["latency"])).toBeGreaterThan(0);
});

test("The SDK reads both traces as the server gives them.", () => {
  expect(withMoments(readBySdk)).toStrictEqual(withMoments([story, decorated]));
});

const span = {
  id: "python-span",
  startTime: iso(0),
  endTime: iso(4000),
  latency: 4,
  name: "answer",
  input: "plain text",
  output: ["a", { b: 2 }],
  metadata: { step: 1 },
  version: "s1",
};
const below = { parentObservationId: "python-span" };
const event = {
  ...below,
  id: "python-event",
  type: "EVENT",
  startTime: iso(600),
  name: "cache miss",
  level: "WARNING",
  statusMessage: "slow",
  input: { key: "order" },
};
const generation = {
  ...below,
  id: "python-generation",
  type: "GENERATION",
  startTime: iso(500),
  endTime: iso(3500),
  completionStartTime: iso(1250),
  latency: 3,
  timeToFirstToken: 0.75,
  name: "call",
  model: "model-of-nobody",
  // The SDK sends a fraction as text.
  modelParameters: { temperature: "0.5", max_tokens: 64, stop: ["a", "b"], stream: true },
  input: [{ role: "user", content: "Où est-ce? 🙂" }],
  output: { role: "assistant", content: "On its way." },
  metadata: { attempt: 1 },
  usageDetails: { input: 100, output: 20, input_cached_tokens: 40, total: 160 },
  usage: { unit: "TOKENS", input: 140, output: 20, total: 160 },
  promptTokens: 140,
  completionTokens: 20,
  totalTokens: 160,
  costDetails: { input: 0.001, output: 0.002, total: 0.003 },
  calculatedInputCost: 0.001,
  calculatedOutputCost: 0.002,
  calculatedTotalCost: 0.003,
};
const legacy = {
  ...below,
  id: "python-legacy",
  type: "GENERATION",
  startTime: iso(700),
  endTime: iso(800),
  latency: 0.1,
  name: "old counts",
  level: "ERROR",
  statusMessage: "refused",
  model: "model-of-nobody",
  usageDetails: { input: 10, output: 5, total: 15 },
  usage: { unit: "TOKENS", input: 10, output: 5, total: 15 },
  promptTokens: 10,
  completionTokens: 5,
  totalTokens: 15,
};

/** Python with the packages of the folder, and with `-S` no others. Rejects when there is none, or when it fails. */
function run(args: readonly string[]): Promise<{ readonly stdout: string }> {
  return promisify(execFile)("python3", [...args], {
    env: {
      ...process.env,
      PYTHONPATH: folder,
      LANGFUSE_HOST: server.url,
      LANGFUSE_PUBLIC_KEY: project.publicKey,
      LANGFUSE_SECRET_KEY: project.secretKey,
      LANGFUSE_TRACING_ENVIRONMENT: "staging",
      LANGFUSE_RELEASE: "r-42",
      LANGFUSE_TIMEOUT: String(patienceMs / 1000),
    },
  });
}

/** Both write the same moments with other digits. */
function withMoments(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (_key, part: unknown) =>
    typeof part === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(part)
      ? new Date(part).getTime()
      : part,
  ) as unknown;
}
