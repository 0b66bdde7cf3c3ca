import { keyHourBounds } from "../../schemas/key-hour.ts";
import type { Db, Params, ReadBudget } from "../engine.ts";
import { projectScope } from "../scope.ts";
import type { RowCounts } from "./row-counts.ts";

/** Everything a query needs besides its own question. */
export interface ProjectReader {
  readonly db: Db;
  readonly project: string;
  readonly budget: ReadBudget;
  readonly counts: RowCounts;
  /** The moment of the request, epoch milliseconds. */
  readonly now: number;
}

/** A piece of SQL with the values that it binds. */
export interface Condition {
  readonly sql: string;
  readonly params: Params;
}

/** Epoch milliseconds: `from` is within, `to` is not. */
export interface TimeRange {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/** What follows WHERE: the project, and every condition that is one. */
export function whereOf(
  reader: ProjectReader,
  conditions: readonly (Condition | undefined)[],
): Condition {
  return allOf([projectScope(reader.project), ...conditions]);
}

/** Both sides bind their values by name: `name` must differ where one statement asks a column twice. */
export function equals(
  column: string,
  value: string | undefined,
  name = column,
): Condition | undefined {
  if (value === undefined) return undefined;
  return { sql: `${column} = {${name}:String}`, params: { [name]: value } };
}

/** The column is one of the values. */
export function isAnyOf(
  column: string,
  values: readonly string[] | undefined,
  name = column,
): Condition | undefined {
  if (values === undefined) return undefined;
  return { sql: `${column} IN {${name}:Array(String)}`, params: { [name]: values } };
}

/** The array column holds every value. */
export function holdsAll(
  column: string,
  values: readonly string[] | undefined,
  name = column,
): Condition | undefined {
  if (values === undefined) return undefined;
  return { sql: `hasAll(${column}, {${name}:Array(String)})`, params: { [name]: values } };
}

/**
 * The time column lies in the range. The bounds on `key_hour` say the same more widely, in the leading column of the
 * sort key: without them every part of the table would be read. `prefix` keeps apart the values of two ranges in one
 * statement.
 */
export function isWithin(
  column: string,
  range: TimeRange,
  now: number,
  prefix = "",
): Condition | undefined {
  const keys = keyHourBounds(range.from ?? null, range.to ?? null, now);
  const conditions: Condition[] = [];
  if (range.from !== undefined && keys.from !== null) {
    conditions.push({
      sql: `${column} >= fromUnixTimestamp64Milli({${prefix}from:Int64}, 'UTC') AND key_hour >= toDateTime({${prefix}key_from:UInt32}, 'UTC')`,
      params: {
        [`${prefix}from`]: inColumnRange(range.from),
        [`${prefix}key_from`]: seconds(keys.from),
      },
    });
  }
  if (range.to !== undefined && keys.to !== null) {
    conditions.push({
      sql: `${column} < fromUnixTimestamp64Milli({${prefix}to:Int64}, 'UTC') AND key_hour <= toDateTime({${prefix}key_to:UInt32}, 'UTC')`,
      params: { [`${prefix}to`]: inColumnRange(range.to), [`${prefix}key_to`]: seconds(keys.to) },
    });
  }
  return conditions.length > 0 ? allOf(conditions) : undefined;
}

/** All of them hold. */
export function allOf(conditions: readonly (Condition | undefined)[]): Condition {
  const stated = conditions.filter((condition) => condition !== undefined);
  return {
    sql: stated.map(({ sql }) => sql).join(" AND "),
    params: Object.assign({}, ...stated.map(({ params }) => params)) as Params,
  };
}

/** DateTime64(3) holds the years 1900 to 2299; no row lies beyond. */
function inColumnRange(ms: number): number {
  return Math.min(Math.max(ms, Date.UTC(1900, 0, 1)), Date.UTC(2300, 0, 1) - 1);
}

/** A whole hour in the seconds of a DateTime column, which ends in 2106. */
function seconds(ms: number): number {
  return Math.min(ms / 1000, Date.UTC(2106, 0, 1) / 1000);
}
