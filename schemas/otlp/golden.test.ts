import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { decodeJsonRequest } from "./json-request.ts";
import { rowsOf } from "./testing.ts";

/** A request as an SDK sends it, in OTLP/JSON, and every column that is made of it. One file a dialect. */
interface Golden {
  readonly request: unknown;
  readonly rows: { readonly traces: readonly unknown[]; readonly observations: readonly unknown[] };
}

const folder = join(import.meta.dirname, "golden");
const files = readdirSync(folder).filter((name) => name.endsWith(".json"));

/** What the merge keeps of a row for itself, and what every row of a request has from its sender. */
const bookkeeping = new Set([
  ...["project_id", "key_hour", "created_at", "updated_at", "clocks", "deleted_at", "ver"],
  ...["is_deleted", "key_id", "sdk_name", "sdk_version"],
]);

function mapped(row: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).filter(([column]) => !bookkeeping.has(column)));
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
  expect(found.map(({ otel }) => otel)).toEqual(spans.map((span) => JSON.stringify(span)));
  expect(found.map(({ otel: _, ...columns }) => columns)).toEqual(rows.observations);
});
