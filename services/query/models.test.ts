import { describe, expect, test } from "vitest";

import { queryFixture, type Answer } from "./testing.ts";

const query = queryFixture();

const flat = {
  modelName: "house-model",
  matchPattern: "(?i)^house-.*$",
  unit: "TOKENS",
  inputPrice: 0.0000028,
  outputPrice: 1e-9,
};

async function project(id: string): Promise<void> {
  const organization = { id: "o", name: "O" };
  await query.registry.submit({ type: "organization-create", organization }, "test");
  const made = { id, name: id, organizationId: "o", createdAt: 0 };
  await query.registry.submit({ type: "project-create", project: made }, "test");
}

async function send(id: string, method: string, path: string, body?: object): Promise<Answer> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers = text === undefined ? {} : { "content-length": String(Buffer.byteLength(text)) };
  return await query.get(id, path, { method, headers, ...(text !== undefined && { body: text }) });
}

const post = (id: string, body: object): Promise<Answer> =>
  send(id, "POST", "/api/public/models", body);

describe("POST /models (read-api §10.4)", () => {
  test("flat prices become the one default tier, and every key of the contract is there", async () => {
    await project("flat");
    const { status, body } = await post("flat", flat);
    expect(status).toBe(200);
    expect(body).toEqual({
      ...flat,
      id: expect.any(String),
      startDate: null,
      totalPrice: null,
      tokenizerId: null,
      tokenizerConfig: null,
      isLangfuseManaged: false,
      createdAt: "2026-07-01T12:30:00.000Z",
      prices: { input: { price: 0.0000028 }, output: { price: 1e-9 } },
      pricingTiers: [
        {
          id: expect.any(String),
          name: "Standard",
          isDefault: true,
          priority: 0,
          conditions: [],
          prices: { input: 0.0000028, output: 1e-9 },
        },
      ],
    });
    expect((await query.get("flat", `/api/public/models/${body.id}`)).body).toEqual(body);
  });

  test("tiers come back by priority, and the flat prices are those of the default", async () => {
    await project("tiers");
    const condition = {
      usageDetailPattern: "input",
      operator: "gt",
      value: 5,
      caseSensitive: true,
    };
    const attribute = { source: "metadata", key: "plan", operator: "in", values: ["gold"] };
    const tiers = [
      { name: "B", isDefault: false, priority: 2, conditions: [attribute], prices: { input: 3 } },
      { name: "A", isDefault: false, priority: 1, conditions: [condition], prices: { input: 2 } },
      { name: "D", isDefault: true, priority: 0, conditions: [], prices: { input: 1 } },
    ];
    const { modelName, matchPattern } = flat;
    const { body } = await post("tiers", { modelName, matchPattern, pricingTiers: tiers });
    expect(body).toMatchObject({ unit: null, inputPrice: 1, outputPrice: null });
    expect(body.pricingTiers).toMatchObject(tiers.toReversed());
  });

  const byDefault = {
    name: "D",
    isDefault: true,
    priority: 0,
    conditions: [],
    prices: { input: 1 },
  };
  const other = {
    name: "O",
    isDefault: false,
    priority: 1,
    conditions: [{ usageDetailPattern: "i", operator: "gt", value: 1, caseSensitive: false }],
    prices: { input: 2 },
  };
  const bare = { modelName: "m", matchPattern: "m" };
  test.each([
    ["no price", bare],
    ["flat prices and tiers", { ...bare, inputPrice: 1, pricingTiers: [byDefault] }],
    ["a total beside an input price", { ...bare, inputPrice: 1, totalPrice: 1 }],
    ["a negative price", { ...bare, inputPrice: -1 }],
    ["no name", { matchPattern: "m", inputPrice: 1 }],
    ["an unknown unit", { ...bare, inputPrice: 1, unit: "WORDS" }],
    ["look-ahead in the pattern", { ...bare, matchPattern: "a(?=b)", inputPrice: 1 }],
    ["a broken pattern", { ...bare, matchPattern: "(", inputPrice: 1 }],
    ["no default tier", { ...bare, pricingTiers: [other] }],
    ["two default tiers", { ...bare, pricingTiers: [byDefault, { ...byDefault, name: "E" }] }],
    [
      "a default tier with a condition",
      { ...bare, pricingTiers: [{ ...other, isDefault: true, priority: 0 }] },
    ],
    [
      "a tier without conditions",
      { ...bare, pricingTiers: [byDefault, { ...other, conditions: [] }] },
    ],
    ["a priority twice", { ...bare, pricingTiers: [byDefault, other, { ...other, name: "P" }] }],
    ["a name twice", { ...bare, pricingTiers: [byDefault, other, { ...other, priority: 2 }] }],
    [
      "other keys in a tier",
      { ...bare, pricingTiers: [byDefault, { ...other, prices: { output: 2 } }] },
    ],
    ["a priority above 999", { ...bare, pricingTiers: [byDefault, { ...other, priority: 1000 }] }],
    [
      "a condition that cannot be compiled",
      {
        ...bare,
        pricingTiers: [
          byDefault,
          { ...other, conditions: [{ ...other.conditions[0], usageDetailPattern: "(?<=a)" }] },
        ],
      },
    ],
  ])("%s is refused with the reason", async (_, body) => {
    const { status, body: answer } = await post("refused", body);
    expect(status).toBe(400);
    expect(answer.error.length).toBeGreaterThan(0);
  });

  test("a pattern that the engine cannot take is refused with what it cannot take", async () => {
    const { body } = await post("reasons", { ...flat, matchPattern: "^gpt(?!-4)" });
    expect(body.error[0].message).toMatch(/\(\?!/);
  });

  test("a name that the project has is refused, until its model is deleted", async () => {
    await project("names");
    const { body: model } = await post("names", flat);
    const again = await post("names", { ...flat, matchPattern: "other" });
    expect([again.status, again.body.error]).toEqual([400, "InvalidRequestError"]);
    await send("names", "DELETE", `/api/public/models/${model.id}`);
    expect((await post("names", flat)).status).toBe(200);
  });
});

describe("the other routes", () => {
  test("the list has the project's own models and the built-in ones, by name, and pages", async () => {
    await project("list");
    await post("list", flat);
    await post("list", { ...flat, modelName: "zz" });
    const definition = {
      id: "built-in",
      modelName: "middle",
      matchPattern: "x",
      startDate: 0,
      unit: "TOKENS" as const,
      tokenizerId: null,
      tokenizerConfig: null,
      tiers: [{ id: "t", name: "Standard", priority: 0, conditions: [], prices: {} }] as const,
      rank: 1,
    };
    await query.registry.submit(
      {
        type: "prices-publish",
        version: [1],
        models: [{ ...definition, tiers: [...definition.tiers] }],
        removed: [],
      },
      "test",
    );
    const { body } = await query.get("list", "/api/public/models?limit=2&page=1");
    expect(body.data.map((one: { modelName: string }) => one.modelName)).toEqual([
      "house-model",
      "middle",
    ]);
    expect(body.meta).toEqual({ page: 1, limit: 2, totalItems: 3, totalPages: 2 });
    expect(body.data[1]).toMatchObject({
      isLangfuseManaged: true,
      startDate: "1970-01-01T00:00:00.000Z",
    });
    const built = await send("list", "DELETE", "/api/public/models/built-in");
    expect(built.status).toBe(404);
  });

  test("another project's model is neither shown nor deleted", async () => {
    await project("mine");
    await project("theirs");
    const { body: model } = await post("mine", flat);
    const path = `/api/public/models/${model.id}`;
    expect((await query.get("theirs", path)).status).toBe(404);
    expect((await send("theirs", "DELETE", path)).status).toBe(404);
    const listed = await query.get("theirs", "/api/public/models");
    expect(JSON.stringify(listed.body)).not.toContain(model.id);
    const deleted = await send("mine", "DELETE", path);
    expect([deleted.status, deleted.body]).toEqual([200, { message: expect.any(String) }]);
    expect((await query.get("mine", path)).status).toBe(404);
  });

  test("an unknown model is not found, and PUT is no method", async () => {
    expect((await query.get("none", "/api/public/models/x")).status).toBe(404);
    expect((await send("none", "PUT", "/api/public/models/x", {})).status).toBe(405);
  });
});
