import { expect, it } from "vitest";

import { event, startGateway } from "./testing.ts";

/** The text of an event with this text as its input. */
function withInput(input: string): string {
  return withBody(`{"id":"t","input":${input}}`);
}

/** The text of an event with this text as its body. */
function withBody(body: string): string {
  return `{"id":"hostile","type":"trace-create","timestamp":"2026-05-01T10:00:00.000Z","body":${body}}`;
}

function withEnvelope(envelope: object): string {
  return JSON.stringify(event("trace-create", { id: "t" }, { id: "hostile", ...envelope }));
}

it.each([
  [
    "a __proto__ key",
    withInput('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'),
  ],
  ["a __proto__ key in the envelope", `${withInput("1").slice(0, -1)},"__proto__":{"polluted":1}}`],
  ["lone surrogates", withInput('"\\ud800 \\udc00\\ud800"')],
  ["NUL", withInput('"a\\u0000b"')],
  ["a number beyond 2^53", withInput("9007199254740993")],
  ["a number beyond a double", withInput("[1e400,-1e400,1e-400]")],
  ["nesting within the limit", withInput(`${"[".repeat(90)}${"]".repeat(90)}`)],
  [
    "text that turns around",
    withInput('"\u202e\u0000\u2028\u{1f469}\u200d\u{1f4bb}"'.replace("\u0000", "")),
  ],
  ["repeated keys", withInput('{"a":1,"a":2}')],
  ["an id of 800 characters", withEnvelope({ id: "i".repeat(800) })],
  ["an id with line feeds and emoji", withEnvelope({ id: "a\n/\u{1f600}" })],
])(
  "write-api §2.1, §6 #25, #51: is kept as it was sent, and so is its neighbour: %s",
  async (_what, text) => {
    const gateway = await startGateway();
    const neighbour = event("trace-create", { id: "neighbour" });
    const answer = await gateway.post(
      "/api/public/ingestion",
      `{"batch":[${text},${JSON.stringify(neighbour)}]}`,
    );
    expect(answer.status).toBe(207);
    expect(answer.body.errors).toEqual([]);
    expect(gateway.records().map(({ body }) => body)).toEqual(
      expect.arrayContaining([text, JSON.stringify(neighbour)]),
    );
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  },
);

it.each([
  ["nesting beyond the limit", withInput(`${"[".repeat(5_000)}${"]".repeat(5_000)}`)],
  ["objects nested beyond the limit", withInput(`${'{"a":'.repeat(3_000)}1${"}".repeat(3_000)}`)],
  ["an impossible date", withEnvelope({ timestamp: "2026-02-30T10:00:00Z" })],
  ["a date without a zone", withEnvelope({ timestamp: "2026-02-03T10:00:00" })],
  ["an epoch for a date", withEnvelope({ timestamp: 1_777_000_000_000 })],
  ["no date", withEnvelope({ timestamp: undefined })],
  ["an id with a carriage return", withEnvelope({ id: "a\rb" })],
  ["an id of 801 characters", withEnvelope({ id: "i".repeat(801) })],
  ["an empty id", withEnvelope({ id: "" })],
  ["an unknown type", withEnvelope({ type: "trace-update" })],
  ["a type of another case", withEnvelope({ type: "Trace-Create" })],
  ["a type of the prototype", withEnvelope({ type: "constructor" })],
  ["a number beyond 2^53 for an id", withBody('{"id":9007199254740993}')],
  ["a number beyond a double for a name", withBody('{"id":"t","name":1e400}')],
  ["no body", withEnvelope({ body: undefined })],
  ["a body that is an array", withEnvelope({ body: [] })],
])("write-api §1.5: gets its own 400, and its neighbours are kept: %s", async (_what, text) => {
  const gateway = await startGateway();
  const before = event("trace-create", { id: "before" });
  const after = event("trace-create", { id: "after" });
  const answer = await gateway.post(
    "/api/public/ingestion",
    `{"batch":[${JSON.stringify(before)},${text},${JSON.stringify(after)}]}`,
  );
  expect(answer.status).toBe(207);
  expect(answer.body.errors).toMatchObject([{ status: 400, message: "Invalid request data" }]);
  expect(answer.body.successes).toHaveLength(2);
  expect(gateway.events()).toEqual(expect.arrayContaining([before, after]));
  expect(gateway.records()).toHaveLength(2);
});

it.each(["5", "9007199254740993", "1e400"])(
  "an event whose id is the number %s is named unknown in its refusal (write-api §1.5)",
  async (id) => {
    const gateway = await startGateway();
    const text = withEnvelope({ id: "hostile" }).replace('"id":"hostile"', `"id":${id}`);
    const answer = await gateway.post("/api/public/ingestion", `{"batch":[${text}]}`);
    expect(answer.body).toMatchObject({ successes: [], errors: [{ id: "unknown", status: 400 }] });
    expect(gateway.records()).toHaveLength(0);
  },
);
