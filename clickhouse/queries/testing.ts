import type { Db } from "../engine.ts";
import { insertRows } from "../insert.ts";
import { observationRow, scoreRow, traceRow } from "../testing.ts";

/** When the observations of {@link insertSomeRows} start, epoch milliseconds. */
export const start = Date.UTC(2024, 4, 6, 7, 30);

/** A trace with everything, one with a little and one with nothing, in project `p`; for tables of filters. */
export async function insertSomeRows(db: Db): Promise<void> {
  const own = { project_id: "p" };
  await insertRows(db, "traces", [
    traceRow({
      ...own,
      id: "full",
      name: "Chat 100%",
      user_id: "it's",
      release: "r1",
      environment: "prod",
      tags: ["a", "b"],
      bookmarked: true,
      metadata: { plan: "pro", empty: "", n: "12" },
    }),
    traceRow({ ...own, id: "one", name: "chat", tags: ["a"] }),
    traceRow({ ...own, id: "bare" }),
  ]);
  const generation = observationRow({
    ...own,
    id: "generation",
    trace_id: "full",
    start_time: start,
    end_time: start + 1_500,
    completion_start_time: start + 250,
    level: "WARNING",
    prompt_version: 3,
    usage_details: { input: 10, CACHED_INPUT: 5, output: 30, total: 45 },
    tok_in: 15,
    tok_out: 30,
    tok_total: 45,
    cost_details: { input: "0.1", input_cached: "0.2", output: "0.000000000001", total: "0.3" },
    total_cost: "0.3",
    input: "Where is the IT-department?",
    output: "über naïve",
    metadata: { note: "Where is IT" },
    key_id: "pk-1",
    sdk_name: "python",
  });
  const plain = { ...own, start_time: start };
  await insertRows(db, "observations", [
    generation,
    observationRow({
      ...plain,
      id: "child",
      trace_id: "full",
      parent_id: "generation",
      start_time: start + 2_000,
    }),
    // Ends before it starts: shown as ending at once.
    observationRow({ ...plain, id: "orphan", trace_id: "never stored", end_time: start - 5 }),
    observationRow({ ...plain, id: "of bare", trace_id: "bare", level: "DEBUG" }),
  ]);
  const tone = { ...own, name: "tone", data_type: "CATEGORICAL" };
  await insertRows(db, "scores", [
    scoreRow({ ...own, trace_id: "full", id: "n1", name: "q", value: 1 }),
    scoreRow({
      ...own,
      trace_id: "full",
      id: "n2",
      name: "q",
      value: 2,
      observation_id: "generation",
    }),
    scoreRow({
      ...own,
      trace_id: "full",
      id: "b",
      name: "ok",
      data_type: "BOOLEAN",
      value: 1,
      string_value: "True",
    }),
    scoreRow({ ...tone, trace_id: "full", id: "c", string_value: "kind" }),
    scoreRow({ ...tone, trace_id: "one", id: "c2", string_value: "dry" }),
    scoreRow({ ...tone, trace_id: "one", id: "c3", string_value: "dry" }),
    scoreRow({ ...tone, trace_id: "full", id: "c4", name: "size", string_value: "s" }),
    scoreRow({
      ...own,
      trace_id: "full",
      id: "text",
      name: "t",
      data_type: "TEXT",
      string_value: "words",
      comment: "it's",
    }),
  ]);
}
