import { expect, test } from "vitest";

import { gate } from "../runtime/event-log/testing.ts";
import { event, exportOf, otlpSpan, startGateway } from "./testing.ts";

const tryAgain = { status: 503, body: { error: "ServiceUnavailableError" } };

test("reliability §4.4: while the log hangs every request gets 503 in JSON, and no more is held than may be", async () => {
  const hanging = gate();
  const gateway = await startGateway({
    limits: { answerMsMax: 50, inflightBytesMax: 5_000, bodyBytesMax: 5_000 },
    append: (log) => async (entries) => {
      await hanging.opened;
      return await log.append(entries);
    },
  });
  const batch = [event("trace-create", { input: "x".repeat(3_000) })];
  const answers = [await gateway.ingest(batch), await gateway.ingest(batch)];
  for (const answer of answers) {
    expect(answer).toMatchObject(tryAgain);
    expect(answer.headers.get("retry-after")).toBe("1");
  }
  // The first waited for its time, and is still held; the second was not let in.
  expect(answers.map(({ body }) => body.message)).toEqual([
    "The event log did not confirm in time. Try again.",
    "The server holds as many requests as it may. Try again.",
  ]);
  const exported = await gateway.post(
    "/v1/traces",
    exportOf(otlpSpan({ name: "y".repeat(3_000) })),
  );
  expect(exported.status).toBe(503);
  expect(exported.headers.get("retry-after")).toBe("1");
  // What was held lands, and there is room again.
  hanging.open();
  await expect.poll(() => gateway.records().length).toBe(1);
  await expect.poll(async () => (await gateway.ingest(batch)).status).toBe(207);
});
