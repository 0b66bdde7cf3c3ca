import { describe, expect, test } from "vitest";

import { traceFilterColumns } from "./filter-columns.ts";
import { notOutranked, parseFilter, rangeOf } from "./filters.ts";

const named = { type: "string", column: "name", operator: "=", value: "n" };

describe("read-api §2.3: precedence", () => {
  const columns = { user: "userId", from: "timestamp", to: "timestamp" } as const;

  test("a condition removes the simple parameters of its column, both ends of a range alike", () => {
    const asked = { user: "u", from: 1, to: 2, page: 3 };
    const of = (column: string) =>
      notOutranked(
        asked,
        parseFilter(
          JSON.stringify([{ type: "null", column, operator: "is null", value: "" }]),
          traceFilterColumns,
        ),
        columns,
      );
    expect(of("User ID")).toEqual({ from: 1, to: 2, page: 3 });
    expect(of("timestamp")).toEqual({ user: "u", page: 3 });
    expect(of("tags")).toEqual(asked);
  });

  test("conditions on the time narrow each other to one range of whole milliseconds", () => {
    expect(range(at(">=", 5), at(">", 5), at("<=", 9), at("<", 20), named)).toEqual({
      from: 6,
      to: 10,
      rest: [named],
    });
    expect(range(named)).toEqual({ from: undefined, to: undefined, rest: [named] });
    expect(rangeOf([], "timestamp", { from: 1, to: 2 })).toEqual({ from: 1, to: 2, rest: [] });
  });
});

function at(operator: string, value: number) {
  return { type: "datetime", column: "timestamp", operator, value };
}

function range(...filter: object[]) {
  return rangeOf(parseFilter(JSON.stringify(filter), traceFilterColumns), "timestamp", {});
}
