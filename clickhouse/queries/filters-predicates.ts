import type { OrderOperator, TextOperator } from "../../schemas/filter-conditions.ts";
import type { FilterCondition } from "../../schemas/filters.ts";
import type { Params } from "../engine.ts";
import type { Condition } from "./conditions.ts";

/**
 * How the value of a column is stored. `sql` is an expression over one row, or over the group of a {@link Relation}.
 * Tables store '' for a text that the client left out; `empty` says what the contract makes of it: `"value"` when
 * the column is never null, `"null"` when it matches nothing, `"both"` when it is null and also equals '' (read-api §2.4).
 */
export type StoredColumn =
  | { readonly kind: "text"; readonly sql: string; readonly empty: "value" | "null" | "both" }
  | {
      readonly kind: "number";
      readonly sql: string;
      readonly nullable: boolean;
      /** Compared with so many digits after the point; null: as doubles. */
      readonly digits: 3 | 12 | null;
    }
  | { readonly kind: "moment"; readonly sql: string; readonly nullable: boolean }
  | { readonly kind: "flag"; readonly sql: string }
  | { readonly kind: "texts"; readonly sql: string }
  | { readonly kind: "map"; readonly sql: string };

/** A condition that is true or false, never NULL, so that it can be turned round. */
export interface Predicate extends Condition {
  /** Whether it holds where there is no row to ask: texts are '', lists empty, numbers 0. */
  readonly ofNothing: boolean;
}

/** What is asked of a column. `name` begins the names of the values and must be unique within a statement. */
export function predicateOf(asked: FilterCondition, column: StoredColumn, name: string): Predicate {
  if (asked.type === "null") return isNull(column, asked.operator === "is null");
  if (asked.type === "string" && column.kind === "text") {
    return textPredicate(column, textTest(column.sql, asked.operator, asked.value, name));
  }
  if (asked.type === "stringOptions" && column.kind === "text") {
    return textPredicate(column, optionsTest(column.sql, asked, name));
  }
  if (asked.type === "stringOptions" && column.kind === "texts") {
    return isSingle(column.sql, asked, name);
  }
  if (asked.type === "arrayOptions" && column.kind === "texts") {
    return listPredicate(column.sql, asked, name);
  }
  if (asked.type === "number" && column.kind === "number") {
    return numberPredicate(column, asked, name);
  }
  if (asked.type === "datetime" && column.kind === "moment") {
    return momentPredicate(column, asked, name);
  }
  if (asked.type === "boolean" && column.kind === "flag") {
    const wanted = (asked.operator === "=") === asked.value;
    return {
      sql: wanted ? `(${column.sql})` : `NOT (${column.sql})`,
      params: {},
      ofNothing: !wanted,
    };
  }
  if (asked.type === "stringObject" && column.kind === "map") {
    return entryPredicate(column.sql, asked, name);
  }
  throw new Error(
    `The catalogue lets ${asked.type} ask ${asked.column}, which is a ${column.kind}.`,
  );
}

/** Whether a number compares to the asked one. */
function compares(left: number, operator: OrderOperator, right: number): boolean {
  switch (operator) {
    case "=":
      return left === right;
    case ">":
      return left > right;
    case "<":
      return left < right;
    case ">=":
      return left >= right;
    case "<=":
      return left <= right;
  }
}

interface TextTest {
  readonly sql: string;
  readonly params: Params;
  /** Whether it holds of ''. */
  readonly ofEmpty: boolean;
  /** `does not contain` and `none of`: what is null never matches them. */
  readonly negative: boolean;
}

function textPredicate(
  { sql, empty }: Extract<StoredColumn, { kind: "text" }>,
  test: TextTest,
): Predicate {
  const leavesOut = test.ofEmpty && (empty === "null" || (empty === "both" && test.negative));
  return {
    sql: leavesOut ? `(${sql} != '' AND ${test.sql})` : test.sql,
    params: test.params,
    ofNothing: test.ofEmpty && !leavesOut,
  };
}

function textTest(sql: string, operator: TextOperator, value: string, name: string): TextTest {
  const param = `{${name}:String}`;
  const params = { [name]: value };
  const ofEmpty = value === "";
  switch (operator) {
    case "=":
      return { sql: `${sql} = ${param}`, params, ofEmpty, negative: false };
    case "contains":
      return { sql: `position(${sql}, ${param}) > 0`, params, ofEmpty, negative: false };
    case "does not contain":
      return { sql: `position(${sql}, ${param}) = 0`, params, ofEmpty: !ofEmpty, negative: true };
    case "starts with":
      return { sql: `startsWith(${sql}, ${param})`, params, ofEmpty, negative: false };
    case "ends with":
      return { sql: `endsWith(${sql}, ${param})`, params, ofEmpty, negative: false };
    case "matches": {
      // Only inputs and outputs are searched as texts, and they in any case (read-api §2.4).
      const pattern = { [name]: phrasePattern(value, true) };
      return { sql: `match(${sql}, ${param})`, params: pattern, ofEmpty: false, negative: false };
    }
  }
}

