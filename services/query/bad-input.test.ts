import { describe, expect, test } from "vitest";

import type { Db } from "../../clickhouse/engine.ts";
import { recordingLogger } from "../runtime/http/testing.ts";
import { createQueryApp } from "./app.ts";
import { basic, depsOf } from "./testing.ts";

/** What is wrong is told before the database is asked: here there is none. */
const noDb = new Proxy({} as Db, {
  get: (_, method) => () => Promise.reject(new Error(`the database was asked: ${String(method)}`)),
});
const app = createQueryApp(depsOf(noDb, recordingLogger().log));
const headers = { authorization: basic("pk-p", "p") };

/** 400 with the findings of a schema, or with a sentence (read-api §1.4). */
type Refusal = "issues" | "sentence";
type Row = readonly [search: string, refusal: Refusal];

const issues = (...searches: string[]): Row[] => searches.map((search) => [search, "issues"]);
const sentences = (...searches: string[]): Row[] => searches.map((search) => [search, "sentence"]);

const pages = [
  ...issues(
    "page=0",
    "page=-1",
    "page=1.5",
    "page=x",
    "page=1&page=2",
    "page=Infinity",
    "page=%00",
  ),
  ...issues("limit=0", "limit=101", "limit=-5", "limit=ten", "limit=1;DROP%20TABLE%20t"),
];

function dates(...names: string[]): Row[] {
  return names.flatMap((name) =>
    issues(
      `${name}=`,
      `${name}=2026-01-31`,
      `${name}=2026-01-31T12:00:00`,
      `${name}=2026-01-31T12:00:00%2B0200`,
      // Not encoded, the sign is a space.
      `${name}=2026-01-31T12:00:00+02:00`,
      `${name}=2026-01-31T24:00:00Z`,
      `${name}=2026-02-30T12:00:00Z`,
      `${name}=1769860800000`,
      `${name}=now()`,
      `${name}=2026-01-31T12:00:00Z&${name}=2026-01-31T12:00:00Z`,
    ),
  );
}

function repeated(...names: string[]): Row[] {
  return issues(...names.map((name) => `${name}=a&${name}=b`));
}

const named = { type: "string", column: "name", operator: "=", value: "n" };
const filters: Row[] = [
  ...sentences("filter=x", "filter=%5B", "filter='", "filter=%5B%7B%5D", "filter=%00"),
  ...issues("filter=%7B%7D", "filter=null", "filter=1", "filter=%5B%7B%7D%5D", "filter=%5Bnull%5D"),
  ...repeated("filter"),
  filtered({ ...named, operator: "like" }, "issues"),
  filtered({ ...named, operator: "= '' OR 1=1 --" }, "issues"),
  filtered({ ...named, type: "sql" }, "issues"),
  filtered({ ...named, value: 1 }, "issues"),
  filtered({ type: "string", column: "name", operator: "=" }, "issues"),
  filtered({ type: "stringOptions", column: "name", operator: "any of", value: [] }, "issues"),
  filtered({ type: "stringObject", column: "metadata", operator: "=", value: "v" }, "issues"),
  filtered({ type: "null", column: "name", operator: "is null" }, "issues"),
  filtered({ ...named, column: "nope" }, "sentence"),
  filtered({ ...named, column: "name) OR (1=1" }, "sentence"),
  filtered({ ...named, column: "constructor" }, "sentence"),
  filtered({ ...named, type: "number", value: 1 }, "sentence"),
  filtered({ ...named, column: "metadata" }, "sentence"),
  filtered({ ...named, type: "datetime", operator: ">", value: "2026-01-31" }, "sentence"),
];

const types = issues("type=span", "type=NOPE", "type=SPAN&type=SPAN", "level=error", "level='");

const scores = [
  ...pages,
  ...dates("fromTimestamp", "toTimestamp"),
  ...filters,
  ...repeated("userId", "name", "configId", "queueId", "fields"),
  ...issues("dataType=numeric", "dataType=NUMERIC,TEXT", "source=api", "source=x"),
  ...issues("value=x&operator=%3D", "value=Infinity", "value=1&operator=like", "operator=%3D%3D"),
];

