import type { Params } from "./engine.ts";

/**
 * The condition that keeps a statement within one project, and its value. Every statement on behalf of a project
 * takes it from here: one project never sees another's rows.
 */
export function projectScope(project: string): { readonly sql: string; readonly params: Params } {
  return { sql: "project_id = {project:String}", params: { project } };
}
