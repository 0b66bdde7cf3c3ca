import { expect, test } from "vitest";

import { validateEvent } from "../schemas/dialects/langfuse.ts";
import { createWorkload, eventBytes, eventsPerBatch, tracesPerBatch } from "./workload.ts";

const startAt = Date.UTC(2026, 0, 1);

test("The same seed gives the same bytes, and another seed gives others.", () => {
  expect(bodies(7)).toStrictEqual(bodies(7));
  expect(bodies(7)).not.toStrictEqual(bodies(8));
});

test("Every event has the stated size and is valid, and no id comes twice.", () => {
  const next = createWorkload(1, startAt);
  const ids = new Set<string>();
  for (let n = 0; n < 40; n += 1) {
    const { body, traceIds } = next();
    const { batch } = JSON.parse(body.toString()) as { batch: { id: string }[] };
    expect(batch).toHaveLength(eventsPerBatch);
    expect(traceIds).toHaveLength(tracesPerBatch);
    for (const event of batch) {
      expect(Buffer.byteLength(JSON.stringify(event))).toBe(eventBytes);
      expect(validateEvent(event)).toMatchObject({ ok: true });
      ids.add(event.id);
    }
    for (const id of traceIds) ids.add(id);
  }
  expect(ids.size).toBe(40 * (eventsPerBatch + tracesPerBatch));
});

function bodies(seed: number): string[] {
  const next = createWorkload(seed, startAt);
  return [next(), next()].map(({ body }) => body.toString());
}
