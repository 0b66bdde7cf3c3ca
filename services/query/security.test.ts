import { beforeAll, describe, expect, test } from "vitest";

import { now, queryFixture } from "./testing.ts";

const query = queryFixture();

/** Ids that clients may well use, and that break whatever pastes text into SQL, paths or JSON. */
const hostileIds = [
  "plain",
  "quote'; DROP TABLE sluice.traces; --",
  'double"quote',
  "back\\slash\\'",
  "{project:String}",
  "a/b",
  "../../etc/passwd",
  "..",
  "%2F",
  "100%",
  "question?mark=1&and#hash",
  "plus+and space",
  "line\nbreak\ttab",
  "nul\0byte",
  "ünï→😀",
  "' OR 1=1 --",
  "') UNION ALL SELECT * FROM sluice.traces --",
  "__proto__",
  "constructor",
  "null",
];

const kinds = [
  { path: "traces", idOf: (body: { id: string }) => body.id },
  { path: "observations", idOf: (body: { id: string }) => body.id },
  { path: "sessions", idOf: (body: { id: string }) => body.id },
  { path: "scores", idOf: (body: { id: string }) => body.id },
  { path: "v2/scores", idOf: (body: { id: string }) => body.id },
];

/** Every simple parameter of every list. */
const lists = [
  {
    path: "traces",
    params: ["userId", "name", "sessionId", "version", "release", "tags", "environment", "fields"],
  },
  {
    path: "observations",
    params: ["name", "userId", "traceId", "version", "parentObservationId", "environment"],
  },
  { path: "sessions", params: ["environment"] },
  {
    path: "scores",
    params: ["userId", "name", "configId", "queueId", "traceTags", "environment", "scoreIds"],
  },
  {
    path: "v2/scores",
    params: [
      "userId",
      "name",
      "configId",
      "queueId",
      "traceTags",
      "environment",
      "scoreIds",
      "sessionId",
      "traceId",
      "datasetRunId",
      "observationId",
    ],
  },
];

beforeAll(async () => {
  for (const project_id of ["mine", "theirs"]) {
    const owner = { project_id, environment: project_id };
    await query.traces(
      ...hostileIds.map((id) => ({
        ...owner,
        id,
        session_id: id,
        user_id: id,
        name: id,
        version: id,
        release: id,
        tags: [id],
        input: `of ${project_id}`,
      })),
    );
    await query.observations(
      ...hostileIds.map((id) => ({
        ...owner,
        id,
        trace_id: id,
        name: id,
        version: id,
        parent_id: id,
        input: `of ${project_id}`,
      })),
    );
    await query.scores(
      ...hostileIds.map((id) => ({
        ...owner,
        id,
        trace_id: id,
        observation_id: id,
        name: id,
        config_id: id,
        queue_id: id,
        comment: `of ${project_id}`,
      })),
    );
  }
  await query.traces({ project_id: "theirs", id: "only-theirs", session_id: "only-theirs" });
  await query.observations({ project_id: "theirs", id: "only-theirs", trace_id: "only-theirs" });
  await query.scores({ project_id: "theirs", id: "only-theirs", trace_id: "only-theirs" });
  // Theirs, hung onto a trace of mine: the id of a trace says nothing about who owns it.
  await query.observations({
    project_id: "theirs",
    id: "planted",
    trace_id: "plain",
    total_cost: "99",
  });
  await query.scores({ project_id: "theirs", id: "planted", trace_id: "plain" });
});

describe.each(kinds)("GET $path/{id}", ({ path, idOf }) => {
  test.each(hostileIds)("the id %j finds its own and nothing of another project", async (id) => {
    const { status, body } = await query.get("mine", `/api/public/${path}/${encoded(id)}`);
    expect(status, JSON.stringify(body)).toBe(200);
    expect(idOf(body)).toBe(id);
    expect(JSON.stringify(body)).not.toContain("theirs");
  });

  test("an id of another project is 404", async () => {
    const { status, body } = await query.get("mine", `/api/public/${path}/only-theirs`);
    expect(status).toBe(404);
    expect(body).toEqual({ message: expect.any(String), error: "LangfuseNotFoundError" });
    expect((await query.get("theirs", `/api/public/${path}/only-theirs`)).status).toBe(200);
  });

  test.each(["%zz", "%", "%E0%A4%A", "%ff", encodeURIComponent("'"), "x".repeat(10_000)])(
    "%s is an id that nobody has",
    async (raw) => {
      const { status } = await query.get("mine", `/api/public/${path}/${raw}`);
      expect(status).toBe(404);
    },
  );
});

describe.each(lists)("GET $path", ({ path, params }) => {
  test("it shows what is mine and nothing else", async () => {
    const { status, body } = await query.get("mine", `/api/public/${path}?limit=100`);
    expect(status).toBe(200);
    expect(body.data).toHaveLength(hostileIds.length);
    expect(body.meta.totalItems).toBe(hostileIds.length);
    expect(JSON.stringify(body)).not.toMatch(/theirs|planted|99/);
  });

  test("a project without rows gets an empty page", async () => {
    const { body } = await query.get("nothing-yet", `/api/public/${path}`);
    expect(body).toEqual({ data: [], meta: { page: 1, limit: 50, totalItems: 0, totalPages: 0 } });
  });

  test.each(params)(
    "no value of %s reaches beyond the project or breaks the statement",
    async (param) => {
      for (const id of [...hostileIds, "theirs", "only-theirs"]) {
        const search = new URLSearchParams([
          [param, id],
          // Twice, so that a list does not part it at a comma.
          ...(["tags", "environment", "traceTags", "scoreIds", "observationId"].includes(param)
            ? [[param, id]]
            : []),
        ]);
        const { status, body } = await query.get("mine", `/api/public/${path}?${search}`);
        expect(status, `${param}=${id} ${JSON.stringify(body)}`).toBe(200);
        expect(JSON.stringify(body.data), `${param}=${id}`).not.toMatch(/theirs|planted/);
        if (
          !["environment", "fields", "sessionId", "datasetRunId"].includes(param) ||
          path === "traces"
        ) {
          const isMine = hostileIds.includes(id) && param !== "environment";
          if (param !== "fields") expect(body.data, `${param}=${id}`).toHaveLength(isMine ? 1 : 0);
        }
      }
    },
  );

  test.each([
    "page",
    "limit",
    "fromTimestamp",
    "toTimestamp",
    "fromStartTime",
    "value",
    "operator",
    "type",
    "level",
    "orderBy",
    "dataType",
    "source",
    "filter",
  ])("a hostile %s is refused or ignored, and tells nothing", async (param) => {
    for (const value of hostileIds) {
      const search = new URLSearchParams([[param, value]]);
      const { status, body } = await query.get("mine", `/api/public/${path}?${search}`);
      expect([200, 400], `${param}=${value}`).toContain(status);
      expect(JSON.stringify(body)).not.toMatch(/theirs|planted|clickhouse/i);
    }
  });
});

test("after all of this every row is still there", async () => {
  for (const project of ["mine", "theirs"]) {
    for (const { path } of lists) {
      const { body } = await query.get(project, `/api/public/${path}?limit=100`);
      const extra = project === "mine" ? 0 : path === "traces" || path === "sessions" ? 1 : 2;
      expect(body.meta.totalItems, `${project} ${path}`).toBe(hostileIds.length + extra);
    }
  }
  expect(now).toBeGreaterThan(0);
});

function encoded(id: string): string {
  // `..` alone would be resolved by the client's URL parser, whatever it is encoded as.
  return id === ".." ? "..%20".replace("%20", "") : encodeURIComponent(id);
}
