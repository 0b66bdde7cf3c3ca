import { beforeAll, describe, expect, test } from "vitest";

import { scoresV3Query } from "../../schemas/public-api/score-v3.ts";
import { now, queryFixture, type Answer } from "./testing.ts";

const query = queryFixture();

function get(project: string, search = ""): Promise<Answer> {
  return query.get(project, `/api/public/v3/scores${search}`);
}

function ids(search: string): Promise<string[]> {
  return query.ids("all", `/api/public/v3/scores${search}`);
}

const seeded = [
  {
    id: "n1",
    trace_id: "t1",
    data_type: "NUMERIC",
    value: 0.5,
    name: "accuracy",
    source: "API",
    environment: "prod",
    config_id: "c1",
    queue_id: "q1",
    author_user_id: "a1",
    comment: "close",
    metadata: { k: "1" },
  },
  { id: "n2", trace_id: "t1", observation_id: "o1", data_type: "NUMERIC", value: 2 },
  { id: "b1", trace_id: "t2", data_type: "BOOLEAN", value: 1, string_value: "True" },
  { id: "b0", trace_id: "t2", data_type: "BOOLEAN", value: 0, string_value: "False" },
  { id: "c1", session_id: "s1", data_type: "CATEGORICAL", value: 3, string_value: "good" },
  { id: "x1", trace_id: "t3", data_type: "TEXT", string_value: "well, well", source: "EVAL" },
  { id: "r1", trace_id: "t3", data_type: "CORRECTION", string_value: "", source: "ANNOTATION" },
  { id: "e1", dataset_run_id: "run1", session_id: "s2", data_type: "NUMERIC", value: -1 },
] as const;

beforeAll(async () => {
  await query.scores(
    ...seeded.map((row, i) => ({ project_id: "all", ...row, timestamp: now - i * 1_000 })),
  );
});

const core = [
  "id",
  "projectId",
  "name",
  "dataType",
  "value",
  "source",
  "timestamp",
  "environment",
  "createdAt",
  "updatedAt",
];

describe("read-api §7.5: the scores of v3/scores", () => {
  test("a score shows its core alone unless more is asked for", async () => {
    const { body } = await get("all", "?id=n1");
    expect(body).toEqual({
      data: [
        {
          id: "n1",
          projectId: "all",
          name: "accuracy",
          dataType: "NUMERIC",
          value: 0.5,
          source: "API",
          timestamp: "2026-07-01T12:30:00.000Z",
          environment: "prod",
          createdAt: "2026-07-01T12:30:00.000Z",
          updatedAt: "2026-07-01T12:30:00.000Z",
        },
      ],
      meta: { limit: 50 },
    });
  });

  test.each([
    ["details", { comment: "close", configId: "c1", metadata: { k: 1 } }],
    ["annotation", { authorUserId: "a1", queueId: "q1" }],
    ["subject", { subject: { kind: "trace", id: "t1" } }],
    ["core", {}],
    ["%20core%20,,annotation", { authorUserId: "a1", queueId: "q1" }],
  ])("`fields=%s` adds its keys", async (fields, added) => {
    const { body } = await get("all", `?id=n1&fields=${fields}`);
    const [score] = body.data;
    expect(Object.keys(score).toSorted()).toEqual([...core, ...Object.keys(added)].toSorted());
    expect(score).toMatchObject(added);
  });

  test("the value has the type of its data", async () => {
    const { body } = await get("all");
    const values = body.data.map((score: { id: string; value: unknown }) => [
      score.id,
      score.value,
    ]);
    expect(Object.fromEntries(values)).toEqual({
      n1: 0.5,
      n2: 2,
      b1: true,
      b0: false,
      c1: "good",
      x1: "well, well",
      r1: "",
      e1: -1,
    });
  });

  test("the subject is the run, else the observation, else the session, else the trace", async () => {
    const { body } = await get("all", "?fields=subject");
    const subjects = body.data.map((score: { id: string; subject: unknown }) => [
      score.id,
      score.subject,
    ]);
    expect(Object.fromEntries(subjects)).toMatchObject({
      n1: { kind: "trace", id: "t1" },
      n2: { kind: "observation", id: "o1", traceId: "t1" },
      c1: { kind: "session", id: "s1" },
      e1: { kind: "experiment", id: "run1" },
    });
  });
});

