import fc from "fast-check";

import type { Draw } from "./draw.ts";

/** Values as the very JSON text that is sent: much of what hurts does not survive a JSON.stringify. */

/** Any JSON value that a client could put where another belongs. */
export function hostileToken(draw: Draw): string {
  const family = draw.pick(families);
  return family(draw);
}

/** A JSON string, with some of its characters escaped. */
export function hostileText(draw: Draw): string {
  if (draw.chance(0.5)) return draw.pick(rawTexts);
  const text = draw.chance(0.5) ? draw.pick(texts) : draw.from(arbitraryText);
  return escaped(draw, text);
}

/** A name for a key, as JSON text. */
export function hostileKey(draw: Draw): string {
  return draw.chance(0.7) ? escaped(draw, draw.pick(keys)) : hostileText(draw);
}

/** The same string, with other escapes: it must mean the same. */
export function escaped(draw: Draw, text: string): string {
  const json = JSON.stringify(text);
  if (draw.chance(0.7)) return json;
  const units = json.slice(1, -1).match(/\\u[\da-f]{4}|\\.|[^]/gu) ?? [];
  const share = draw.chance(0.5) ? 1 : 0.2;
  const some = units.map((unit) => (unit.length === 1 && draw.chance(share) ? code(unit) : unit));
  return `"${some.join("")}"`;
}

/** `levels` containers around a value. */
export function nested(draw: Draw, levels: number, core = "null"): string {
  const [open, close] = draw.pick([
    ["[", "]"],
    ['{"a":', "}"],
    ['[{"":', "}]"],
  ] as const);
  const times = Math.ceil(levels / (open.startsWith("[{") ? 2 : 1));
  return open.repeat(times) + core + close.repeat(times);
}

const families: readonly ((draw: Draw) => string)[] = [
  (draw) => draw.pick(plain),
  (draw) => draw.pick(numbers),
  (draw) => draw.pick(numbers),
  (draw) => JSON.stringify(draw.pick(dates)),
  hostileText,
  hostileText,
  (draw) => JSON.stringify(draw.from(fc.jsonValue())),
  (draw) => JSON.stringify(draw.from(fc.double())),
  (draw) => nested(draw, draw.pick(depths)),
  wide,
];

/** Many small things: keys, elements or characters. */
function wide(draw: Draw): string {
  const count = draw.chance(0.02) ? 50_000 : draw.below(500);
  const item = draw.pick(plain);
  switch (draw.below(4)) {
    case 0:
      return `[${Array.from({ length: count }, () => item).join(",")}]`;
    case 1:
      return `{${Array.from({ length: Math.min(count, 5000) }, (_, n) => `"k${n}":${item}`).join(",")}}`;
    case 2:
      return JSON.stringify(draw.pick(["x", "🙂", '"', "\\", "\0", "漢", "\r\n"]).repeat(count));
    default:
      return `[${" \n\t\r".repeat(count)}${item}]`;
  }
}

function code(unit: string): string {
  const hex = unit.charCodeAt(0).toString(16).padStart(4, "0");
  return `\\u${hex}`;
}

const plain = [
  "null",
  "true",
  "false",
  "0",
  "1",
  "-1",
  '""',
  "[]",
  "{}",
  "[[]]",
  "[null]",
  '{"":0}',
];

const numbers = [
  "-0",
  "0.1",
  "1.5",
  "-2.5",
  "1e0",
  "1E+2",
  "1e21",
  "1e-7",
  "1e-400",
  "1e400",
  "-1e400",
  "5e-324",
  "1.7976931348623157e308",
  "1e308",
  "2147483648",
  "4294967296",
  "9007199254740991",
  "9007199254740992",
  "9007199254740993",
  "-9007199254740993",
  "9223372036854775807",
  "9223372036854775808",
  "-9223372036854775809",
  "18446744073709551615",
  "18446744073709551616",
  "1760000000000000001",
  "1760000000",
  "9".repeat(400),
  `0.${"0".repeat(400)}1`,
  `1${"0".repeat(310)}.0`,
  "0.1000000000000000055511151231257827021181583404541015625",
];

