import { expect, test } from "vitest";

import { queryFixture, type Answer } from "./testing.ts";

const query = queryFixture();

async function project(id: string): Promise<void> {
  const organization = { id: "o", name: "O" };
  await query.registry.submit({ type: "organization-create", organization }, "test");
  const made = { id, name: id, organizationId: "o", createdAt: 0 };
  await query.registry.submit({ type: "project-create", project: made }, "test");
}

async function send(id: string, method: string, path: string, body: object): Promise<Answer> {
  const text = JSON.stringify(body);
  const headers = { "content-length": String(Buffer.byteLength(text)) };
  return await query.get(id, `/api/public/score-configs${path}`, { method, headers, body: text });
}

test("a config is made, shown, listed and changed with every key of the contract (read-api §7.6)", async () => {
  await project("crud");
  const made = await send("crud", "POST", "", {
    name: "quality",
    dataType: "NUMERIC",
    minValue: 0,
  });
  expect([made.status, made.body]).toEqual([
    200,
    {
      id: expect.any(String),
      projectId: "crud",
      name: "quality",
      dataType: "NUMERIC",
      description: null,
      isArchived: false,
      minValue: 0,
      maxValue: null,
      categories: null,
      createdAt: "2026-07-01T12:30:00.000Z",
      updatedAt: "2026-07-01T12:30:00.000Z",
    },
  ]);
  const path = `/${made.body.id}`;
  const changed = await send("crud", "PATCH", path, { isArchived: true, maxValue: 5 });
  expect(changed.body).toEqual({ ...made.body, isArchived: true, maxValue: 5 });
  expect((await query.get("crud", `/api/public/score-configs${path}`)).body).toEqual(changed.body);
  const listed = await query.get("crud", "/api/public/score-configs?limit=10");
  expect(listed.body).toEqual({
    data: [changed.body],
    meta: { page: 1, limit: 10, totalItems: 1, totalPages: 1 },
  });
});

test("a BOOLEAN config has its two categories", async () => {
  await project("boolean");
  const { body } = await send("boolean", "POST", "", { name: "ok", dataType: "BOOLEAN" });
  expect(body.categories).toEqual([
    { label: "True", value: 1 },
    { label: "False", value: 0 },
  ]);
});

test("what would not be consistent is refused, and changes nothing", async () => {
  await project("refused");
  const { body } = await send("refused", "POST", "", {
    name: "n",
    dataType: "NUMERIC",
    maxValue: 1,
  });
  for (const change of [
    {},
    { minValue: 2 },
    { name: "" },
    { categories: [{ label: "a", value: 1 }] },
  ]) {
    const answer = await send("refused", "PATCH", `/${body.id}`, change);
    expect([answer.status, answer.body.message]).toEqual([400, "Invalid request data"]);
  }
  expect((await query.get("refused", `/api/public/score-configs/${body.id}`)).body).toEqual(body);
  expect((await send("refused", "POST", "", { name: "n", dataType: "CATEGORICAL" })).status).toBe(
    400,
  );
});

test("changes that meet all get in, one after the other", async () => {
  await project("racing");
  const { body } = await send("racing", "POST", "", { name: "n", dataType: "NUMERIC" });
  const changes = [{ minValue: 1 }, { maxValue: 9 }, { description: "both" }];
  const answers = await Promise.all(
    changes.map((change) => send("racing", "PATCH", `/${body.id}`, change)),
  );
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  const { body: now } = await query.get("racing", `/api/public/score-configs/${body.id}`);
  expect(now).toMatchObject({ minValue: 1, maxValue: 9, description: "both" });
});

test("another project's config is neither shown nor changed, and none can be deleted", async () => {
  await project("mine");
  const { body } = await send("mine", "POST", "", { name: "n", dataType: "TEXT" });
  expect((await query.get("theirs", `/api/public/score-configs/${body.id}`)).status).toBe(404);
  expect((await send("theirs", "PATCH", `/${body.id}`, { name: "x" })).status).toBe(404);
  expect((await query.get("theirs", "/api/public/score-configs")).body.data).toEqual([]);
  expect((await send("mine", "DELETE", `/${body.id}`, {})).status).toBe(405);
});
