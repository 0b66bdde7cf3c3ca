import type { Filter, FilterCondition } from "../../schemas/filters.ts";
import {
  allOf,
  isAnyOf,
  isWithin,
  whereOf,
  type Condition,
  type ProjectReader,
} from "./conditions.ts";
import type { FilterSource, FilterSql } from "./filters-columns.ts";
import { predicateOf, type Predicate } from "./filters-predicates.ts";
import { scoreCondition } from "./filters-scores.ts";

/** Which observations and scores of a trace count in what they add up to (read-api §3.1). */
export interface PartsScope {
  /** Only those in one of them, and in what the filter itself says of environments. */
  readonly environment?: readonly string[] | undefined;
  /** Epoch milliseconds, of the traces; see {@link partsSince}. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** What else is asked of the traces, their time and environment aside: parts of others need not be read. */
  readonly ofTraces?: readonly (Condition | undefined)[] | undefined;
}

/**
 * A filter as conditions on the rows of one table, whose columns they name without an alias. Every value is bound, under
 * a name that begins with `filter_`. `parts` matters where the table is that of traces.
 */
export function filterConditions(
  reader: ProjectReader,
  filter: Filter,
  columns: FilterSql,
  parts: PartsScope = {},
): Condition[] {
  const asked = filter.map((condition, index) => ({
    condition,
    source: sourceOf(columns, condition),
    name: `filter_${index}`,
  }));
  const predicates = (of: "row" | "trace" | "observations"): Predicate[] =>
    asked.flatMap(({ condition, source, name }) =>
      source.of === of ? [predicateOf(condition, source.column, name)] : [],
    );
  const own = predicates("row");
  const partsWhere = {
    observations: partsCondition(reader, filter, columns, parts, own, "observations"),
    scores: partsCondition(reader, filter, columns, parts, own, "scores"),
  };
  return [
    ...own,
    ...related("trace_id", predicates("trace"), (predicate) => {
      const where = whereOf(reader, [{ ...predicate, sql: `(${predicate.sql})` }]);
      return { ...where, sql: `SELECT id FROM sluice.traces FINAL WHERE ${where.sql}` };
    }),
    ...related("id", predicates("observations"), (predicate) => ({
      sql: `SELECT trace_id FROM sluice.observations FINAL
            WHERE ${partsWhere.observations.sql} GROUP BY trace_id HAVING ${predicate.sql}`,
      params: { ...partsWhere.observations.params, ...predicate.params },
    })),
    ...asked.flatMap(({ condition, source, name }) =>
      source.of === "scores"
        ? [scoreCondition(condition, source.scores, partsWhere.scores, name)]
        : [],
    ),
  ];
}

/** What a filter says of environments, for the other tables that have the column. */
export function environmentConditions(filter: Filter, columns: FilterSql): Predicate[] {
  return filter.flatMap((condition, index) => {
    const source = sourceOf(columns, condition);
    return condition.column === "environment" && source.of === "row"
      ? [predicateOf(condition, source.column, `filter_${index}`)]
      : [];
  });
}

function sourceOf(columns: FilterSql, condition: FilterCondition): FilterSource {
  const source = Object.hasOwn(columns, condition.column) ? columns[condition.column] : undefined;
  if (source === undefined) throw new Error(`No table says where ${condition.column} lies.`);
  return source;
}

/**
 * Conditions on related rows, as membership of `key` in the keys of those for which they hold. Where a condition also
 * holds without any related row, membership in those for which it does not hold is excluded instead.
 */
function related(
  key: "id" | "trace_id",
  predicates: readonly Predicate[],
  keysWhere: (predicate: Condition) => Condition,
): Condition[] {
  const found = predicates.filter(({ ofNothing }) => !ofNothing);
  const notMissed = predicates.filter(({ ofNothing }) => ofNothing);
  const conditions: Condition[] = [];
  if (found.length > 0) {
    const keys = keysWhere(allOf(found));
    conditions.push({ ...keys, sql: `${key} IN (${keys.sql})` });
  }
  if (notMissed.length > 0) {
    const all = allOf(notMissed);
    const keys = keysWhere({ ...all, sql: `NOT (${all.sql})` });
    conditions.push({ ...keys, sql: `${key} NOT IN (${keys.sql})` });
  }
  return conditions;
}

const hourMs = 3_600_000;

/**
 * The parts that count when traces are asked for from a moment on (epoch milliseconds): scores from then on, observations
 * from an hour earlier (read-api §3.1).
 */
export function partsSince(
  reader: ProjectReader,
  table: "observations" | "scores",
  from: number | undefined,
): Condition | undefined {
  if (from === undefined) return undefined;
  return table === "observations"
    ? isWithin("start_time", { from: from - hourMs }, reader.now, "observations_")
    : isWithin("timestamp", { from }, reader.now, "scores_");
}

function partsCondition(
  reader: ProjectReader,
  filter: Filter,
  columns: FilterSql,
  { environment, from, to, ofTraces = [] }: PartsScope,
  own: readonly Predicate[],
  table: "observations" | "scores",
): Condition {
  const asked = [...ofTraces, ...own].filter((condition) => condition !== undefined);
  const traces = whereOf(reader, [...asked, isWithin("timestamp", { from, to }, reader.now)]);
  return whereOf(reader, [
    isAnyOf("environment", environment),
    ...environmentConditions(filter, columns),
    partsSince(reader, table, from),
    // All versions of the traces, and so at least those that count: telling them apart would cost more. Where nothing
    // is asked, naming all traces would cost more than it spares.
    asked.length > 0
      ? { ...traces, sql: `trace_id IN (SELECT id FROM sluice.traces WHERE ${traces.sql})` }
      : undefined,
  ]);
}
