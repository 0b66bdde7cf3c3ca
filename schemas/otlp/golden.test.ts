import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { decodeJsonRequest } from "./json-request.ts";
import { rowsOf } from "./testing.ts";

/** A request as an SDK sends it, in OTLP/JSON, and every column that is made of it. One file a dialect. */
interface Golden {
  readonly request: unknown;
  readonly rows: { readonly traces: readonly unknown[]; readonly observations: readonly object[] };
}

const folder = join(import.meta.dirname, "golden");
const files = readdirSync(folder).filter((name) => name.endsWith(".json"));

/** What the merge keeps of a row for itself, and what every row of a request has from its sender. */
const bookkeeping = `
  project_id key_hour created_at updated_at clocks deleted_at ver is_deleted
  key_id sdk_name sdk_version
`;

function mapped(row: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).filter(([column]) => !bookkeeping.split(/\s+/).includes(column)),
  );
}

test("every dialect that the mapping names has a golden file", () => {
  expect(files.length).toBeGreaterThanOrEqual(20);
});

test.each(files)("otlp.md §2: the request of %s gives these rows", (name) => {
  const { request, rows }: Golden = JSON.parse(readFileSync(join(folder, name), "utf8"));
  const { spans, refused } = decodeJsonRequest(JSON.stringify(request));
  expect(refused).toEqual([]);
  const { traces, observations } = rowsOf(spans);
  expect([...traces.values()].map(mapped)).toEqual(rows.traces);
  const found = [...observations.values()].map(mapped);
  // The span itself is in its row, whole.
  expect(found).toEqual(
    rows.observations.map((row, index) => ({ ...row, otel: JSON.stringify(spans[index]) })),
  );
});
