import { expect, test } from "vitest";

import { createIssuer } from "./events.ts";
import { refusable, sendAll, storable } from "./hostile.ts";
import type { Hostile } from "./hostile.ts";
import { batchOf, send } from "./http.ts";
import { createRig } from "./rig.ts";

test("P4: keys that name parts of a prototype are stored as they are, and pollute nothing", async () => {
  const { place, book, ...rig } = await createRig();
  await rig.start();
  const issuer = createIssuer("P4", Date.now());
  const keys = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty"];
  const evil = `{${keys.map((key) => `"${key}":{"polluted":"yes","e1":"no"}`).join(",")}}`;
  const flat = keys.map((key) => `"${key}":"flat"`).join(",");
  const counts = `{${keys.map((key, n) => `"${key}":${n + 1}`).join(",")}}`;
  const all = [
    storable(issuer, "in a payload", { fields: `"input":${evil}`, columns: { input: evil } }),
    storable(issuer, "as metadata", {
      metadata: flat,
      columns: (mark) => ({ metadata: JSON.parse(`{"${mark}":"",${flat}}`) as unknown }),
    }),
    storable(issuer, "beside the body's fields", {
      fields: `"__proto__":{"name":"polluted"},"constructor":{"name":"polluted"}`,
      columns: { name: "" },
    }),
    storable(issuer, "as names of counts", {
      kind: "generation",
      fields: `"usageDetails":${counts},"modelParameters":{${flat}}`,
      columns: { provided_usage: JSON.parse(counts) as unknown },
    }),
    storable(issuer, "as tags", {
      fields: `"tags":${JSON.stringify(keys)}`,
      columns: { tags: keys.toSorted() },
    }),
    ...keys.map((key) => storable(issuer, `as an id: ${key}`, { id: key, columns: { name: "" } })),
  ];
  await sendAll(place.url, book, issuer, all);
  const { problems } = await rig.close({
    name: "P4 prototype keys",
    faults: all.length,
    floor: { acked: 3 * all.length, faults: 10 },
  });
  expect(problems).toEqual([]);
});

test("P5: any text is stored as it is, half surrogates as U+FFFD, and never at the cost of its siblings", async () => {
  const { place, book, ...rig } = await createRig();
  await rig.start();
  const issuer = createIssuer("P5", Date.now());
  const half = String.raw`\ud800`;
  const texts: Record<string, readonly [sent: string, stored: string]> = {
    "a high half": [`a${half}b`, "a\ufffdb"],
    "a low half": [String.raw`a\udc00b`, "a\ufffdb"],
    "halves the wrong way round": [String.raw`\udc00\ud800`, "\ufffd\ufffd"],
    "a pair, escaped": [String.raw`\ud83d\ude42`, "🙂"],
    "a pair after a half": [`${half}${String.raw`\ud83d\ude42`}`, "\ufffd🙂"],
    "an escaped backslash before u": [String.raw`\\ud800`, String.raw`\ud800`],
    NUL: [String.raw`a\u0000b`, "a\0b"],
    controls: [String.raw`\u0001\u001f\u007f\u0085`, "\u0001\u001f\u007f\u0085"],
    "separators of lines": [String.raw`\u2028\u2029`, "\u2028\u2029"],
    "a byte order mark": ["\ufeffx", "\ufeffx"],
    "right to left, joiners, combining": ["\u202eabc\u200d e\u0301 é", "\u202eabc\u200d e\u0301 é"],
    "four bytes": ["𝕏🧑🏽‍💻", "𝕏🧑🏽‍💻"],
    "the last code point": ["\u{10ffff}", "\u{10ffff}"],
    "quotes and backslashes": [String.raw`\"\\\"'`, String.raw`"\"'`],
  };
  const all: Hostile[] = [];
  for (const [name, [sent, stored]] of Object.entries(texts)) {
    all.push(
      storable(issuer, `${name}, in a trace`, {
        fields: `"name":"${sent}","userId":"${sent}","input":"${sent}","output":{"${sent}":["${sent}"]}`,
        columns: {
          name: stored,
          user_id: stored,
          input: stored,
          output: JSON.stringify({ [stored]: [stored] }),
        },
      }),
      storable(issuer, `${name}, in a score`, {
        kind: "score",
        fields: `"traceId":"P5-of-score","name":"${sent}","value":"${sent}","comment":"${sent}"`,
        columns: { name: stored, string_value: stored, comment: stored },
      }),
    );
  }
  const ids = ["line\nfeed", "slash/quote'\"", "emoji🙂", "nul\0", "i".repeat(800), " "];
  for (const id of ids) all.push(storable(issuer, "an id", { id, columns: { name: "" } }));
  for (const id of ["carriage\rreturn", "", "i".repeat(801), "64k".repeat(21_846)]) {
    all.push(refusable(`the id ${id.slice(0, 20)}`, eventWith({ body: { id } })));
  }
  await sendAll(place.url, book, issuer, all);

  const broken = Buffer.from(batchOf(eventWith({ body: { id: "xx" } })));
  broken.writeUInt8(0xff, broken.indexOf("xx"));
  expect(await send(place.url, { body: broken })).toMatchObject({
    status: 400,
    body: { message: "The body is not valid UTF-8", error: "InvalidRequestError" },
  });
  const { problems } = await rig.close({
    name: "P5 hostile text",
    faults: all.length,
    floor: { acked: 2 * all.length, faults: 30 },
  });
  expect(problems).toEqual([]);
});

