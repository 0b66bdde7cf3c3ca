import { beforeAll, describe, expect, test } from "vitest";

import { now, queryFixture } from "../../services/query/testing.ts";
import { factsOf, randomOf, rowsOf } from "./facts.ts";
import { oracles, type Endpoint, type Question } from "./oracle.ts";
import { catalogues, demandsOn, questionOn } from "./random-question.ts";

const query = queryFixture();
const facts = factsOf(1, now);

/** 300 in all, enough for what each list is to be asked at least. */
const filtersOf: Readonly<Record<Endpoint, number>> = {
  traces: 90,
  observations: 55,
  "v2/observations": 95,
  "v2/scores": 60,
};

beforeAll(async () => {
  for (const { traces, observations, scores } of [
    rowsOf("brute", facts),
    // The same ids with other contents: none of it may show or count.
    rowsOf("another", factsOf(2, now)),
  ]) {
    await query.traces(...traces);
    await query.observations(...observations);
    await query.scores(...scores);
  }
});

const timeLimit = { timeout: 120_000 };

describe("read-api §2: 300 random filters, among them every operator on every type of column, answer as a look at every row would", () => {
  test.each(Object.keys(catalogues) as Endpoint[])("GET /%s", timeLimit, async (endpoint) => {
    const count = filtersOf[endpoint];
    const demands = demandsOn(endpoint);
    expect(count).toBeGreaterThanOrEqual(demands.length);
    const questions = Array.from({ length: count }, (_, seed) =>
      questionOn(randomOf(1000 + seed), endpoint, facts, demands[seed]),
    );
    const expected = questions.map((question) => oracles[endpoint](facts, question));
    const found: string[][] = [];
    // As many at once as the engine has readers.
    while (found.length < count) {
      const some = questions.slice(found.length, found.length + 3);
      found.push(...(await Promise.all(some.map((question) => idsOf(endpoint, question)))));
    }
    for (const [i, question] of questions.entries()) {
      expect([question, found[i]?.toSorted()]).toEqual([question, expected[i]?.toSorted()]);
    }
    const telling = expected.filter((ids) => ids.length > 0).length;
    // A check of empty answers alone would prove little.
    expect(telling).toBeGreaterThan(count / 3);
  });
});

async function idsOf(
  endpoint: Endpoint,
  { filter, environment, from }: Question,
): Promise<string[]> {
  const time = endpoint.endsWith("observations") ? "fromStartTime" : "fromTimestamp";
  const params = new URLSearchParams({ filter: JSON.stringify(filter) });
  if (endpoint !== "v2/scores") params.set("fields", "core");
  if (from !== null) params.set(time, from);
  if (environment !== null) params.set("environment", environment);
  if (endpoint === "v2/observations") return (await pageOf(endpoint, params, 1000)).ids;
  const first = await pageOf(endpoint, params, 100);
  const pages = [first];
  while (pages.length < first.totalPages) {
    params.set("page", String(pages.length + 1));
    pages.push(await pageOf(endpoint, params, 100));
  }
  const ids = pages.flatMap((page) => page.ids);
  expect(first.totalItems).toBe(ids.length);
  return ids;
}

async function pageOf(endpoint: Endpoint, params: URLSearchParams, limit: number) {
  const { status, body } = await query.get(
    "brute",
    `/api/public/${endpoint}?limit=${limit}&${params.toString()}`,
  );
  if (status !== 200)
    throw new Error(`${status} ${JSON.stringify(body)} for ${params.get("filter")}`);
  const { totalPages, totalItems } = body.meta;
  return { ids: body.data.map(({ id }: { id: string }) => id), totalPages, totalItems };
}
