import type { Facts } from "./facts.ts";
import {
  observationColumns,
  scoreColumns,
  text,
  traceColumns,
  type Columns,
  type Held,
} from "./oracle-columns.ts";

/** A filter as a client writes it. */
export interface Asked {
  readonly type: string;
  readonly column: string;
  readonly operator: string;
  readonly value?: unknown;
  readonly key?: string;
}

/** What a list is asked: its filter, and the simple parameters beside it. */
export interface Question {
  readonly filter: readonly Asked[];
  readonly environment: string | null;
  /** ISO 8601. */
  readonly from: string | null;
}

/** The ids that an answer must hold, by looking at every fact: the rules of read-api §2, and no SQL. */
export const oracles: Readonly<Record<Endpoint, (facts: Facts, question: Question) => string[]>> = {
  traces: (facts, question) => {
    const { environment, from } = effective(question, "timestamp");
    const inScope = (one: { environment: string }): boolean =>
      (environment === null || one.environment === environment) &&
      question.filter.every(
        (asked) =>
          asked.column !== "environment" || holds(asked, text(one.environment, "never null")),
      );
    const parts: Facts = {
      traces: [],
      observations: facts.observations.filter(
        (one) => inScope(one) && (from === null || one.start >= from - 3_600_000),
      ),
      scores: facts.scores.filter(
        (one) => inScope(one) && (from === null || one.timestamp >= from),
      ),
    };
    return selected(facts.traces, question, "timestamp", (one) => traceColumns(one, parts));
  },
  observations: (facts, question) =>
    selected(facts.observations, question, "startTime", (one) =>
      observationColumns(one, facts, ""),
    ),
  "v2/observations": (facts, question) =>
    selected(facts.observations, question, "startTime", (one) =>
      observationColumns(one, facts, "v2"),
    ),
  "v2/scores": (facts, question) =>
    selected(facts.scores, question, "timestamp", (one) => scoreColumns(one)),
};

export type Endpoint = "traces" | "observations" | "v2/observations" | "v2/scores";

function effective(question: Question, timeColumn: string) {
  const names = new Set(question.filter.map(({ column }) => column));
  const bounds = question.filter
    .filter(
      ({ type, column, operator }) =>
        type === "datetime" && column === timeColumn && operator.startsWith(">"),
    )
    .map(({ value, operator }) => Date.parse(String(value)) + (operator === ">" ? 1 : 0));
  if (!names.has(timeColumn) && question.from !== null) bounds.push(Date.parse(question.from));
  return {
    environment: names.has("environment") ? null : question.environment,
    from: bounds.length > 0 ? Math.max(...bounds) : null,
  };
}

function selected<Fact extends { readonly id: string; readonly environment: string }>(
  facts: readonly Fact[],
  question: Question,
  timeColumn: string,
  columnsOf: (fact: Fact) => Columns,
): string[] {
  const { environment, from } = effective(question, timeColumn);
  return facts
    .filter((fact) => {
      const columns = columnsOf(fact);
      const time = columns[timeColumn];
      const moment = time && "moment" in time ? (time.moment ?? 0) : 0;
      if (environment !== null && fact.environment !== environment) return false;
      if (from !== null && moment < from) return false;
      return question.filter.every((asked) => {
        const held = columns[asked.column];
        if (held === undefined) throw new Error(`the oracle does not know ${asked.column}`);
        return holds(asked, held);
      });
    })
    .map(({ id }) => id);
}

function holds(asked: Asked, held: Held): boolean {
  const { operator, value } = asked;
  const negative = operator === "none of";
  if (asked.type === "null") return isNull(held) === (operator === "is null");
  if ("text" in held) return textHolds(asked, held.text, held.missing);
  if ("scaled" in held) {
    if (held.scaled === null) return false;
    const [whole = "", part = ""] = Number(value).toFixed(held.digits).split(".");
    return ordered(held.scaled, operator, BigInt(whole + part));
  }
  if ("double" in held)
    return held.double !== null && ordered(held.double, operator, Number(value));
  if ("moment" in held) {
    return held.moment !== null && ordered(held.moment, operator, Date.parse(String(value)));
  }
  if ("flag" in held) return (held.flag === value) === (operator === "=");
  if ("list" in held) return listHolds(asked, held.list);
  if ("map" in held) {
    const key = asked.key ?? "";
    return Object.hasOwn(held.map, key) && textHolds(asked, held.map[key] ?? "", "never null");
  }
  if ("numbers" in held) {
    return held.numbers.some(
      ([name, number]) => name === asked.key && ordered(number, operator, Number(value)),
    );
  }
  if ("categories" in held) {
    if (asked.type === "stringOptions") return listHolds(asked, held.categories);
    const wanted = (value as string[]).map((one) => `${asked.key}:${one}`);
    return held.categories.some((one) => wanted.includes(one)) !== negative;
  }
  const has = held.booleans.some(([name, flag]) => name === asked.key && flag === value);
  return has === (operator === "=");
}

function isNull(held: Held): boolean {
  if ("text" in held) return held.text === null;
  if ("scaled" in held) return held.scaled === null;
  if ("double" in held) return held.double === null;
  return "moment" in held && held.moment === null;
}

function textHolds(
  { type, operator, value }: Asked,
  held: string | null,
  missing: string,
): boolean {
  if (held === null) {
    if (missing !== "v2" || operator === "none of" || operator === "does not contain") return false;
    if (operator === "matches") return false;
    return textHolds({ type, operator, value, column: "" }, "", "never null");
  }
  if (type === "stringOptions") {
    return (value as string[]).includes(held) !== (operator === "none of");
  }
  const asked = value as string;
  switch (operator) {
    case "=":
      return held === asked;
    case "contains":
      return held.includes(asked);
    case "does not contain":
      return !held.includes(asked);
    case "starts with":
      return held.startsWith(asked);
    case "ends with":
      return held.endsWith(asked);
    case "matches":
      return type === "string"
        ? hasPhrase(held.toLowerCase(), asked.toLowerCase())
        : hasPhrase(held, asked);
    default:
      throw new Error(`the oracle does not know the operator ${operator}`);
  }
}

/** Whether the phrase stands somewhere in the text without a letter or digit going on at its ends. */
function hasPhrase(held: string, phrase: string): boolean {
  for (let at = held.indexOf(phrase); at !== -1; at = held.indexOf(phrase, at + 1)) {
    const before = endsInWord.test(held.slice(0, at)) && startsInWord.test(phrase);
    const after = startsInWord.test(held.slice(at + phrase.length)) && endsInWord.test(phrase);
    if (!before && !after) return true;
  }
  return false;
}

const startsInWord = /^[\p{L}\p{N}]/u;
const endsInWord = /[\p{L}\p{N}]$/u;

function listHolds({ type, operator, value }: Asked, held: readonly string[]): boolean {
  const asked = value as string[];
  if (type === "stringOptions") {
    const isOne = held.length === 1 && asked.includes(held[0] ?? "");
    return isOne !== (operator === "none of");
  }
  if (operator === "all of") return asked.every((one) => held.includes(one));
  return asked.some((one) => held.includes(one)) !== (operator === "none of");
}

function ordered<Value extends number | bigint>(
  left: Value,
  operator: string,
  right: Value,
): boolean {
  if (operator === "=") return left === right;
  if (operator === ">") return left > right;
  if (operator === "<") return left < right;
  return operator === ">=" ? left >= right : left <= right;
}
