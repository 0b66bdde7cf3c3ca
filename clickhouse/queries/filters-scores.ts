import type { FilterCondition } from "../../schemas/filters.ts";
import { allOf, type Condition } from "./conditions.ts";
import type { ScoreColumn } from "./filters-columns.ts";
import { predicateOf } from "./filters-predicates.ts";

/** What is asked of the scores of a trace, as a condition on the trace's `id`; `scope` says which scores count. */
export function scoreCondition(
  asked: FilterCondition,
  column: ScoreColumn,
  scope: Condition,
  name: string,
): Condition {
  // A trace without scores has empty lists of them, which are not null.
  if (asked.type === "null") return { sql: String(asked.operator === "is not null"), params: {} };
  if (asked.type === "numberObject" && column === "averages") {
    return averageCondition(asked, scope, name);
  }
  if (asked.type === "categoryOptions" && column === "categories") {
    const entries = asked.value.map((value) => `${asked.key}:${value}`);
    const is = { sql: `${entry} IN {${name}:Array(String)}`, params: { [name]: entries } };
    return traceHas(scoresOf(allOf([scope, isCategory, is])), asked.operator === "any of");
  }
  if (asked.type === "stringOptions" && column === "categories") {
    const entries = { kind: "texts", sql: `groupUniqArray(${entry})` } as const;
    const single = predicateOf({ ...asked, operator: "any of" }, entries, name);
    const keys = scoresOf(allOf([scope, isCategory]), single);
    return traceHas(keys, asked.operator === "any of");
  }
  if (asked.type === "booleanObject" && column === "booleans") {
    const is = {
      sql: `data_type = 'BOOLEAN' AND name = {${name}_key:String} AND value ${asked.value ? "!=" : "="} 0`,
      params: { [`${name}_key`]: asked.key },
    };
    return traceHas(scoresOf(allOf([scope, is])), asked.operator === "=");
  }
  throw new Error(`The catalogue lets ${asked.type} ask the ${column} of scores.`);
}

/** The average of the scores of one name, those that are numbers and those that are true or false apart. */
function averageCondition(
  { key, operator, value }: Extract<FilterCondition, { type: "numberObject" }>,
  scope: Condition,
  name: string,
): Condition {
  const isNamed = {
    sql: `name = {${name}_key:String} AND data_type IN ('NUMERIC', 'BOOLEAN')`,
    params: { [`${name}_key`]: key },
  };
  const average = {
    sql: `avg(value) ${operator} {${name}:Float64}`,
    params: { [name]: value },
  };
  return traceHas(scoresOf(allOf([scope, isNamed]), average, "trace_id, data_type"), true);
}

const isCategory: Condition = { sql: "data_type = 'CATEGORICAL'", params: {} };

/** How a list of categories names one: read-api §2.4. */
const entry = "concat(name, ':', string_value)";

/** The traces of the scores that match. */
function scoresOf(where: Condition, having?: Condition, group = "trace_id"): Condition {
  const rest = having ? ` GROUP BY ${group} HAVING ${having.sql}` : "";
  return {
    sql: `SELECT trace_id FROM sluice.scores FINAL WHERE ${where.sql}${rest}`,
    params: { ...where.params, ...having?.params },
  };
}

function traceHas(keys: Condition, wanted: boolean): Condition {
  return { ...keys, sql: `id ${wanted ? "IN" : "NOT IN"} (${keys.sql})` };
}
