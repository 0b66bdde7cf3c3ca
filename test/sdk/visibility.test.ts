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

test("What a flush has sent can be read without anything more being sent, each time.", async () => {
  const { langfuse, flush } = langfuse3(server);
  for (let n = 0; n < 9; n += 1) {
    const id = `visible-${n}`;
    langfuse.trace({ id, name: "visible" }).score({ name: "seen", value: n });
    await flush();
    const { body } = await eventually(
      () => server.get(`/api/public/traces/${id}`),
      ({ status, body: trace }) =>
        status === 200 && (trace as { scores: unknown[] }).scores.length === 1,
    );
    expect(body).toMatchObject({ id, name: "visible", scores: [{ name: "seen", value: n }] });
  }
});