/** Every parameter has its rows: what it is given, and the ids that then come, in order. */
const finds = [
  ["id=n1,%20b1%20,,nope", ["n1", "b1"]],
  ["id=n1&id=b1", ["n1", "b1"]],
  ["name=accuracy", ["n1"]],
  ["source=eval,Annotation", ["x1", "r1"]],
  ["dataType=boolean", ["b1", "b0"]],
  ["environment=prod", ["n1"]],
  ["configId=c1", ["n1"]],
  ["queueId=q1", ["n1"]],
  ["authorUserId=a1", ["n1"]],
  ["traceId=t1", ["n1", "n2"]],
  ["traceId=t1&observationId=o1", ["n2"]],
  ["sessionId=s1", ["c1"]],
  ["experimentId=run1", ["e1"]],
  ["dataType=NUMERIC&value=0.5,2", ["n1", "n2"]],
  ["dataType=BOOLEAN&value=false", ["b0"]],
  ["dataType=BOOLEAN&value=false,true", ["b1", "b0"]],
  ["dataType=CATEGORICAL&value=good,bad", ["c1"]],
  ["dataType=NUMERIC&valueMin=0.5", ["n1", "n2"]],
  ["dataType=NUMERIC&valueMin=-1&valueMax=0.5", ["n1", "e1"]],
  ["fromTimestamp=2026-07-01T12:29:59Z", ["n1", "n2"]],
  ["toTimestamp=2026-07-01T12:29:54Z", ["e1"]],
  ["toTimestamp=2026-07-01T12:29:54", ["e1"]],
  ["toTimestamp=2026-07-01", []],
  ["traceId=nope", []],
] as const;

describe("read-api §7.5: the parameters of v3/scores", () => {
  test("every parameter is named by a row", () => {
    const named = new Set(finds.flatMap(([search]) => [...new URLSearchParams(search).keys()]));
    // The first three have tests of their own, and the last two are refused.
    for (const name of ["limit", "cursor", "fields", "userId", "traceTags"]) named.add(name);
    expect(Object.keys(scoresV3Query.shape).filter((name) => !named.has(name))).toEqual([]);
  });

  test.each(finds)("%s finds what it names", async (search, expected) => {
    // Within one window of time, which takes one statement instead of four.
    const range = search.includes("Timestamp") ? "" : "&fromTimestamp=2026-07-01T12:00:00Z";
    expect(await ids(`?${search}${range}`)).toEqual(expected);
  });

  test("an empty parameter is none", async () => {
    const names = ["id", "name", "source", "dataType", "value", "valueMin", "traceId", "limit"];
    const more = ["fromTimestamp", "cursor", "fields", "userId", "traceTags", "sessionId"];
    const search = [...names, ...more].map((name) => `${name}=`).join("&");
    expect(await ids(`?${search}`)).toHaveLength(seeded.length);
  });

  test("an unknown parameter is refused", async () => {
    const { status, body } = await get("all", "?page=1");
    expect(status).toBe(400);
    expect(body.error).toEqual([
      expect.objectContaining({ code: "unrecognized_keys", keys: ["page"] }),
    ]);
  });

  test("a cursor that no page has carried is refused", async () => {
    const { status, body } = await get("all", "?cursor=garbage");
    expect([status, body.error]).toEqual([400, "InvalidRequestError"]);
    const old = { v: 2, lastTimestamp: "2026-01-01T00:00:00.000Z", lastId: "a" };
    const text = Buffer.from(JSON.stringify(old)).toString("base64url");
    const answer = await get("all", `?cursor=${text}`);
    expect([answer.status, answer.body.error[0].path]).toEqual([400, ["v"]]);
  });
});

test("a text that breaks what pastes it finds its own row, and nothing of another project", async () => {
  const text = "it's \\' {project:String} ') UNION ALL SELECT * FROM sluice.traces --";
  for (const project_id of ["hostile", "others"]) {
    const subject = { trace_id: text, observation_id: text };
    const rest = { name: text, config_id: text, queue_id: text, author_user_id: text };
    await query.scores({ project_id, id: project_id, environment: text, ...subject, ...rest });
  }
  const names = ["name", "environment", "configId", "queueId", "authorUserId"];
  const search = new URLSearchParams(
    [...names, "traceId", "observationId"].map((name): [string, string] => [name, text]),
  );
  const { status, body } = await get("hostile", `?${search.toString()}`);
  expect([status, body.data.map((row: { id: string }) => row.id)]).toEqual([200, ["hostile"]]);
});

test("read-api §7.5: the cursors lead through every score once, the newest first, also within one moment", async () => {
  const rows = Array.from({ length: 11 }, (_, i) => ({
    project_id: "walk",
    id: `s${String(i).padStart(2, "0")}`,
    timestamp: i < 6 ? now - 1_000 : now - i * 86_400_000,
    trace_id: `t${i}`,
  }));
  await query.scores(...rows);
  const pages: string[][] = [];
  let cursor = "";
  do {
    const { body } = await get("walk", `?limit=4${cursor}`);
    pages.push(body.data.map((row: { id: string }) => row.id));
    cursor = body.meta.cursor === undefined ? "" : `&cursor=${body.meta.cursor}`;
    expect(cursor).toMatch(/^(&cursor=[\w-]+)?$/);
  } while (cursor !== "");
  expect(pages).toEqual([
    ["s05", "s04", "s03", "s02"],
    ["s01", "s00", "s06", "s07"],
    ["s08", "s09", "s10"],
  ]);
});
