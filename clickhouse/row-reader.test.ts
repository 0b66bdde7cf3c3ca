import { expect, test } from "vitest";
import { RowReader } from "./row-reader.ts";

const whole = '{"n":"1","s":"a\\nb"}\n{"n":"2","s":"ä🧑‍🚀"}\n{"n":"3","s":""}\n';
const rows = [
  { n: "1", s: "a\nb" },
  { n: "2", s: "ä🧑‍🚀" },
  { n: "3", s: "" },
];
const words = "Code: 395. DB::Exception: quoted {} words. (FUNCTION_THROW_IF_VALUE_IS_NON_ZERO)";
const marked = `\r\n__exception__\r\n0123456789abcdef\r\n${words}\n80 0123456789abcdef\r\n__exception__\r\n`;

/** What comes of an answer that arrives in pieces of so many bytes: its rows, and the error at its end. */
function readIn(text: string, bytes: number) {
  const reader = new RowReader<unknown>();
  const found: unknown[] = [];
  const buffer = Buffer.from(text);
  for (let start = 0; start < buffer.length; start += bytes) {
    found.push(...reader.push(buffer.subarray(start, start + bytes)));
  }
  try {
    reader.end();
    return { rows: found, error: null };
  } catch (error) {
    return { rows: found, error };
  }
}

test("rows come whole and in order, however the answer is cut", () => {
  for (let bytes = 1; bytes <= whole.length + 1; bytes++) {
    expect({ bytes, ...readIn(whole, bytes) }).toEqual({ bytes, rows, error: null });
  }
  expect(readIn("", 1)).toEqual({ rows: [], error: null });
});

test.each([
  ["as servers from 25.11 tell it", marked],
  ["as older ones do", `${words}\n`],
  ["without a last line break", words],
])("a failure behind rows is an error with its code, %s", (_how, failure) => {
  for (const bytes of [1, 2, 7, 64, 100_000]) {
    const found = readIn(whole + failure, bytes);
    expect({ bytes, ...found }).toMatchObject({ bytes, rows, error: { code: 395 } });
    expect(String(found.error)).not.toContain("quoted");
  }
});

test.each([
  ["in a row", `${whole}{"n":"4","s"`],
  ["in a row, with the failure behind it", `${whole}{"n":"4","s":"x${words}\n`],
  ["behind a row, before its line break", `${whole}{"n":"4","s":"x"}`],
])("an answer that ends %s is an error, never a shorter answer", (_where, text) => {
  for (const bytes of [1, 3, 100_000]) {
    const found = readIn(text, bytes);
    expect({ bytes, ...found }).toMatchObject({ bytes, rows, error: { kind: "transient" } });
  }
});

test("what follows a failure is not kept without bound", () => {
  const { error } = readIn(`${whole}${words}\n${"x".repeat(1_000_000)}`, 4096);
  expect((error as { detail: string }).detail.length).toBeLessThanOrEqual(64 * 1024);
});
