import { beforeAll, describe, expect, test } from "vitest";

import { publishPrices } from "../runtime/price-book.ts";
import { now, queryFixture, type Answer } from "./testing.ts";

const query = queryFixture();

function get(project: string, search = ""): Promise<Answer> {
  return query.get(project, `/api/public/v2/observations${search}`);
}

const always = [
  "id",
  "traceId",
  "startTime",
  "endTime",
  "projectId",
  "parentObservationId",
  "type",
  "modelId",
  "inputPrice",
  "outputPrice",
  "totalPrice",
  "latency",
  "timeToFirstToken",
];

const keysOfGroup = {
  core: [],
  basic: [
    "name",
    "level",
    "statusMessage",
    "version",
    "environment",
    "bookmarked",
    "public",
    "userId",
    "sessionId",
    "isRootObservation",
  ],
  time: ["completionStartTime", "createdAt", "updatedAt"],
  io: ["input", "output"],
  metadata: ["metadata"],
  model: ["model", "providedModelName", "internalModelId", "modelParameters"],
  usage: [
    "usageDetails",
    "costDetails",
    "totalCost",
    "usagePricingTierId",
    "usagePricingTierName",
    "inputUsage",
    "outputUsage",
    "totalUsage",
    "inputCost",
    "outputCost",
  ],
  prompt: ["promptId", "promptName", "promptVersion"],
  metrics: [],
  trace_context: ["traceName", "tags", "release"],
};
describe("read-api §5: the groups of fields", () => {
  beforeAll(() => query.observations({ project_id: "groups", id: "o1" }));

  test.each(Object.entries(keysOfGroup))(
    "`%s` shows its keys beside those that are always there",
    async (group, keys) => {
      const { body } = await get("groups", `?fields=${group}`);
      expect(Object.keys(body.data[0]).toSorted()).toEqual([...always, ...keys].toSorted());
    },
  );

  test.each(["", "?fields=", "?fields=basic", "?fields=%20basic%20,nope"])(
    "%s shows core and basic",
    async (search) => {
      const { body } = await get("groups", search);
      expect(Object.keys(body.data[0]).toSorted()).toEqual(
        [...always, ...keysOfGroup.basic].toSorted(),
      );
    },
  );

  test("only unknown names show core alone; `tools` is one of them", async () => {
    const { body } = await get("groups", "?fields=nope,tools");
    expect(Object.keys(body.data[0]).toSorted()).toEqual(always.toSorted());
  });

  test("a bare observation has null where nothing is known", async () => {
    await query.observations({ project_id: "bare", id: "o1", start_time: now });
    const { body } = await get("bare", `?fields=${Object.keys(keysOfGroup).join()}`);
    expect(body).toEqual({
      data: [
        {
          id: "o1",
          traceId: "t1",
          startTime: "2026-07-01T12:30:00.000Z",
          endTime: null,
          projectId: "bare",
          parentObservationId: null,
          type: "SPAN",
          name: null,
          level: "DEFAULT",
          statusMessage: null,
          version: null,
          environment: "default",
          bookmarked: false,
          public: false,
          userId: null,
          sessionId: null,
          isRootObservation: true,
          completionStartTime: null,
          createdAt: "2026-07-01T12:30:00.000Z",
          updatedAt: "2026-07-01T12:30:00.000Z",
          input: null,
          output: null,
          metadata: {},
          model: null,
          providedModelName: null,
          internalModelId: null,
          modelParameters: null,
          usageDetails: {},
          costDetails: {},
          totalCost: null,
          usagePricingTierId: null,
          usagePricingTierName: null,
          inputUsage: 0,
          outputUsage: 0,
          totalUsage: 0,
          inputCost: null,
          outputCost: null,
          promptId: null,
          promptName: null,
          promptVersion: null,
          traceName: null,
          tags: [],
          release: null,
          modelId: null,
          inputPrice: null,
          outputPrice: null,
          totalPrice: null,
          latency: null,
          timeToFirstToken: null,
        },
      ],
      meta: {},
    });
  });

  test("what belongs to the trace comes from the trace, and a root without one is named by itself", async () => {
    await query.traces({
      project_id: "context",
      id: "t1",
      name: "chat",
      user_id: "u",
      session_id: "s",
      release: "r",
      tags: ["a", "b"],
      public: true,
      bookmarked: true,
    });
    await query.observations(
      { project_id: "context", id: "child", trace_id: "t1", parent_id: "p", start_time: now },
      { project_id: "context", id: "root", trace_id: "t2", name: "own", start_time: now - 1 },
      { project_id: "context", id: "leaf", trace_id: "t2", parent_id: "root", name: "own" },
    );
    const { body } = await get("context", "?fields=basic,trace_context");
    expect(body.data).toMatchObject([
      {
        userId: "u",
        sessionId: "s",
        public: true,
        bookmarked: true,
        isRootObservation: false,
        traceName: "chat",
        tags: ["a", "b"],
        release: "r",
      },
      { userId: null, isRootObservation: true, traceName: "own", tags: [], release: null },
      { isRootObservation: false, traceName: null },
    ]);
  });

  test("a span that its SDK marks as a root is one, though its parent is named (otlp.md §2.3)", async () => {
    const place = { project_id: "marked", trace_id: "t", parent_id: "elsewhere" };
    await query.observations(
      { ...place, id: "marked", name: "app", marked_root: true, start_time: now },
      { ...place, id: "plain", name: "plain", start_time: now - 1 },
    );
    const { body } = await get("marked", "?fields=basic,trace_context");
    expect(body.data).toMatchObject([
      { id: "marked", parentObservationId: "elsewhere", isRootObservation: true, traceName: "app" },
      { id: "plain", isRootObservation: false, traceName: null },
    ]);
    const filter = JSON.stringify([
      { type: "boolean", column: "isRootObservation", operator: "=", value: true },
    ]);
    for (const [asked, ids] of [
      ["?isRootObservation=true", ["marked"]],
      ["?isRootObservation=false", ["plain"]],
      [`?filter=${encodeURIComponent(filter)}`, ["marked"]],
    ] as const) {
      const { body: found } = await get("marked", asked);
      expect(found.data.map(({ id }: { id: string }) => id)).toEqual(ids);
    }
  });

  test("inputs and outputs are raw text, and metadata values are parsed (read-api §1.6)", async () => {
    await query.observations({
      project_id: "raw",
      id: "o1",
      input: '{"a": 1.50}',
      output: "true",
      metadata: { n: "123", o: '{"k":[1]}', t: "text" },
    });
    const { body } = await get("raw", "?fields=io,metadata");
    expect(body.data[0]).toMatchObject({
      input: '{"a": 1.50}',
      output: "true",
      metadata: { n: 123, o: { k: [1] }, t: "text" },
    });
  });

  test("metadata is cut at 200 characters, unless any key is to be expanded or `io` is asked for", async () => {
    const long = "é".repeat(300);
    await query.observations({
      project_id: "cut",
      id: "o1",
      metadata: { a: long, b: long, c: "short" },
    });
    const shown = async (search: string) => (await get("cut", search)).body.data[0].metadata;
    const whole = { a: long, b: long, c: "short" };
    const cut = { a: "é".repeat(200), b: "é".repeat(200), c: "short" };
    expect(await shown("?fields=metadata")).toEqual(cut);
    expect(await shown("?fields=metadata&expandMetadata=")).toEqual(cut);
    expect(await shown("?fields=metadata&expandMetadata=%20,%20")).toEqual(cut);
    expect(await shown("?fields=metadata&expandMetadata=b")).toEqual(whole);
    expect(await shown("?fields=metadata,io")).toEqual(whole);
    const { body } = await get("cut", "?expandMetadata=b");
    expect(body.data[0]).not.toHaveProperty("metadata");
  });

  test("prices are plain decimal text (read-api §15 #9), of the model group alone; usage and cost are numbers", async () => {
    await publishPrices(query.registry);
    const [model] = query.registry.registry.models
      .list("prices")
      .filter(({ definition }) => definition.modelName === "gpt-4o-mini");
    await query.observations({
      project_id: "prices",
      id: "o1",
      start_time: now,
      end_time: now + 1250,
      completion_start_time: now + 300,
      model: "gpt-4o-mini",
      model_params: '{"temperature":0}',
      model_id: model?.definition.id ?? "",
      usage_details: { input: 100, output: 20, total: 120 },
      cost_details: { input: "0.000015", output: "0.000012", total: "0.000027" },
    });
    const { body } = await get("prices", "?fields=model,usage,metrics");
    expect(body.data[0]).toMatchObject({
      model: "gpt-4o-mini",
      providedModelName: "gpt-4o-mini",
      modelId: model?.definition.id,
      internalModelId: model?.definition.id,
      modelParameters: { temperature: 0 },
      inputPrice: "0.00000015",
      outputPrice: "0.0000006",
      totalPrice: null,
      usageDetails: { input: 100, output: 20, total: 120 },
      totalCost: 0.000027,
      inputCost: 0.000015,
      outputCost: 0.000012,
      inputUsage: 100,
      outputUsage: 20,
      totalUsage: 120,
      latency: 1.25,
      timeToFirstToken: 0.3,
    });
    const without = (await get("prices", "?fields=core")).body.data[0];
    expect(without).toMatchObject({ modelId: null, inputPrice: null, latency: 1.25 });
    expect(without.timeToFirstToken).toBe(null);
  });

  test("a span that took no time has a latency of 0, and not null (read-api §9)", async () => {
    await query.observations({ project_id: "instant", id: "o1", start_time: now, end_time: now });
    expect((await get("instant", "?fields=metrics")).body.data[0].latency).toBe(0);
  });
});
