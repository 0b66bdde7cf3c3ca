import type { Db } from "../engine.ts";
import { projectScope } from "../scope.ts";

/** What a project has said, without where and at which version a row happens to lie. */
const columns = {
  traces: `id, timestamp, name, user_id, session_id, environment, release, version, tags, public, bookmarked, metadata,
    input, output, key_id, sdk_name, sdk_version, created_at, updated_at`,
  observations: `id, trace_id, parent_id, type, name, start_time, end_time, completion_start_time, environment, version,
    level, status_message, metadata, input, output, model, model_params, prompt_name, prompt_version, provided_usage,
    provided_cost, model_id, prompt_id, pricing, usage_details, cost_details, total_cost, key_id, sdk_name, sdk_version,
    created_at, updated_at`,
  scores: `id, trace_id, observation_id, session_id, dataset_run_id, timestamp, name, source, data_type, value,
    string_value, comment, environment, metadata, config_id, queue_id, execution_trace_id, author_user_id, key_id,
    sdk_name, sdk_version, created_at, updated_at`,
} as const;

/** As the rows lie: sorting a whole project by anything else would not fit into memory. */
const orderOf = {
  traces: "project_id, key_hour, id",
  observations: "project_id, key_hour, trace_id, id",
  scores: "project_id, key_hour, trace_id, id",
} as const;

/** Every live row of a project as one JSON text, `{"table": …, …}`, by table and in the order of its key. */
export async function* exportProject(db: Db, project: string): AsyncGenerator<string> {
  const scope = projectScope(project);
  for (const table of ["traces", "observations", "scores"] as const) {
    const sql = `SELECT ${columns[table]} FROM sluice.${table} FINAL WHERE ${scope.sql} ORDER BY ${orderOf[table]}`;
    for await (const row of db.stream<Record<string, unknown>>(sql, scope.params)) {
      yield JSON.stringify({ table, ...row });
    }
  }
}
