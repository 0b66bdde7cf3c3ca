import { describe, expect, it } from "vitest";

import type { ScoreConfig } from "../../schemas/score-configs.ts";
import { event, startGateway } from "./testing.ts";
import type { TestGateway } from "./testing.ts";

const config: ScoreConfig = {
  id: "c1",
  projectId: "p1",
  name: "quality",
  dataType: "NUMERIC",
  description: null,
  isArchived: false,
  minValue: 0,
  maxValue: 1,
  categories: null,
  createdAt: 0,
  updatedAt: 0,
};

async function started(): Promise<TestGateway> {
  const gateway = await startGateway();
  await gateway.registry.submit({ type: "score-config-create", config }, "test");
  return gateway;
}

const score = { name: "mine", traceId: "t", configId: "c1" };

describe("write-api §2.7, §6 #40: a score that breaks its config", () => {
  it("is refused by itself in a batch, and the others are accepted", async () => {
    const gateway = await started();
    const good = event("score-create", { ...score, value: 0.5 });
    const bad = [
      event("score-create", { ...score, value: 2 }),
      event("score-create", { ...score, value: 0.5, configId: "unknown" }),
      event("score-create", { ...score, value: 0.5, configId: null, source: "ANNOTATION" }),
    ];
    const answer = await gateway.ingest([...bad, good]);
    expect(answer.status).toBe(207);
    expect(answer.body.successes?.map(({ id }) => id)).toEqual([good.id]);
    expect(answer.body.errors?.map(({ id, status }) => [id, status])).toEqual(
      bad.map(({ id }) => [id, 400]),
    );
    expect(answer.body.errors?.[0]?.error).toContain('"body",\n      "value"');
    expect(gateway.events()).toEqual([good]);
  });

  it("is refused with 400 when it comes alone", async () => {
    const gateway = await started();
    const refused = await gateway.post("/api/public/scores", { ...score, value: 2 });
    expect([refused.status, refused.body.error]).toEqual([
      400,
      [expect.objectContaining({ path: ["value"] })],
    ]);
    expect(gateway.records()).toEqual([]);
    expect((await gateway.post("/api/public/scores", { ...score, value: 1 })).status).toBe(200);
  });

  it("is not held against another project's config", async () => {
    const gateway = await started();
    await gateway.registry.submit(
      { type: "score-config-create", config: { ...config, id: "c2", projectId: "p2" } },
      "test",
    );
    const answer = await gateway.post("/api/public/scores", { ...score, value: 1, configId: "c2" });
    expect(answer.status).toBe(400);
  });
});