const dates = [
  "2026-05-01T10:00:00.000Z",
  "2026-05-01T10:00Z",
  "2026-05-01T10:00:00.123456789+14:00",
  "2026-05-01T10:00:00-23:59",
  "2026-05-01T10:00:00+24:00",
  "2026-05-01",
  "2026-05-01T10:00:00",
  "2026-05-01 10:00:00Z",
  "2026-05-01t10:00:00z",
  "2026-02-30T10:00:00Z",
  "2024-02-29T00:00:00Z",
  "2100-02-29T00:00:00Z",
  "2026-05-01T24:00:00Z",
  "2026-05-01T10:00:60Z",
  `2026-05-01T10:00:00.${"9".repeat(500)}Z`,
  "0000-01-01T00:00:00Z",
  "0001-01-01T00:00:00+23:59",
  "1899-12-31T23:59:59.999Z",
  "1969-12-31T23:59:59.999Z",
  "1970-01-01T00:00:00Z",
  "2106-02-07T06:28:16Z",
  "2262-04-12T00:00:00Z",
  "2299-12-31T23:59:59.999-23:59",
  "2300-01-01T00:00:00Z",
  "9999-12-31T23:59:59.999-23:59",
  "+010000-01-01T00:00:00Z",
  "-000001-01-01T00:00:00Z",
  "now",
  "1777000000000",
];

const texts = [
  "",
  " ",
  "\0",
  "a\0b",
  "\r",
  "a\rb",
  "a\nb\tc",
  "'; DROP TABLE sluice.traces; --",
  "{id:String}",
  String.raw`\N`,
  String.raw`\x00\'`,
  "%s%n%00%2F",
  "../../../../etc/passwd",
  "a/b?c=d#e&f%2Fg",
  "<script>alert(1)</script>",
  "${jndi:ldap://x}",
  "\u202eabc\u200d\u0301\ufeff",
  "\u2028\u2029\u0085",
  "🧑🏽‍💻𝕏\u{10ffff}",
  "\ufffe\uffff\ufdd0",
  "null",
  "undefined",
  "true",
  "NaN",
  "Infinity",
  "-1",
  "1e400",
  "9007199254740993",
  '{"a":1}',
  '["a"]',
  '"quoted"',
  "{",
  "@@@langfuseMedia:type=image/png|id=x|source=bytes@@@",
  "langfuse-langfuse",
  "__proto__",
  "constructor",
  "é".repeat(400),
  "i".repeat(800),
  "i".repeat(801),
  "🙂".repeat(400),
  "n".repeat(1000),
  "n".repeat(1001),
  "x".repeat(65_536),
];

/** Escapes that no JavaScript string can be stringified to, or not in this form. */
const rawTexts = [
  String.raw`"\ud800"`,
  String.raw`"a\udc00b"`,
  String.raw`"\udc00\ud800"`,
  String.raw`"\ud83d\ude42"`,
  String.raw`"\uD83D\uD83D\uDE42"`,
  String.raw`"\\ud800\ud800"`,
  String.raw`"\u0000\u0001\u001f\u007f"`,
  String.raw`"\/\b\f"`,
  String.raw`"\u002e\u002e\u002f"`,
  String.raw`"\ud800\u0041"`,
  String.raw`"\\\ud800"`,
];

const arbitraryText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.array(fc.integer({ min: 0, max: 0xff_ff }), { maxLength: 40 }).map(unitsToText),
);

/** Any units at all, half surrogates among them. */
function unitsToText(units: readonly number[]): string {
  return String.fromCharCode(...units);
}

const keys = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "valueOf",
  "",
  " id",
  "ID",
  "id\0",
  "batch",
  "body",
  "projectId",
  "project_id",
  "project",
  "key_hour",
  "ver",
  "is_deleted",
  "deleted_at",
  "clocks",
  "created_at",
  "updatedAt",
  "bookmarked",
  "a.b.c",
  "a[0]",
  "0",
  "-1",
  "length",
  "$where",
  "k".repeat(5000),
];

/** Around the server's limit of 200 and the contract's of 100, and far beyond what any stack holds. */
const depths = [1, 5, 50, 95, 99, 100, 190, 196, 197, 198, 199, 200, 201, 500, 5000, 50_000];
