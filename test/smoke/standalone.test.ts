import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { eventually, startServer } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { runSluice } from "./run-sluice.ts";

describe("the built command, standalone", () => {
  const traceId = "smoke-trace";
  let dataDir: string;
  let server: StartedServer;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "sluice-"));
    server = await startServer({ dataDir });
  });

  afterAll(async () => {
    server.process.kill("SIGKILL");
    await rm(dataDir, { recursive: true, force: true });
  });

  it("accepts a trace of a Langfuse client and reads it back", async () => {
    const timestamp = new Date().toISOString();
    const body = { id: traceId, timestamp, name: "smoke", input: { question: "?" } };
    const batch = [{ id: "smoke-event", type: "trace-create", timestamp, body }];
    expect(await server.post("/api/public/ingestion", { batch })).toEqual({
      status: 207,
      body: { successes: [{ id: "smoke-event", status: 201 }], errors: [] },
    });
    expect(await readTrace()).toMatchObject({
      id: traceId,
      name: "smoke",
      input: { question: "?" },
    });
  });

  it("refuses a second start on its data directory and names the process that holds it", async () => {
    const { code, err } = await runSluice(["standalone"], {
      SLUICE_PORT: "0",
      SLUICE_OTLP_GRPC_PORT: "off",
      SLUICE_DATA_DIR: dataDir,
    });
    expect(code).toBe(1);
    expect(err).toContain(String(server.process.pid));
  });

  it.each(["SIGTERM", "SIGINT"] as const)(
    "ends with 0 after %s, and has the trace when started again",
    async (signal) => {
      const ended = once(server.process, "exit");
      server.process.kill(signal);
      expect(await ended).toEqual([0, null]);
      server = await startServer({ dataDir });
      expect(await readTrace()).toMatchObject({ id: traceId, name: "smoke" });
    },
  );

  async function readTrace(): Promise<unknown> {
    const answer = await eventually(
      () => server.get(`/api/public/traces/${traceId}`),
      ({ status }) => status === 200,
    );
    return answer.body;
  }
});
