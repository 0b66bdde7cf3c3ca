import {
  observationFilterColumns,
  observationV2FilterColumns,
  scoreFilterColumns,
  traceFilterColumns,
} from "../../schemas/filter-columns.ts";
import type { FilterCatalogue, FilterColumn } from "../../schemas/filters.ts";
import { environments, keys, oneOf, scoreNames, words, type Facts, type Random } from "./facts.ts";
import {
  observationColumns,
  scoreColumns,
  traceColumns,
  type Columns,
  type Held,
} from "./oracle-columns.ts";
import type { Asked, Endpoint, Question } from "./oracle.ts";

export const catalogues: Readonly<Record<Endpoint, FilterCatalogue>> = {
  traces: traceFilterColumns,
  observations: observationFilterColumns,
  "v2/observations": observationV2FilterColumns,
  "v2/scores": scoreFilterColumns,
};

/** A type of condition and an operator of it. */
interface Ask {
  readonly type: string;
  readonly operator: string;
}

/** What the first condition of a question is to be. */
export interface Demand {
  readonly column: FilterColumn;
  readonly ask: Ask;
}

/**
 * Demands that name every column of a list, and for every type of column each type of condition that fits it with each
 * of its operators.
 */
export function demandsOn(endpoint: Endpoint): Demand[] {
  const { columns } = catalogues[endpoint];
  const seen = new Set<string>();
  const isNew = (column: FilterColumn, { type, operator }: Ask): boolean =>
    seen.size < seen.add(`${column.type}: ${type} ${operator}`).size;
  const first = columns.flatMap((column) => {
    const fitting = asksOf(endpoint, column);
    const ask = fitting.find((one) => isNew(column, one)) ?? fitting[0];
    return ask ? [{ column, ask }] : [];
  });
  const rest = columns.flatMap((column) =>
    asksOf(endpoint, column)
      .filter((ask) => isNew(column, ask))
      .map((ask) => ({ column, ask })),
  );
  return [...first, ...rest];
}

/** A question with one to three conditions, the first of them as demanded; values are often such as rows have. */
export function questionOn(
  random: Random,
  endpoint: Endpoint,
  facts: Facts,
  demand: Demand | undefined,
): Question {
  const { columns } = catalogues[endpoint];
  const anything = (): Demand => {
    const column = oneOf(random, columns);
    return { column, ask: oneOf(random, asksOf(endpoint, column)) };
  };
  const demands = [demand ?? anything()];
  while (demands.length < 3 && random() < 0.35) demands.push(anything());
  const filter = demands.map((one) => conditionOn(random, endpoint, facts, one));
  const payloads = filter.filter((one) => one.column === "input" || one.column === "output");
  const isSearched = payloads.some(({ operator }) => operator === "=" || operator === "matches");
  return {
    filter:
      payloads.length > 0 && !isSearched
        ? [...filter, { type: "string", column: "input", operator: "matches", value: "alpha" }]
        : filter,
    environment: random() < 0.2 ? oneOf(random, environments) : null,
    from: random() < 0.35 ? new Date(oneOf(random, facts.traces).timestamp).toISOString() : null,
  };
}

const texts = ["=", "contains", "does not contain", "starts with", "ends with"];
const orders = ["=", ">", "<", ">=", "<="];
const flags = ["=", "<>"];
const options = ["any of", "none of"];
const nulls = ["is null", "is not null"];

/** What may be asked of a column (read-api §2.1, §2.2, §2.4). */
function asksOf(endpoint: Endpoint, { id, type }: FilterColumn): Ask[] {
  const searched = endpoint === "v2/observations" ? [...texts, "matches"] : texts;
  if (id === "input" || id === "output") return asks("string", searched);
  return [...asksOfType(type, searched), ...asks("null", nulls)];
}

function asksOfType(type: FilterColumn["type"], searched: readonly string[]): Ask[] {
  switch (type) {
    case "string":
    case "stringOptions":
      return [...asks("string", texts), ...asks("stringOptions", options)];
    case "stringObject":
      return asks(type, searched);
    case "datetime":
      return asks(type, orders.slice(1));
    case "number":
    case "numberObject":
      return asks(type, orders);
    case "boolean":
    case "booleanObject":
      return asks(type, flags);
    case "arrayOptions":
      return [...asks(type, [...options, "all of"]), ...asks("stringOptions", options)];
    case "categoryOptions":
      return [...asks(type, options), ...asks("stringOptions", options)];
  }
}

