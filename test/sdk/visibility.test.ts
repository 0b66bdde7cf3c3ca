import { afterAll, beforeAll, expect, test } from "vitest";

import { eventually, startServer } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { expectSilentConsole, expectSilentServer, langfuse3 } from "./clients.ts";

let server: StartedServer;

expectSilentConsole();
expectSilentServer(() => server);
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

test("What a flush has sent can be read within a second, usually, and always within two.", async () => {
  const { langfuse, flush } = langfuse3(server);
  const waits: number[] = [];
  for (let n = 0; n < 9; n += 1) {
    const id = `visible-${n}`;
    langfuse.trace({ id, name: "visible" }).score({ name: "seen", value: 1 });
    await flush();
    const flushedAt = performance.now();
    await eventually(
      () => server.get(`/api/public/traces/${id}`),
      ({ status, body }) => status === 200 && (body as { scores: unknown[] }).scores.length === 1,
      2_000,
    );
    waits.push(performance.now() - flushedAt);
  }
  const usual = waits.toSorted((one, other) => one - other)[4];
  expect(usual).toBeLessThan(1_000);
});
