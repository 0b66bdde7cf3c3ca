import { beforeAll, describe, expect, test } from "vitest";

import { observationTypes } from "../../schemas/public-api/observation.ts";
import { query as observations } from "./observations-list.ts";
import { observationsV2Query } from "./observations-v2.ts";
import { queryV1 as scoresV1, queryV2 as scoresV2 } from "./scores-list.ts";
import { query as sessions } from "./sessions-list.ts";
import { minuteMs, now, queryFixture } from "./testing.ts";
import { query as traces } from "./traces-list.ts";

const query = queryFixture();

/** Of a trace, or of the newest of a kind; the others are each a little older. */
const newest = now - minuteMs;

const traceRows = [
  {
    id: "t1",
    name: "Chat 🧑‍🚀",
    user_id: "u1",
    session_id: "s1",
    release: "r1",
    version: "v1",
    tags: ["a", "b c"],
    environment: "prod",
    public: true,
    bookmarked: true,
  },
  {
    id: "t2",
    name: "chat",
    user_id: "u2",
    session_id: "s1",
    release: "r2",
    version: "V1",
    tags: ["a"],
    environment: "dev",
  },
  { id: "t3" },
  { id: "t4", user_id: "ünï 'x'", session_id: "s2", tags: ["x,y"], environment: "prod" },
];

/** An agent with a child of each other type, below one of which lies the last; and one whose trace is not stored. */
const observationRows = [
  ...observationTypes.map((type) => ({
    id: type.toLowerCase(),
    type,
    trace_id: "t1",
    parent_id: type === "AGENT" ? "" : type === "TOOL" ? "chain" : "agent",
    name: type === "GENERATION" ? "näive" : "",
    version: type === "CHAIN" ? "v1" : "",
    level: { TOOL: "ERROR", CHAIN: "WARNING", EVENT: "DEBUG" }[type as string] ?? "DEFAULT",
    environment: type === "EVENT" ? "dev" : "prod",
  })),
  { id: "orphan", type: "SPAN", trace_id: "nowhere" },
];

const scoreRows = [
  {
    id: "number",
    trace_id: "t1",
    value: 0.5,
    name: "näive",
    config_id: "c1",
    queue_id: "q1",
    environment: "prod",
  },
  {
    id: "flag",
    trace_id: "t1",
    observation_id: "tool",
    data_type: "BOOLEAN",
    value: 1,
    string_value: "True",
    source: "ANNOTATION",
    environment: "dev",
  },
  { id: "category", trace_id: "t2", data_type: "CATEGORICAL", value: 2, string_value: "good" },
  { id: "text", trace_id: "t2", data_type: "TEXT", string_value: "so so", source: "EVAL" },
  { id: "fix", trace_id: "t1", data_type: "CORRECTION", string_value: "better" },
  { id: "of session", session_id: "s1", value: 7 },
  { id: "of run", dataset_run_id: "run", value: 9 },
  { id: "lost", trace_id: "nowhere", value: 3 },
];

/** The second of its kind, within a list from then on and not within one up to then. */
const second = new Date(newest - 1_000).toISOString();

function filter(column: string, value: string): string {
  const asked = [{ type: "string", column, operator: "=", value }];
  return `filter=${encodeURIComponent(JSON.stringify(asked))}`;
}

const isRoot = [{ type: "null", column: "parentObservationId", operator: "is null", value: "" }];

const all = observationRows.map(({ id }) => id);
const ofTypes = observationTypes.map((type): Row => [`type=${type}`, idsOfType(type)]);

/** What both versions of the observations take. */
const observationParams: Row[] = [
  ["", all],
  ["limit=2", all.slice(0, 2)],
  ["name=n%C3%A4ive", ["generation"]],
  ["name=", all],
  ["userId=u1", all.slice(0, -1)],
  ["userId=u2", []],
  ["level=ERROR", ["tool"]],
  ["level=WARNING", ["chain"]],
  ["level=DEBUG", ["event"]],
  ["traceId=nowhere", ["orphan"]],
  ["version=v1", ["chain"]],
  ["parentObservationId=chain", ["tool"]],
  ["environment=dev", ["event"]],
  ["environment=dev,default", ["event", "orphan"]],
  ["environment=dev&environment=default", ["event", "orphan"]],
  [`fromStartTime=${second}`, all.slice(0, 2)],
  [`toStartTime=${second}`, all.slice(2)],
  [filter("traceName", "Chat 🧑‍🚀"), all.slice(0, -1)],
  [`filter=${encodeURIComponent(JSON.stringify(isRoot))}`, ["agent", "orphan"]],
  ["filter=", all],
  ["traceId=t1&type=TOOL&level=DEBUG", []],
  ["offset=3&useEventsTable=true&orderBy=name.asc", all],
];

