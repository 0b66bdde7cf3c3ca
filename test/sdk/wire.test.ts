import { afterAll, beforeAll, expect, test } from "vitest";

import { eventually, startServer } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { expectSilentConsole, expectSilentServer, langfuse3, langfuse5 } from "./clients.ts";
import { at } from "./expected.ts";

let server: StartedServer;

expectSilentConsole();
expectSilentServer(() => server);
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

test("write-api §5.2, §5.3, §6 #49: the older SDK sends each batch once: no event is refused, so it repeats nothing.", async () => {
  const { langfuse, flushes, flush } = langfuse3(server, { flushAt: 10 });
  const seen = server.log.length;
  for (let n = 0; n < 12; n += 1) {
    const trace = langfuse.trace({ name: `trace ${n}`, timestamp: at(n), input: { n } });
    const span = trace.span({ name: "step", input: { n } });
    span.generation({ name: "call", model: "m", usage: { input: 1, output: 2 } }).end();
    span.event({ name: "seen" });
    trace.score({ name: "quality", value: n / 12 });
    span.end({ output: [n] });
  }
  await flush();
  const events = flushes.reduce((sum, count) => sum + count, 0);
  expect(events).toBe(12 * 7);
  expect(await ingestions(seen, flushes.length)).toStrictEqual(
    flushes.toSorted((one, other) => one - other),
  );
});

test("write-api §5.5: the newer SDK sends each batch once.", async () => {
  const client = langfuse5(server);
  const seen = server.log.length;
  for (let n = 0; n < 5; n += 1) client.score.create({ traceId: "t", name: "score", value: n });
  await client.score.flush();
  expect(await ingestions(seen, 1)).toStrictEqual([5]);
});

/**
 * The sizes of the batches that the server has logged since, ascending, once there are as many as expected. Each was
 * answered with 207 and nothing in it was refused. What it was too busy for (503) is not among them: that comes again.
 */
async function ingestions(since: number, expected: number): Promise<number[]> {
  const lines = await eventually(
    async () =>
      server.log
        .slice(since)
        .filter(({ message, status }) => message === "request" && status !== 503),
    (found) => found.length >= expected,
  );
  expect(
    lines.filter(
      ({ route, status, rejected }) =>
        route !== "/api/public/ingestion" || status !== 207 || rejected !== 0,
    ),
  ).toStrictEqual([]);
  return lines.map(({ events }) => Number(events)).toSorted((one, other) => one - other);
}