/** Each list with what it refuses. */
const lists: { title: string; path: string; rows: readonly Row[] }[] = [
  {
    title: "read-api §3.1: GET /traces",
    path: "traces",
    rows: [
      ...pages,
      ...dates("fromTimestamp", "toTimestamp"),
      ...filters,
      ...repeated("userId", "name", "sessionId", "version", "release", "fields", "orderBy"),
      ...issues("orderBy=timestamp", "orderBy=timestamp.up", "orderBy=.asc", "orderBy=%5B%5D"),
      ...sentences(
        "orderBy=latency.asc",
        "orderBy=user_id.desc",
        "orderBy=id;DROP%20TABLE%20t.asc",
      ),
      filtered({ ...named, operator: "matches" }, "issues"),
    ],
  },
  {
    title: "read-api §4.1: GET /observations",
    path: "observations",
    rows: [
      ...pages,
      ...dates("fromStartTime", "toStartTime"),
      ...filters,
      ...types,
      ...repeated("name", "userId", "traceId", "version", "parentObservationId"),
      filtered({ type: "null", column: "scores_avg", operator: "is null", value: "" }, "sentence"),
    ],
  },
  {
    title: "read-api §5: GET /v2/observations",
    path: "v2/observations",
    rows: [
      ...issues("limit=-1", "limit=1001", "limit=1.5", "limit=ten", "limit=1&limit=2"),
      ...dates("fromStartTime", "toStartTime"),
      ...filters,
      ...types,
      ...repeated("name", "userId", "sessionId", "traceId", "version", "parentObservationId"),
      ...repeated("fields", "expandMetadata", "cursor"),
      ...issues("parseIoAsJson=true", "parseIoAsJson=", "isRootObservation=yes"),
      ...issues("isRootObservation=", "isRootObservation=1"),
      ...sentences("cursor=garbage", "cursor=%00", `cursor=${encoded("no json")}`),
      ...cursors({}, [], null, { lastStartTimeTo: "yesterday", lastTraceId: "t", lastId: "i" }),
      ...cursors({ lastStartTimeTo: "2026-01-01T00:00:00.000Z", lastTraceId: 1, lastId: "i" }),
      filtered({ ...named, operator: "matches" }, "sentence"),
      filtered({ ...named, column: "input", operator: "contains" }, "sentence"),
    ],
  },
  {
    title: "read-api §6: GET /sessions",
    path: "sessions",
    rows: [...pages, ...dates("fromTimestamp", "toTimestamp")],
  },
  { title: "read-api §7.3: GET /scores", path: "scores", rows: scores },
  {
    title: "read-api §7.3: GET /v2/scores",
    path: "v2/scores",
    rows: [
      ...scores,
      ...repeated("sessionId", "traceId", "datasetRunId"),
      ...sentences("fields=trace", "fields=nope", "fields=,", "fields=SCORE"),
      ...sentences("fields=score&userId=u", "fields=score&traceTags=a"),
    ],
  },
  {
    title: "read-api §7.5: GET /v3/scores",
    path: "v3/scores",
    rows: [
      ...issues("limit=0", "limit=101", "limit=x", "page=1", "offset=0", "__proto__=x"),
      ...issues("fields=nope", "fields=core,nope", "fields=core&fields=details"),
      ...issues("source=nope", "dataType=nope", "dataType=NUMERIC,nope", "userId=u", "traceTags=a"),
      ...issues("fromTimestamp=1751370000000", "toTimestamp=yesterday"),
      ...issues("value=1", "value=1&dataType=NUMERIC,BOOLEAN", "value=a&dataType=TEXT"),
      ...issues("value=1,x&dataType=NUMERIC", "value=Infinity&dataType=NUMERIC"),
      ...issues("value=1&dataType=BOOLEAN", "value=a&dataType=CORRECTION"),
      ...issues("valueMin=1", "valueMin=x&dataType=NUMERIC", "valueMax=1&dataType=BOOLEAN"),
      ...issues("valueMax=1&dataType=NUMERIC,BOOLEAN", "observationId=o", "sessionId=s&traceId=t"),
      ...issues("experimentId=e&traceId=t", "experimentId=e&sessionId=s"),
      ...sentences("cursor=garbage", "cursor=%00"),
      ...cursors({}, null, { v: 2, lastTimestamp: "2026-01-01T00:00:00.000Z", lastId: "i" }),
    ],
  },
  {
    title: "read-api §3.2: GET /traces/{traceId}",
    path: "traces/t1",
    rows: repeated("fields"),
  },
  {
    title: "read-api §10.1: GET /health",
    path: "health",
    rows: issues("failIfDatabaseUnavailable=1", "failIfNoRecentEvents=x"),
  },
];

