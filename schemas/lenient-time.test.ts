import { expect, test } from "vitest";

import { lenientMillisOf } from "./lenient-time.ts";

test.each([
  ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000Z"],
  ["2026-01-31T12:00:00.1239+02:00", "2026-01-31T10:00:00.123Z"],
  ["2026-01-31", "2026-01-31T00:00:00.000Z"],
  ["2026-01-31T12:00", "2026-01-31T12:00:00.000Z"],
  ["2026-01-31 12:00:00.5", "2026-01-31T12:00:00.500Z"],
  ["2026-01-31T12:00:00+0200", "2026-01-31T10:00:00.000Z"],
  ["Sat, 31 Jan 2026 12:00:00 GMT", "2026-01-31T12:00:00.000Z"],
  ["Sat Jan 31 2026 12:00:00 GMT+0200 (Central European)", "2026-01-31T10:00:00.000Z"],
  ["January 31, 2026", "2026-01-31T00:00:00.000Z"],
  ["01-31-2026", "2026-01-31T00:00:00.000Z"],
  [1_769_860_800_000, "2026-01-31T12:00:00.000Z"],
])("the moment %j is read, in UTC unless it says otherwise (read-api §2.1)", (value, iso) => {
  expect(new Date(lenientMillisOf(value)).toISOString()).toBe(iso);
});

test.each(["", " ", "soon", "2026-13-01", "2026-01-31T25:00", "\0", 1e17])(
  "%j is no moment",
  (value) => {
    expect(lenientMillisOf(value)).toBeNaN();
  },
);
