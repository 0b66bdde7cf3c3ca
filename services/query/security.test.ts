import { beforeAll, describe, expect, test } from "vitest";

import { queryFixture } from "./testing.ts";

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
  "%2F",
  "100%",
  "question?mark=1&and#hash",
  "plus+and space",
  "line\nbreak\ttab",
  "nul\0byte",
  "ünï→😀",
  "') UNION ALL SELECT * FROM sluice.traces --",
  "__proto__",
  "null",
];

/** Every list with its parameters: those that are compared with a column, and those that must have a form. */
const lists = [
  {
    path: "traces",
    compared: ["userId", "name", "sessionId", "version", "release", "tags"],
    formed: ["environment", "fields", "orderBy", "page", "limit", "fromTimestamp", "filter"],
  },
  {
    path: "observations",
    compared: ["userId", "name", "traceId", "version", "parentObservationId"],
    formed: ["environment", "type", "level", "fromStartTime", "filter"],
  },
  { path: "sessions", compared: [], formed: ["environment", "toTimestamp", "limit"] },
  {
    path: "scores",
    compared: ["userId", "name", "configId", "queueId", "traceTags", "scoreIds"],
    formed: ["environment", "dataType", "source", "operator", "value", "filter"],
  },
  {
    path: "v2/scores",
    compared: [
      "userId",
      "name",
      "configId",
      "queueId",
      "traceTags",
      "scoreIds",
      "traceId",
      "observationId",
    ],
    formed: ["environment", "sessionId", "datasetRunId", "dataType", "operator", "value", "fields"],
  },
];

/** Repeated, so that a comma or a space at the end of an id is not read as the form of a list. */
const listParams = ["tags", "traceTags", "scoreIds", "observationId"];

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
  await query.observations(
    { project_id: "theirs", id: "only-theirs", trace_id: "only-theirs" },
    // On a trace of mine: the id of a trace says nothing about who owns it.
    { project_id: "theirs", id: "planted", trace_id: "plain", total_cost: "99" },
  );
  await query.scores(
    { project_id: "theirs", id: "only-theirs", trace_id: "only-theirs" },
    { project_id: "theirs", id: "planted", trace_id: "plain" },
  );
});

describe.each(lists)("read-api §1.5 and §1.9: GET $path/{id}", ({ path }) => {
  test.each(hostileIds)("the id %j finds its own and nothing of another project", async (id) => {
    const target = `/api/public/${path}/${encodeURIComponent(id)}`;
    const { status, body } = await query.get("mine", target);
    expect([status, body.id]).toEqual([200, id]);
    expect(JSON.stringify(body)).not.toMatch(/theirs|planted|99/);
  });

  test("an id of another project is 404", async () => {
    const { status, body } = await query.get("mine", `/api/public/${path}/only-theirs`);
    expect(status).toBe(404);
    expect(body).toEqual({ message: expect.any(String), error: "LangfuseNotFoundError" });
    expect((await query.get("theirs", `/api/public/${path}/only-theirs`)).status).toBe(200);
  });

  test.each(["..", "%2e%2e", "%zz", "%", "%E0%A4%A", "%ff", "'", "%00", "x".repeat(10_000)])(
    "%s is 404",
    async (raw) => {
      const { status, body } = await query.get("mine", `/api/public/${path}/${raw}`);
      expect(status).toBe(404);
      expect(body).toEqual({ message: expect.any(String), error: "LangfuseNotFoundError" });
    },
  );
});

test.each(["x/traces/%s/tree", "x/observations/%s/cost", "x/observations/%s/otel"])(
  "read-api §1.9: GET %j is 404 for an id of another project and for what is no id",
  async (path) => {
    for (const raw of ["only-theirs", "..%2Fplain", "%27%20OR%201=1%20--", "%00"]) {
      const { status, body } = await query.get("mine", `/api/public/${path.replace("%s", raw)}`);
      expect([raw, status]).toEqual([raw, 404]);
      expect(body).toEqual({ message: expect.any(String), error: "LangfuseNotFoundError" });
    }
  },
);

describe.each(lists)("read-api §1.9: GET $path", ({ path, compared, formed }) => {
  test("it shows what is mine and nothing else", async () => {
    const { status, body } = await query.get("mine", `/api/public/${path}?limit=100`);
    expect(status).toBe(200);
    expect(body.data).toHaveLength(hostileIds.length);
    expect(body.meta.totalItems).toBe(hostileIds.length);
    expect(JSON.stringify(body)).not.toMatch(/theirs|planted|99/);
  });

  test("a project without rows gets an empty page, whatever its name", async () => {
    for (const project of ["nothing-yet", "' OR 1=1 --"]) {
      const { body } = await query.get(project, `/api/public/${path}`);
      expect(body).toEqual({
        data: [],
        meta: { page: 1, limit: 50, totalItems: 0, totalPages: 0 },
      });
    }
  });

  test("a parameter that is compared finds the one row that has this text, and none of another project", async () => {
    for (const [i, param] of compared.entries()) {
      // Every id meets some parameter, and every parameter some ids.
      for (const id of [...hostileIds.filter((_, k) => k % compared.length === i), "only-theirs"]) {
        const search = new URLSearchParams([[param, id]]);
        if (listParams.includes(param)) search.append(param, id);
        const { status, body } = await query.get(
          "mine",
          `/api/public/${path}?${search.toString()}`,
        );
        const found = id === "only-theirs" ? 0 : 1;
        expect({ param, id, status, found: body.data?.length }).toEqual({
          param,
          id,
          status: 200,
          found,
        });
        expect(JSON.stringify(body)).not.toMatch(/theirs|planted/);
      }
    }
  });

  test("a hostile text where a form is asked for is refused or finds nothing of others", async () => {
    for (const param of formed) {
      for (const text of ["theirs", "' OR 1=1 --", "{project:String}", "nul\0byte"]) {
        const search = new URLSearchParams([[param, text]]);
        const { status, body } = await query.get(
          "mine",
          `/api/public/${path}?${search.toString()}`,
        );
        expect({ param, text, isAnswered: [200, 400].includes(status) }).toMatchObject({
          isAnswered: true,
        });
        expect(JSON.stringify(body)).not.toMatch(/of theirs|planted|clickhouse/i);
      }
    }
  });

  test("the farthest page that a number can name is empty (read-api §1.6)", async () => {
    const { status, body } = await query.get(
      "mine",
      `/api/public/${path}?page=9007199254740991&limit=100`,
    );
    expect(status).toBe(200);
    expect(body.data).toEqual([]);
  });
});

test("after all of this every row is still there", async () => {
  for (const project of ["mine", "theirs"]) {
    for (const { path } of lists) {
      const { body } = await query.get(project, `/api/public/${path}?limit=100`);
      const extra = path === "traces" || path === "sessions" ? 1 : 2;
      const expected = hostileIds.length + (project === "mine" ? 0 : extra);
      expect([project, path, body.meta.totalItems]).toEqual([project, path, expected]);
    }
  }
});
