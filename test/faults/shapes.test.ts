import { expect, test } from "vitest";

import { createIssuer } from "./events.ts";
import { refusable, sendAll, storable } from "./hostile.ts";
import type { Hostile } from "./hostile.ts";
import { send } from "./http.ts";
import { createRig } from "./rig.ts";

const badDates = [
  "",
  "2026-05-01",
  "2026-05-01T10:00:00",
  "2026-02-30T10:00:00Z",
  "2026-13-01T10:00:00Z",
  "2026-05-01T24:00:00Z",
  "2026-05-01T10:00:60Z",
  "2026-05-01t10:00:00z",
  "2026-05-01 10:00:00Z",
  "2026-05-01T10:00:00+0200",
  "yesterday",
  1_777_000_000_000,
  true,
  {},
  [],
];

/** Bodies that one field spoils, by event type (write-api §2). */
const badBodies: Readonly<Record<string, readonly object[]>> = {
  "trace-create": [
    { name: 5 },
    { name: "n".repeat(1001) },
    { tags: "a" },
    { tags: [null] },
    { tags: [1] },
    { public: "true" },
    { userId: {} },
    { sessionId: 7 },
  ],
  "span-create": [{ id: null }, { level: "debug" }, { traceId: 5 }, { parentObservationId: 1 }],
  "generation-create": [
    { usage: { input: "5" } },
    { usage: [] },
    { usageDetails: 5 },
    { costDetails: "x" },
    { modelParameters: { tool: { n: 1 } } },
    { promptName: "p" },
    { promptName: "p", promptVersion: 0 },
    { promptName: "p", promptVersion: "1" },
    { model: 5 },
  ],
  "score-create": [
    { traceId: "t", name: "", value: 1 },
    { traceId: "t", name: "n" },
    { traceId: "t", name: "n", value: true },
    { traceId: "t", name: "n", value: null },
    { traceId: "t", name: "n", value: 1, dataType: null },
    { traceId: "t", name: "n", value: 1, dataType: "numeric" },
    { traceId: "t", name: "n", value: 2, dataType: "BOOLEAN" },
    { traceId: "t", name: "n", value: "", dataType: "TEXT" },
    { traceId: "t", sessionId: "s", name: "n", value: 1 },
    { observationId: "o", name: "n", value: 1 },
    { traceId: "t", name: "n", value: 1, source: null },
    { traceId: "t", name: "n", value: 1, source: "api" },
  ],
};

const badEnvelopes: readonly object[] = [
  { id: undefined },
  { id: 5 },
  { id: null },
  { type: undefined },
  { type: "trace-update" },
  { type: "Trace-Create" },
  { type: "dataset-run-item-create" },
  { type: "__proto__" },
  { body: undefined },
  { body: null },
  { body: [] },
  { body: "text" },
];

test("P7, write-api §2: an event of the wrong shape gets a 400 of its own, and its siblings are stored", async () => {
  const { place, book, ...rig } = await createRig();
  await rig.start();
  const issuer = createIssuer("P7", Date.now());
  const all: Hostile[] = [];
  for (const date of badDates) {
    all.push(refused({ timestamp: date }));
    // Null and absent are allowed in the body, and so is nothing else that is no date.
    all.push(refused({ type: "span-create", body: { id: "refused", startTime: date } }));
    all.push(refused({ body: { id: "refused", timestamp: date } }));
  }
  for (const [type, bodies] of Object.entries(badBodies)) {
    for (const body of bodies) all.push(refused({ type, body: { id: "refused", ...body } }));
  }
  for (const envelope of badEnvelopes) all.push(refused(envelope));
  for (const element of ["null", "5", '"text"', "[]", "{}"]) all.push(refusable(element, element));
  await sendAll(place.url, book, issuer, all);
  const { problems } = await rig.close({
    name: "P7 wrong shapes",
    faults: all.length,
    floor: { acked: 2 * all.length, faults: 80 },
  });
  expect(problems).toEqual([]);
});