const v1 = ["number", "flag", "category", "text"];
const v2 = [...v1, "fix", "of session", "of run"];

/** What both versions of the scores take; `rest` are those that only the second one has. */
function scoreParams(shown: readonly string[], rest: readonly string[]): Row[] {
  const numbers = rest.filter((id) => id !== "fix");
  return [
    ["", shown],
    ["limit=3&page=2", shown.slice(3, 6)],
    ["userId=u1", ["number", "flag", ...rest.filter((id) => id === "fix")]],
    ["name=n%C3%A4ive", ["number"]],
    ["dataType=NUMERIC", ["number", ...numbers]],
    ["dataType=BOOLEAN", ["flag"]],
    ["dataType=CATEGORICAL", ["category"]],
    ["dataType=TEXT", ["text"]],
    ["dataType=CORRECTION", rest.filter((id) => id === "fix")],
    ["configId=c1", ["number"]],
    ["queueId=q1", ["number"]],
    ["traceTags=b%20c", ["number", "flag", ...rest.filter((id) => id === "fix")]],
    ["traceTags=a,b%20c&dataType=BOOLEAN", ["flag"]],
    ["traceTags=a&traceTags=nope", []],
    ["environment=prod", ["number"]],
    ["environment=prod,dev", ["number", "flag"]],
    // With a question about the trace, it must be in that environment as well.
    ["environment=dev&userId=u1", []],
    ["source=ANNOTATION", ["flag"]],
    ["source=EVAL", ["text"]],
    [`fromTimestamp=${second}`, shown.slice(0, 2)],
    [`toTimestamp=${second}`, shown.slice(2)],
    ["value=1&operator=%3D", ["flag"]],
    ["value=1&operator=!%3D", ["number", "category", ...rest]],
    ["value=1&operator=%3E", ["category", ...numbers]],
    ["value=1&operator=%3E%3D", ["flag", "category", ...numbers]],
    ["value=0.5&operator=%3C%3D", ["number", ...rest.filter((id) => id === "fix")]],
    ["value=0.5&operator=%3C", rest.filter((id) => id === "fix")],
    ["value=1", shown],
    [`operator=%3C&toTimestamp=${second}`, shown.slice(2)],
    ["scoreIds=number,text,nope", ["number", "text"]],
    [filter("stringValue", "good"), ["category"]],
    ["fields=score,trace", shown],
    ["offset=3&nope=1", shown],
  ];
}

type Row = readonly [search: string, ids: readonly string[]];

