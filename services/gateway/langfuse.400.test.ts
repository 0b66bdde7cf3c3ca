import { expect, it } from "vitest";

import { startGateway } from "./testing.ts";

it.each([
  ["text that is no JSON", "{", {}],
  ["NaN, as some emitters write it", '{"batch":[NaN]}', {}],
  ["bytes that are not UTF-8", new Uint8Array([0x22, 0xff, 0x22]), {}],
  ["gzip that is none", "{}", { "content-encoding": "gzip" }],
])(
  "write-api §1.2, §1.3, §6 #4, §8.5: a body that cannot be read gets a JSON 400, whoever sent it: %s",
  async (_what, body, headers) => {
    const gateway = await startGateway();
    const answer = await gateway.post("/api/public/ingestion", body, {
      authorization: null,
      ...headers,
    });
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({
      message: expect.any(String),
      error: "InvalidRequestError",
    });
    expect(gateway.records()).toEqual([]);
  },
);

it.each([
  ["an empty body", "", {}, "Invalid input: expected array, received undefined"],
  ["no batch", {}, {}, "Invalid input: expected array, received undefined"],
  ["a batch that is no array", { batch: {} }, {}, "Invalid input: expected array, received object"],
  ["a bare array", [], {}, "Invalid input: expected object, received array"],
  ["null", "null", {}, "Invalid input: expected object, received null"],
  [
    "another content type",
    { batch: [] },
    { "content-type": "text/plain" },
    "Invalid input: expected object, received string",
  ],
])(
  "write-api §1.3, §1.4, §6 #11: an envelope of the wrong shape gets 400 with what is wrong: %s",
  async (_what, body, headers, error) => {
    const gateway = await startGateway();
    const answer = await gateway.post("/api/public/ingestion", body, headers);
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ message: "Invalid request data", errors: [error] });
  },
);

it.each(["application/json", "Application/JSON; charset=utf-8", "application/ld+json"])(
  "write-api §1.3: a body of the type %s is read as JSON",
  async (type) => {
    const gateway = await startGateway();
    const answer = await gateway.post(
      "/api/public/ingestion",
      { batch: [] },
      { "content-type": type },
    );
    expect(answer.status).toBe(207);
  },
);

it("an envelope nested too deeply where the batch should be gets 400", async () => {
  const gateway = await startGateway({ limits: { depthMax: 1 } });
  const answer = await gateway.post("/api/public/ingestion", `{"batch":[[]]}`);
  expect(answer.status).toBe(400);
  expect(answer.body.errors).toHaveLength(1);
});

it("half a million brackets are one bad event, not the end of the process", async () => {
  const gateway = await startGateway();
  const deep = `{"batch":[${"[".repeat(500_000)}${"]".repeat(500_000)}]}`;
  const answer = await gateway.post("/api/public/ingestion", deep);
  expect(answer.status).toBe(207);
  expect(answer.body.errors).toMatchObject([{ id: "unknown", status: 400 }]);
  const open = await gateway.post("/api/public/ingestion", deep.slice(0, 500_000));
  expect(open.status).toBe(400);
});

it("a byte order mark is not part of the text", async () => {
  const gateway = await startGateway();
  const answer = await gateway.post("/api/public/ingestion", '\ufeff{"batch":[]}');
  expect(answer.status).toBe(207);
});