test("P7, write-api §2: empty texts, nulls, repeated keys and the ends of time are stored by the contract's rules", async () => {
  const { place, book, ...rig } = await createRig();
  await rig.start();
  const issuer = createIssuer("P7.stored", Date.now());
  const all = [
    storable(issuer, "a trace of nulls", {
      fields: nulls(
        "timestamp name userId sessionId release version externalId input output tags public environment",
      ),
      columns: { name: "", user_id: "", input: "", tags: [], environment: "default" },
    }),
    storable(issuer, "a generation of nulls", {
      kind: "generation",
      fields: nulls(
        "traceId parentObservationId name startTime endTime completionStartTime input output level statusMessage version environment model modelParameters usage usageDetails costDetails promptName promptVersion",
      ),
      columns: { name: "", level: "DEFAULT", model: "", end_time: null, prompt_version: null },
    }),
    storable(issuer, "empty texts", {
      fields: `"name":"","userId":"","sessionId":"","release":"","version":"","input":"","output":"","tags":[""],"environment":""`,
      columns: { name: "", user_id: "", input: "", tags: [""], environment: "default" },
    }),
    storable(issuer, "repeated keys", {
      fields: `"name":"first","name":"second","input":{"a":1,"a":2}`,
      columns: { name: "second", input: '{"a":2}' },
    }),
    storable(issuer, "an end before the start", {
      kind: "span",
      fields: `"startTime":"2026-05-01T10:00:01Z","endTime":"2026-05-01T10:00:00Z"`,
      columns: { start_time: "2026-05-01 10:00:01.000", end_time: "2026-05-01 10:00:00.000" },
    }),
    ...Object.entries({
      "0001-01-01T00:00:00Z": "1900-01-01 00:00:00.000",
      "1969-12-31T23:59:59.999Z": "1969-12-31 23:59:59.999",
      "2026-05-01T10:00Z": "2026-05-01 10:00:00.000",
      "2026-05-01T10:00:00.123456789+14:00": "2026-04-30 20:00:00.123",
      "2299-12-31T23:59:59.999Z": "2299-12-31 23:59:59.999",
      "9999-12-31T23:59:59Z": "2299-12-31 23:59:59.999",
    }).map(([sent, stored]) =>
      storable(issuer, sent, {
        kind: "event",
        fields: `"startTime":"${sent}"`,
        columns: { start_time: stored },
      }),
    ),
  ];
  await sendAll(place.url, book, issuer, all);
  const { problems } = await rig.close({
    name: "P7 edges of the contract",
    faults: all.length,
    floor: { acked: 3 * all.length, faults: 11 },
  });
  expect(problems).toEqual([]);
});

test("P7, write-api §8.7: an event that names no entity is acknowledged as the contract says, and kept for inspection", async () => {
  const { place, book, ...rig } = await createRig();
  await rig.start();
  const event = { id: "no-id", type: "trace-create", timestamp: "2026-05-01T10:00:00Z", body: {} };
  const outcome = await send(place.url, { body: JSON.stringify({ batch: [event] }) });
  expect(outcome).toMatchObject({
    status: 207,
    body: { successes: [{ id: "no-id", status: 201 }], errors: [] },
  });
  const { problems } = await rig.close({
    name: "P7 no id",
    faults: 1,
    floor: { acked: 1, faults: 1, parked: 1 },
  });
  expect(problems).toEqual([]);
  expect(book.tally().acked).toBe(1);
});

test("P7, write-api §1.3: an envelope of the wrong shape gets a JSON 400 that says what was expected", async () => {
  const { place, ...rig } = await createRig();
  await rig.start();
  const expected: Readonly<Record<string, string>> = {
    "": "Invalid input: expected array, received undefined",
    "{}": "Invalid input: expected array, received undefined",
    '{"batch":{}}': "Invalid input: expected array, received object",
    "[]": "Invalid input: expected object, received array",
    null: "Invalid input: expected object, received null",
    '"text"': "Invalid input: expected object, received string",
  };
  for (const [body, error] of Object.entries(expected)) {
    const outcome = await send(place.url, { body });
    expect({ sent: body, ...outcome }).toMatchObject({
      sent: body,
      status: 400,
      body: { message: "Invalid request data", errors: [error] },
    });
  }
  const { problems } = await rig.close({
    name: "P7 wrong envelopes",
    faults: Object.keys(expected).length,
    floor: { acked: 1, faults: 6 },
  });
  expect(problems).toEqual([]);
});

function refused(envelope: object): Hostile {
  const text = JSON.stringify({
    id: "refused",
    type: "trace-create",
    timestamp: "2026-05-01T10:00:00.000Z",
    body: { id: "refused" },
    ...envelope,
  });
  return refusable(text.slice(0, 200), text);
}

/** These fields, all of them null. */
function nulls(names: string): string {
  return names
    .split(" ")
    .map((name) => `"${name}":null`)
    .join(",");
}
