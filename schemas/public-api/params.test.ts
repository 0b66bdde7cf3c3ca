import { describe, expect, test } from "vitest";
import { z } from "zod";

import { ApiError } from "../errors.ts";
import { pageMeta, pageParams } from "./pagination.ts";
import {
  dateParam,
  exactListParam,
  flagParam,
  groupsOf,
  listParam,
  orderParam,
  parseQuery,
  textParam,
} from "./params.ts";

const page = z.object(pageParams);
const list = z.object({ environment: listParam });
const date = z.object({ from: dateParam });

/** The body of the ApiError that `run` throws. */
function refusal(run: () => unknown): Record<string, unknown> {
  try {
    run();
  } catch (error) {
    if (error instanceof ApiError) return { status: error.status, ...error.body };
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("read-api §1.5: pages", () => {
  test("pages start at 1 and hold 50 items when nothing or nothing but the key is given", () => {
    expect(parseQuery(page, "")).toEqual({ page: 1, limit: 50 });
    expect(parseQuery(page, "?page=&limit=")).toEqual({ page: 1, limit: 50 });
  });

  test("the bounds of a page are within it", () => {
    expect(parseQuery(page, "?page=7&limit=1")).toEqual({ page: 7, limit: 1 });
    expect(parseQuery(page, "?limit=100")).toEqual({ page: 1, limit: 100 });
  });

  test.each([
    "page=0",
    "page=-1",
    "page=1.5",
    "page=x",
    "page=Infinity",
    "page=1&page=2",
    "limit=0",
    "limit=101",
    "limit=many",
  ])("%s is refused with an issue that names the key", (search) => {
    const body = refusal(() => parseQuery(page, `?${search}`));
    expect(body["status"]).toBe(400);
    expect(body["error"]).toEqual([
      expect.objectContaining({
        code: expect.any(String),
        path: [search.split("=")[0]],
        message: expect.any(String),
      }),
    ]);
  });

  test("all issues of a query are reported together", () => {
    const body = refusal(() => parseQuery(page, "?page=0&limit=0"));
    expect(body["error"]).toHaveLength(2);
  });

  test("the number of pages is rounded up, and none when there are no items", () => {
    expect(pageMeta({ page: 1, limit: 50 }, 0)).toEqual({
      page: 1,
      limit: 50,
      totalItems: 0,
      totalPages: 0,
    });
    expect(pageMeta({ page: 3, limit: 50 }, 100).totalPages).toBe(2);
    expect(pageMeta({ page: 3, limit: 50 }, 101).totalPages).toBe(3);
  });
});

describe("read-api §1.5: lists", () => {
  test("a comma list, a repeated key and a single value give the same list", () => {
    const both = { environment: ["a", "b"] };
    expect(parseQuery(list, "?environment=a,b")).toEqual(both);
    expect(parseQuery(list, "?environment=a%2Cb")).toEqual(both);
    expect(parseQuery(list, "?environment=a&environment=b")).toEqual(both);
    expect(parseQuery(list, "?environment=a")).toEqual({ environment: ["a"] });
  });

  test("a comma within a repeated value is part of it", () => {
    expect(parseQuery(list, "?environment=a,b&environment=c")).toEqual({
      environment: ["a,b", "c"],
    });
  });

  test("a space is part of a value: tags may have some", () => {
    expect(parseQuery(list, "?environment=%20a,b%20c")).toEqual({ environment: [" a", "b c"] });
  });

  test("nothing but empty values is no list", () => {
    expect(parseQuery(list, "").environment).toBeUndefined();
    expect(parseQuery(list, "?environment=").environment).toBeUndefined();
    expect(parseQuery(list, "?environment=,").environment).toBeUndefined();
    expect(parseQuery(list, "?environment=&environment=").environment).toBeUndefined();
  });

  test("an exact list never splits at a comma", () => {
    const exact = z.object({ environment: exactListParam });
    expect(parseQuery(exact, "?environment=a,b")).toEqual({ environment: ["a,b"] });
    expect(parseQuery(exact, "?environment=a&environment=b")).toEqual({ environment: ["a", "b"] });
  });
});

describe("read-api §1.5: texts", () => {
  const text = z.object({ name: textParam });

  test("an empty text is not given, and a repeated one is refused", () => {
    expect(parseQuery(text, "?name=").name).toBeUndefined();
    expect(refusal(() => parseQuery(text, "?name=a&name=b"))["status"]).toBe(400);
  });

  test("keys that are unknown, or named like parts of every object, are ignored", () => {
    expect(parseQuery(text, "?nope=1&__proto__=x&constructor=y&name=a")).toEqual({ name: "a" });
  });

  test("a flag is `true`, `false` or refused", () => {
    const flag = z.object({ on: flagParam });
    expect(parseQuery(flag, "?on=true")).toEqual({ on: true });
    expect(parseQuery(flag, "?on=false")).toEqual({ on: false });
    expect(parseQuery(flag, "")).toEqual({ on: false });
    expect(refusal(() => parseQuery(flag, "?on=1"))["status"]).toBe(400);
  });
});

describe("read-api §1.5: dates", () => {
  test("an offset is honoured and digits beyond the millisecond are cut", () => {
    expect(parseQuery(date, "?from=2024-01-01T02:00:00%2B02:00")).toEqual({
      from: Date.UTC(2024, 0, 1),
    });
    expect(parseQuery(date, "?from=2024-01-01T00:00:00.123999Z")).toEqual({
      from: Date.UTC(2024, 0, 1) + 123,
    });
    expect(parseQuery(date, "?from=2024-01-01T00:00Z")).toEqual({ from: Date.UTC(2024, 0, 1) });
  });

  test.each([
    "2024-01-01",
    "2024-01-01T00:00:00",
    "2024-01-01T00:00:00%2B0200",
    "2024-01-01T24:00:00Z",
    "2024-01-01T00:00:00+02:00",
    "2024-02-30T00:00:00Z",
    "1704067200000",
    "",
  ])("%j is refused", (text) => {
    const body = refusal(() => parseQuery(date, `?from=${text}`));
    expect(body["status"]).toBe(400);
    expect(body["error"]).toEqual([expect.objectContaining({ path: ["from"] })]);
  });
});

describe("read-api §3.1: order", () => {
  const order = z.object({ orderBy: orderParam });

  test("a column and a direction in any case are read", () => {
    expect(parseQuery(order, "?orderBy=timestamp.DESC").orderBy).toEqual({
      column: "timestamp",
      direction: "desc",
    });
    expect(parseQuery(order, "?orderBy=").orderBy).toBeUndefined();
  });

  test.each(["timestamp", "timestamp.", "timestamp.up", ".asc"])("%s is refused", (text) => {
    expect(refusal(() => parseQuery(order, `?orderBy=${text}`))["error"]).toBeInstanceOf(Array);
  });
});

describe("read-api §3.1: field groups", () => {
  const all = ["core", "io", "scores"] as const;

  test("unknown names are dropped; when none is left, all groups are meant", () => {
    expect([...groupsOf("io, nope", all)]).toEqual(["io"]);
    expect([...groupsOf("nope", all)]).toEqual([...all]);
    expect([...groupsOf(undefined, all)]).toEqual([...all]);
  });
});