/** Every parameter of a list has its rows: what it is given, and the ids that then come, in order. */
const tables: {
  list: string;
  path: string;
  params: { readonly shape: object };
  rows: readonly Row[];
}[] = [
  {
    list: "read-api §3.1: GET /traces",
    path: "traces",
    params: traces,
    rows: [
      ["", ["t1", "t2", "t3", "t4"]],
      ["page=2&limit=3", ["t4"]],
      ["page=9", []],
      ["page=&limit=", ["t1", "t2", "t3", "t4"]],
      ["userId=u1", ["t1"]],
      [`userId=${encodeURIComponent("ünï 'x'")}`, ["t4"]],
      ["name=chat", ["t2"]],
      ["name=", ["t1", "t2", "t3", "t4"]],
      [`name=${encodeURIComponent("Chat 🧑‍🚀")}`, ["t1"]],
      ["sessionId=s1", ["t1", "t2"]],
      ["version=v1", ["t1"]],
      ["release=r2", ["t2"]],
      ["tags=a", ["t1", "t2"]],
      ["tags=a,b%20c", ["t1"]],
      ["tags=a&tags=b%20c", ["t1"]],
      ["tags=x,y", []],
      ["tags=x,y&tags=x,y", ["t4"]],
      ["environment=prod", ["t1", "t4"]],
      ["environment=dev,default", ["t2", "t3"]],
      ["environment=dev&environment=default", ["t2", "t3"]],
      [`fromTimestamp=${second}`, ["t1", "t2"]],
      [`toTimestamp=${second}`, ["t3", "t4"]],
      ["orderBy=id.DESC", ["t4", "t3", "t2", "t1"]],
      ["orderBy=", ["t1", "t2", "t3", "t4"]],
      ["fields=nope", ["t1", "t2", "t3", "t4"]],
      [filter("User ID", "u2"), ["t2"]],
      ["userId=u1&environment=dev", []],
      ["offset=3&useEventsTable=true", ["t1", "t2", "t3", "t4"]],
    ],
  },
  {
    list: "read-api §4.1: GET /observations",
    path: "observations",
    params: observations,
    rows: [
      ...observationParams,
      ...ofTypes,
      ["limit=5&page=3", ["orphan"]],
      // Not those without a parent, which only a filter asks for here.
      ["parentObservationId=", all],
    ],
  },
  {
    list: "read-api §5: GET /v2/observations",
    path: "v2/observations",
    params: observationsV2Query,
    rows: [
      ...observationParams,
      ["limit=0", []],
      ["type=TOOL", ["tool"]],
      ["sessionId=s1&level=ERROR", ["tool"]],
      ["sessionId=s2", []],
      ["parentObservationId=", ["agent", "orphan"]],
      ["isRootObservation=true", ["agent", "orphan"]],
      ["isRootObservation=false&limit=1", ["span"]],
      ["cursor=", all],
      ["parseIoAsJson=false", all],
      ["fields=nope&expandMetadata=k", all],
    ],
  },
  {
    list: "read-api §6: GET /sessions",
    path: "sessions",
    params: sessions,
    rows: [
      ["", ["s1", "s2"]],
      ["page=2&limit=1", ["s2"]],
      // The environment is that of a session's first trace, and a comma is part of it.
      ["environment=dev", ["s1"]],
      ["environment=prod", ["s2"]],
      ["environment=prod,dev", []],
      ["environment=prod&environment=dev", ["s1", "s2"]],
      [`fromTimestamp=${second}`, ["s1"]],
      [`toTimestamp=${second}`, ["s2"]],
      ["userId=nobody&filter=x", ["s1", "s2"]],
    ],
  },
  {
    list: "read-api §7.3: GET /scores",
    path: "scores",
    params: scoresV1,
    rows: [
      ...scoreParams(v1, []),
      // What the first version does not know it ignores, and it shows the trace whatever is asked.
      ["traceId=x&sessionId=x&datasetRunId=x&observationId=x", v1],
      ["fields=nope", v1],
    ],
  },
  {
    list: "read-api §7.3: GET /v2/scores",
    path: "v2/scores",
    params: scoresV2,
    rows: [
      ...scoreParams(v2, ["fix", "of session", "of run"]),
      ["traceId=t2", ["category", "text"]],
      ["sessionId=s1", ["of session"]],
      ["datasetRunId=run", ["of run"]],
      ["observationId=tool,chain", ["flag"]],
      ["fields=score", [...v2, "lost"]],
      ["fields=score&traceId=nowhere", ["lost"]],
      ["fields=score,trace&traceId=nowhere", []],
    ],
  },
];

beforeAll(async () => {
  // The same ids in another project, whose rows match as well: none of them may show twice.
  for (const project_id of ["p", "another"]) {
    await query.traces(
      ...traceRows.map((row, i) => ({ ...row, project_id, timestamp: newest - i * 1_000 })),
    );
    await query.observations(
      ...observationRows.map((row, i) => ({ ...row, project_id, start_time: newest - i * 1_000 })),
    );
    await query.scores(
      ...scoreRows.map((row, i) => ({ ...row, project_id, timestamp: newest - i * 1_000 })),
    );
  }
});

describe.each(tables.map((table) => [table.list, table] as const))("%s", (_, table) => {
  const { path, params, rows } = table;

  test("every parameter has a row below", () => {
    const named = new Set(rows.flatMap(([search]) => [...new URLSearchParams(search).keys()]));
    expect(Object.keys(params.shape).filter((name) => !named.has(name))).toEqual([]);
  });

  test("each parameter finds what it names, in order, and unknown ones are ignored", async () => {
    const found: Row[] = [];
    // As many at once as the engine has readers.
    while (found.length < rows.length) {
      const some = rows.slice(found.length, found.length + 3);
      found.push(...(await Promise.all(some.map(([search]) => answerTo(path, search)))));
    }
    expect(found).toEqual(rows);
  });
});

async function answerTo(path: string, search: string): Promise<Row> {
  const isOfTime = path.endsWith("observations") ? "StartTime" : "Timestamp";
  // Within one window of time, which takes one statement instead of four.
  const recent = /from|to(Start|Time)/.test(search)
    ? ""
    : `&from${isOfTime}=${new Date(newest - minuteMs).toISOString()}`;
  const core = path === "traces" && !search.includes("fields") ? "&fields=core" : "";
  return [search, await query.ids("p", `/api/public/${path}?${search}${recent}${core}`)];
}

/** The ids of the observations of a type. */
function idsOfType(type: string): string[] {
  return observationRows.filter((row) => row.type === type).map(({ id }) => id);
}
