import fc from "fast-check";
import { expect, test } from "vitest";

import { isContractDateTime, isoOf, millisOf, storableMs } from "./time.ts";

test.each([
  ["2024-05-05T10:20Z", "2024-05-05T10:20:00.000Z"],
  ["2024-05-05T10:20:30Z", "2024-05-05T10:20:30.000Z"],
  ["2024-05-05T10:20:30.1Z", "2024-05-05T10:20:30.100Z"],
  ["2024-05-05T10:20:30.123456789Z", "2024-05-05T10:20:30.123Z"],
  ["2024-05-05T10:20:30.9999Z", "2024-05-05T10:20:30.999Z"],
  ["1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"],
  ["2024-05-05T10:20+02:00", "2024-05-05T08:20:00.000Z"],
  ["2024-05-05T10:20:30.5-23:59", "2024-05-06T10:19:30.500Z"],
  ["2024-02-29T00:00Z", "2024-02-29T00:00:00.000Z"],
  ["2000-02-29T00:00Z", "2000-02-29T00:00:00.000Z"],
  ["0000-01-01T00:00Z", "0000-01-01T00:00:00.000Z"],
  ["9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"],
])("write-api §2.3, §6 #26: %s is accepted and means %s", (text, moment) => {
  expect(isContractDateTime(text)).toBe(true);
  expect(isoOf(millisOf(text))).toBe(moment);
});

test.each([
  ["no zone", "2024-05-05T10:20:30"],
  ["date only", "2024-05-05"],
  ["lower-case t", "2024-05-05t10:20:30Z"],
  ["lower-case z", "2024-05-05T10:20:30z"],
  ["a space for the T", "2024-05-05 10:20:30Z"],
  ["an offset without colon", "2024-05-05T10:20:30+0200"],
  ["an offset without minutes", "2024-05-05T10:20:30+02"],
  ["an offset of 24 hours", "2024-05-05T10:20:30+24:00"],
  ["hour 24", "2024-05-05T24:00:00Z"],
  ["minute 60", "2024-05-05T10:60:00Z"],
  ["second 60", "2024-05-05T10:20:60Z"],
  ["an empty fraction", "2024-05-05T10:20:30.Z"],
  ["a fraction of minutes", "2024-05-05T10:20.5Z"],
  ["30 February", "2024-02-30T00:00:00Z"],
  ["29 February of a common year", "2023-02-29T00:00:00Z"],
  ["29 February of 1900", "1900-02-29T00:00:00Z"],
  ["31 April", "2024-04-31T00:00:00Z"],
  ["month 13", "2024-13-01T00:00:00Z"],
  ["month 0", "2024-00-01T00:00:00Z"],
  ["day 0", "2024-01-00T00:00:00Z"],
  ["day 32", "2024-01-32T00:00:00Z"],
  ["a signed year", "+002024-01-01T00:00:00Z"],
  ["epoch seconds", "1714904430"],
  ["no text at all", ""],
  ["a line break behind", "2024-05-05T10:20:30Z\n"],
])("write-api §2.3, §6 #26: %s is refused", (_, text) => {
  expect(isContractDateTime(text)).toBe(false);
  expect(millisOf(text)).toBeNaN();
});

test("write-api §2.3: a day is accepted exactly when the calendar has it", () => {
  const day = fc.tuple(fc.nat({ max: 9999 }), fc.nat({ max: 13 }), fc.nat({ max: 32 }));
  fc.assert(
    fc.property(day, ([year, month, date]) => {
      const text = `${pad(year, 4)}-${pad(month, 2)}-${pad(date, 2)}`;
      // A moment that Date had to carry over to another day reads back differently.
      const moment = new Date(0);
      moment.setUTCFullYear(year, month - 1, date);
      const exists = moment.toISOString().startsWith(`${text}T`);
      expect(isContractDateTime(`${text}T00:00Z`)).toBe(exists);
    }),
    { numRuns: 5000 },
  );
});

test("a moment survives being written and read", () => {
  const storable = fc.integer({ min: Date.UTC(1900, 0, 1), max: Date.UTC(2299, 11, 31) });
  fc.assert(
    fc.property(storable, (ms) => {
      expect(millisOf(isoOf(ms))).toBe(ms);
      expect(storableMs(ms)).toBe(ms);
    }),
  );
});

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, "0");
}
