import type { Param, Params } from "./engine.ts";

/** A `{name:Type}` in the text of a statement. */
const placeholder = /\{\s*([A-Za-z_]\w*)\s*:/g;

/**
 * The value of every placeholder in the statement. One without a value is refused; values without a placeholder are
 * left out.
 */
export function boundValues(sql: string, params: Params): ReadonlyMap<string, Param> {
  const values = new Map<string, Param>();
  for (const [, name = ""] of sql.matchAll(placeholder)) {
    const value = Object.hasOwn(params, name) ? params[name] : undefined;
    if (value === undefined) throw new Error(`The statement has no value for {${name}}: pass it.`);
    values.set(name, value);
  }
  return values;
}

/**
 * The `SET param_… = '…'; ` that binds every placeholder of the statement which follows it in the same string;
 * empty when it has none.
 *
 * A session of the embedded engine remembers parameters, so a statement with a placeholder that gets no value here
 * would read what an earlier one left behind: it is refused.
 */
export function bindParams(sql: string, params: Params): string {
  const bindings = Array.from(
    boundValues(sql, params),
    ([name, value]) => `param_${name} = '${asSqlText(paramText(name, value))}'`,
  );
  return bindings.length === 0 ? "" : `SET ${bindings.join(", ")}; `;
}

/** The value as ClickHouse reads a parameter, refused when it is no finite number: tab-separated escapes outside, quotes around texts within an array. */
export function paramText(name: string, value: Param): string {
  if (value === null) return "\\N";
  if (typeof value === "string") return withEscapes(value);
  if (typeof value === "number") return numberText(name, value);
  if (typeof value === "object") {
    return `[${value.map((item) => itemText(name, item)).join(",")}]`;
  }
  return String(value);
}

function itemText(name: string, item: string | number): string {
  return typeof item === "number" ? numberText(name, item) : `'${withEscapes(item)}'`;
}

function numberText(name: string, value: number): string {
  if (!Number.isFinite(value)) throw new Error(`The value for {${name}} is not a finite number.`);
  return String(value);
}

const escapes: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "'": "\\'",
  "\0": "\\0",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

// oxlint-disable-next-line no-control-regex -- these are the characters to escape
const escaped = /[\\'\0\b\f\n\r\t]/g;

function withEscapes(text: string): string {
  return text.replace(escaped, (character) => escapes[character] ?? character);
}

/** Within a quoted SQL literal only the quote and the backslash mean something. */
export function asSqlText(text: string): string {
  return text.replace(/[\\']/g, (character) => `\\${character}`);
}