test("P6: numbers keep their digits or are refused, and none of them breaks an insert", async () => {
  const { place, book, ...rig } = await createRig();
  await rig.start();
  const issuer = createIssuer("P6", Date.now());
  const payloads: Record<string, string> = {
    "9007199254740991": "9007199254740991",
    "9007199254740992": "9007199254740992",
    "9007199254740993": "9007199254740993",
    "-9007199254740993": "-9007199254740993",
    "18446744073709551616": "18446744073709551616",
    '{"n":9007199254740991}': '{"n":9007199254740991}',
    '{"n":9007199254740993}': '{"n":"9007199254740993"}',
    "[1e400,-1e400]": '["1e400","-1e400"]',
    "[1e5,-0,0.1,5e-324]": "[100000,0,0.1,5e-324]",
    '["1e5","NaN","Infinity"]': '["1e5","NaN","Infinity"]',
  };
  const all = Object.entries(payloads).map(([sent, stored]) =>
    storable(issuer, sent, { fields: `"input":${sent}`, columns: { input: stored } }),
  );
  all.push(
    storable(issuer, "counts", {
      kind: "generation",
      fields: `"usageDetails":{"a":9007199254740993,"b":1e30,"c":5.5,"d":-1,"e":"12","f":9007199254740991,"g":-9223372036854775809}`,
      columns: { provided_usage: { e: 12, f: 9_007_199_254_740_991 } },
    }),
    storable(issuer, "costs", {
      kind: "generation",
      fields: `"costDetails":{"a":1e30,"b":1e-13,"c":-1,"d":0.000000000001,"e":1e400}`,
      columns: { provided_cost: { a: "100000000000000000000", b: "0", d: "0.000000000001" } },
    }),
    storable(issuer, "a score of the greatest double", {
      kind: "score",
      fields: `"traceId":"P6","name":"n","value":1.7976931348623157e308`,
      columns: { value: 1.797_693_134_862_315_7e308, data_type: "NUMERIC" },
    }),
    storable(issuer, "a score of -0", {
      kind: "score",
      fields: `"traceId":"P6","name":"n","value":-0`,
      columns: { value: 0, data_type: "NUMERIC" },
    }),
    refusable(
      "a fraction of a token",
      eventWith({ type: "generation-create", body: { id: "x", usage: { input: 1.5 } } }),
    ),
    refusable(
      "tokens beyond 2^53",
      eventWith({ type: "generation-create", body: { id: "x", usage: { input: 1e30 } } }),
    ),
  );
  await sendAll(place.url, book, issuer, all);
  for (const token of ["NaN", "Infinity", "-Infinity", "01", "+1", ".5", "1.", "0x10", "1e"]) {
    const text = eventWith({ body: { id: "x", input: 0 } }).replace(
      '"input":0',
      `"input":${token}`,
    );
    expect({ token, ...(await send(place.url, { body: batchOf(text) })) }).toMatchObject({
      token,
      status: 400,
      body: { message: "The body is not valid JSON", error: "InvalidRequestError" },
    });
  }
  const { problems } = await rig.close({
    name: "P6 hostile numbers",
    faults: all.length,
    floor: { acked: 2 * all.length, faults: 15 },
  });
  expect(problems).toEqual([]);
});

test("P6: an integer beyond 2^53 is a number where the contract wants one", async () => {
  const { place, book, ...rig } = await createRig();
  await rig.start();
  const issuer = createIssuer("P6.score", Date.now());
  const all = ["", `,"dataType":"NUMERIC"`].map((dataType) =>
    storable(issuer, `a score of nanoseconds${dataType}`, {
      kind: "score",
      fields: `"traceId":"P6","name":"n","value":1760000000000000001${dataType}`,
      columns: { value: 1_760_000_000_000_000_000, data_type: "NUMERIC" },
    }),
  );
  await sendAll(place.url, book, issuer, all);
  const { problems } = await rig.close({
    name: "P6 nanoseconds",
    faults: all.length,
    floor: { acked: 3 * all.length, faults: 2 },
  });
  expect(problems).toEqual([]);
});

/** An event as JSON text; `undefined` leaves a field out. */
function eventWith(envelope: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({
    id: "refused",
    type: "trace-create",
    timestamp: "2026-05-01T10:00:00.000Z",
    body: { id: "refused" },
    ...envelope,
  });
}