describe.each(lists.map(({ title, ...list }) => [title, list] as const))(
  "%s",
  (_, { path, rows }) => {
    test("what is malformed is 400 with what is wrong, and nothing of what is behind", async () => {
      const answers = await Promise.all(rows.map(([search]) => refusalOf(path, search)));
      expect(answers).toEqual(rows.map(([search, refusal]) => [search, 400, refusal]));
    });
  },
);

test("read-api §1.2: without a key it is 401, whatever else is wrong", async () => {
  for (const { path, rows } of lists.filter((list) => list.path !== "health")) {
    const response = await app.request(`/api/public/${path}?${rows[0]?.[0]}`);
    expect([path, response.status]).toEqual([path, 401]);
  }
});

test.each([
  ["read-api §5", "v2/observations?cursor=garbage", "Invalid cursor format"],
  [
    "read-api §2.2",
    `traces?${filtered({ ...named, column: "nope" }, "sentence")[0]}`,
    "does not match a UI / CH table mapping",
  ],
])("%s: GET /%s is told in the words that clients look for", async (_, target, words) => {
  const response = await app.request(`/api/public/${target}`, { headers });
  expect(await response.json()).toMatchObject({ message: expect.stringContaining(words) });
});

/** The status of an answer, and which of the two bodies it has; the whole text where it has neither. */
async function refusalOf(path: string, search: string): Promise<[string, number, string]> {
  const response = await app.request(`/api/public/${path}?${search}`, { headers });
  const text = await response.text();
  const { message, error, ...more } = JSON.parse(text);
  const isClean = !/\bat .+:\d|node_modules|\.ts\b|clickhouse|sluice\.|SELECT|Code: \d/i.test(text);
  const isWhole = typeof message === "string" && message !== "" && Object.keys(more).length === 0;
  if (!isClean || !isWhole) return [search, response.status, text];
  if (error === "InvalidRequestError") return [search, response.status, "sentence"];
  const isList = Array.isArray(error) && error.length > 0;
  const isTold = isList && error.every((issue) => isIssue(issue, search));
  return [search, response.status, isTold ? "issues" : text];
}

/** It names the parameter, unless it is one that must not be there or is about the inside of a cursor. */
function isIssue(
  issue: { code?: unknown; path?: unknown; message?: unknown },
  search: string,
): boolean {
  const { code, path, message } = issue;
  if (typeof code !== "string" || typeof message !== "string" || !Array.isArray(path)) return false;
  if (code === "unrecognized_keys" || search.startsWith("cursor=")) return true;
  return search.includes(`${path[0]}=`);
}

function filtered(condition: object, refusal: Refusal): Row {
  return [`filter=${encodeURIComponent(JSON.stringify([condition]))}`, refusal];
}

function cursors(...positions: unknown[]): Row[] {
  return issues(...positions.map((position) => `cursor=${encoded(JSON.stringify(position))}`));
}

function encoded(text: string): string {
  return encodeURIComponent(Buffer.from(text).toString("base64"));
}
