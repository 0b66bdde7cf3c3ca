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

/** A question with one to three conditions, the first of them about the column; values are often such as rows have. */
export function questionOn(
  random: Random,
  endpoint: Endpoint,
  facts: Facts,
  column: FilterColumn,
): Question {
  const { columns } = catalogues[endpoint];
  const asked = [column];
  while (asked.length < 3 && random() < 0.35) asked.push(oneOf(random, columns));
  const filter = asked.map((one) => conditionOn(random, endpoint, facts, one));
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

function conditionOn(
  random: Random,
  endpoint: Endpoint,
  facts: Facts,
  { id, type }: FilterColumn,
): Asked {
  const isPayload = id === "input" || id === "output";
  if (!isPayload && random() < 0.1) {
    return {
      type: "null",
      column: id,
      operator: oneOf(random, ["is null", "is not null"]),
      value: "",
    };
  }
  const held = columnsOf(random, endpoint, facts)[id];
  if (held === undefined) throw new Error(`the oracle does not know ${id}`);
  const texts = ["=", "contains", "does not contain", "starts with", "ends with"];
  const searched = endpoint === "v2/observations" ? [...texts, "matches"] : texts;
  const orders = ["=", ">", "<", ">=", "<="];
  const flags = ["=", "<>"];
  const options = ["any of", "none of"];
  switch (type) {
    case "string":
    case "stringOptions":
      return random() < 0.6 || isPayload
        ? textCondition(random, "string", id, oneOf(random, isPayload ? searched : texts), held)
        : {
            type: "stringOptions",
            column: id,
            operator: oneOf(random, options),
            value: [textOf(random, held), oneOf(random, words)],
          };
    case "stringObject":
      return {
        ...textCondition(random, type, id, oneOf(random, searched), held),
        key: oneOf(random, keys),
      };
    case "datetime":
      return {
        type,
        column: id,
        operator: oneOf(random, orders.slice(1)),
        value: new Date(momentOf(held, facts)).toISOString(),
      };
    case "number":
      return { type, column: id, operator: oneOf(random, orders), value: numberOf(random, held) };
    case "boolean":
      return { type, column: id, operator: oneOf(random, flags), value: random() < 0.5 };
    case "arrayOptions": {
      const value = "list" in held ? held.list.slice(0, 2) : [];
      const some = random() < 0.5 || value.length === 0 ? [...value, oneOf(random, words)] : value;
      if (random() < 0.3)
        return { type: "stringOptions", column: id, operator: oneOf(random, options), value: some };
      const operator = oneOf(random, [...options, "all of"]);
      return {
        type,
        column: id,
        operator,
        value: operator !== "any of" && random() < 0.2 ? [] : some,
      };
    }
    case "categoryOptions": {
      const value = oneOf(random, ["good", "bad", "b:c", "c"]);
      const key = oneOf(random, [...scoreNames, "a"]);
      return random() < 0.3
        ? {
            type: "stringOptions",
            column: id,
            operator: oneOf(random, options),
            value: [`${key}:${value}`],
          }
        : { type, column: id, key, operator: oneOf(random, options), value: [value] };
    }
    case "numberObject":
      return {
        type,
        column: id,
        key: oneOf(random, scoreNames),
        operator: oneOf(random, orders),
        value: Math.floor(random() * 8) / 4,
      };
    case "booleanObject":
      return {
        type,
        column: id,
        key: oneOf(random, scoreNames),
        operator: oneOf(random, flags),
        value: random() < 0.5,
      };
  }
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