function asks(type: string, operators: readonly string[]): Ask[] {
  return operators.map((operator) => ({ type, operator }));
}

function conditionOn(
  random: Random,
  endpoint: Endpoint,
  facts: Facts,
  { column: { id, type: columnType }, ask: { type, operator } }: Demand,
): Asked {
  const held = columnsOf(random, endpoint, facts)[id];
  if (held === undefined) throw new Error(`the oracle does not know ${id}`);
  const asked = { type, column: id, operator };
  switch (type) {
    case "null":
      return { ...asked, value: "" };
    case "string":
      return textCondition(random, type, id, operator, held);
    case "stringObject":
      return {
        ...textCondition(random, type, id, operator, held),
        key: oneOf(random, keys),
      };
    case "datetime":
      return { ...asked, value: new Date(momentOf(held, facts)).toISOString() };
    case "number":
      return { ...asked, value: numberOf(random, held) };
    case "boolean":
      return { ...asked, value: random() < 0.5 };
    case "numberObject":
      return { ...asked, key: oneOf(random, scoreNames), value: Math.floor(random() * 8) / 4 };
    case "booleanObject":
      return { ...asked, key: oneOf(random, scoreNames), value: random() < 0.5 };
    case "arrayOptions": {
      const isEmpty = operator !== "any of" && random() < 0.2;
      return { ...asked, value: isEmpty ? [] : listOf(random, held) };
    }
    case "categoryOptions": {
      const [key, value] = categoryOf(random);
      return { ...asked, key, value: [value] };
    }
  }
  if (columnType === "arrayOptions") return { ...asked, value: listOf(random, held) };
  if (columnType === "categoryOptions") return { ...asked, value: [categoryOf(random).join(":")] };
  return { ...asked, value: [textOf(random, held), oneOf(random, words)] };
}

function listOf(random: Random, held: Held): readonly string[] {
  const value = "list" in held ? held.list.slice(0, 2) : [];
  return random() < 0.5 || value.length === 0 ? [...value, oneOf(random, words)] : value;
}

function categoryOf(random: Random): [key: string, value: string] {
  return [oneOf(random, [...scoreNames, "a"]), oneOf(random, ["good", "bad", "b:c", "c"])];
}

function columnsOf(random: Random, endpoint: Endpoint, facts: Facts): Columns {
  if (endpoint === "traces") return traceColumns(oneOf(random, facts.traces), facts);
  if (endpoint === "v2/scores") return scoreColumns(oneOf(random, facts.scores));
  const missing = endpoint === "observations" ? "" : "v2";
  return observationColumns(oneOf(random, facts.observations), facts, missing);
}

function textCondition(
  random: Random,
  type: string,
  column: string,
  operator: string,
  held: Held,
): Asked {
  if (operator === "matches") {
    return {
      type,
      column,
      operator,
      value: oneOf(random, [
        "alpha",
        "ALPHA",
        "beta gamma",
        "it",
        'quoted" one',
        "%_off",
        "שלום",
        "back\\slash",
        "et",
      ]),
    };
  }
  const text = textOf(random, held);
  const characters = Array.from(text);
  const at = Math.floor(random() * characters.length);
  const part = {
    "starts with": characters.slice(0, at + 1),
    "ends with": characters.slice(at),
    contains: characters.slice(at, at + 3),
    "does not contain": characters.slice(at, at + 2),
  }[operator];
  return { type, column, operator, value: random() < 0.2 ? "" : (part?.join("") ?? text) };
}

function textOf(random: Random, held: Held): string {
  if ("text" in held && held.text !== null) return held.text;
  // What is missing is '' for some lists and nothing for others.
  if ("text" in held && random() < 0.5) return "";
  const values = "map" in held ? Object.values(held.map) : [];
  return oneOf(random, [...values, ...words]);
}

function numberOf(random: Random, held: Held): number {
  if ("double" in held) return held.double ?? Math.floor(random() * 4);
  const value =
    "scaled" in held && held.scaled !== null ? Number(held.scaled) / 10 ** held.digits : 1;
  // Beyond the digits that are compared, where it is the same, and just within them.
  return value + oneOf(random, [0, 0, 1e-14, 0.001, -0.01]);
}

function momentOf(held: Held, facts: Facts): number {
  const moment = "moment" in held ? held.moment : null;
  return moment ?? facts.traces[0]?.timestamp ?? 0;
}