function optionsTest(
  sql: string,
  { operator, value }: Extract<FilterCondition, { type: "stringOptions" }>,
  name: string,
): TextTest {
  const negative = operator === "none of";
  return {
    sql: `${sql} ${negative ? "NOT IN" : "IN"} {${name}:Array(String)}`,
    params: { [name]: value },
    ofEmpty: value.includes("") !== negative,
    negative,
  };
}

/** The whole list is one of the values: what asking a list for options means (read-api §2.4). */
function isSingle(
  sql: string,
  { operator, value }: Extract<FilterCondition, { type: "stringOptions" }>,
  name: string,
): Predicate {
  const test = `(length(${sql}) = 1 AND has({${name}:Array(String)}, ${sql}[1]))`;
  const negative = operator === "none of";
  return { sql: negative ? `NOT ${test}` : test, params: { [name]: value }, ofNothing: negative };
}

function listPredicate(
  sql: string,
  { operator, value }: Extract<FilterCondition, { type: "arrayOptions" }>,
  name: string,
): Predicate {
  const values = `{${name}:Array(String)}`;
  const params = { [name]: value };
  switch (operator) {
    case "any of":
      return { sql: `hasAny(${sql}, ${values})`, params, ofNothing: false };
    case "none of":
      return { sql: `NOT hasAny(${sql}, ${values})`, params, ofNothing: true };
    case "all of":
      return { sql: `hasAll(${sql}, ${values})`, params, ofNothing: value.length === 0 };
  }
}

function numberPredicate(
  { sql, nullable, digits }: Extract<StoredColumn, { kind: "number" }>,
  { operator, value }: Extract<FilterCondition, { type: "number" }>,
  name: string,
): Predicate {
  const bound = Math.min(Math.max(value, -numberMax), numberMax);
  const text = digits === null ? null : bound.toFixed(digits);
  const type = digits === null ? "Float64" : `Decimal(38, ${digits})`;
  const test = `${sql} ${operator} {${name}:${type}}`;
  return {
    sql: nullable ? `ifNull(${test}, 0)` : test,
    params: { [name]: text ?? value },
    ofNothing: !nullable && compares(0, operator, text === null ? value : Number(text)),
  };
}

/** Beyond any count or cost, and within what the decimals hold and `toFixed` writes in full. */
const numberMax = 1e20;

function momentPredicate(
  { sql, nullable }: Extract<StoredColumn, { kind: "moment" }>,
  { operator, value }: Extract<FilterCondition, { type: "datetime" }>,
  name: string,
): Predicate {
  const isBeyond = value < columnMsMin ? operator.startsWith(">") : operator.startsWith("<");
  const test =
    value < columnMsMin || value > columnMsMax
      ? `${sql} IS NOT NULL AND ${isBeyond}`
      : `${sql} ${operator} fromUnixTimestamp64Milli({${name}:Int64}, 'UTC')`;
  return {
    sql: nullable ? `ifNull(${test}, 0)` : test,
    params: { [name]: value },
    ofNothing: false,
  };
}

/** DateTime64(3) holds the years 1900 to 2299. */
const columnMsMin = Date.UTC(1900, 0, 1);
const columnMsMax = Date.UTC(2300, 0, 1) - 1;

function entryPredicate(
  sql: string,
  { operator, key, value }: Extract<FilterCondition, { type: "stringObject" }>,
  name: string,
): Predicate {
  const entry = `${sql}[{${name}_key:String}]`;
  const test =
    operator === "matches"
      ? {
          sql: `match(${entry}, {${name}:String})`,
          params: { [name]: phrasePattern(value, false) },
        }
      : textTest(entry, operator, value, name);
  return {
    sql: `(mapContains(${sql}, {${name}_key:String}) AND ${test.sql})`,
    params: { ...test.params, [`${name}_key`]: key },
    ofNothing: false,
  };
}

/** Lists, maps and flags are never null; nor is a number or a moment that every row has. */
function isNull(column: StoredColumn, asked: boolean): Predicate {
  if (column.kind === "text" && column.empty !== "value") {
    return { sql: `${column.sql} ${asked ? "=" : "!="} ''`, params: {}, ofNothing: asked };
  }
  if ((column.kind === "number" || column.kind === "moment") && column.nullable) {
    return { sql: `${column.sql} IS ${asked ? "NULL" : "NOT NULL"}`, params: {}, ofNothing: asked };
  }
  return { sql: String(!asked), params: {}, ofNothing: !asked };
}

/**
 * A regular expression (RE2) for the literal phrase where it begins and ends with whole words: no letter or digit may go
 * on before or after it.
 */
function phrasePattern(phrase: string, inAnyCase: boolean): string {
  const literal = phrase.replaceAll(/[\0-\x7f]/g, (character) =>
    /[A-Za-z0-9]/.test(character) ? character : `\\x{${character.charCodeAt(0).toString(16)}}`,
  );
  const before = /^[\p{L}\p{N}]/u.test(phrase) ? String.raw`(?:^|[^\p{L}\p{N}])` : "";
  const after = /[\p{L}\p{N}]$/u.test(phrase) ? String.raw`(?:$|[^\p{L}\p{N}])` : "";
  return `(?${inAnyCase ? "si" : "s"})${before}${literal}${after}`;
}
