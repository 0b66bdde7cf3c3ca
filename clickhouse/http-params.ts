import type { Param, Params } from "./engine.ts";
import { boundValues, paramText } from "./params.ts";

/** A server takes 128 KiB in one field of a request (`http_max_field_value_size`), and cannot be told otherwise. */
const fieldBytesMax = 120 * 1024;

export interface HttpStatement {
  readonly sql: string;
  /** By the names of the placeholders in `sql`. */
  readonly fields: Readonly<Record<string, Param>>;
}

/**
 * A statement and its values as a server takes them over HTTP: a list that is too long for one field goes as several,
 * which the statement puts together again. Values without a placeholder are left out; a placeholder without a value
 * and a number that is none are refused.
 */
export function httpStatement(sql: string, params: Params): HttpStatement {
  const fields: Record<string, Param> = {};
  let text = sql;
  for (const [name, value] of boundValues(sql, params)) {
    const bytes = Buffer.byteLength(paramText(name, value));
    if (bytes <= fieldBytesMax || !isList(value)) {
      fields[name] = value;
      continue;
    }
    const pieces = cut(name, value).map((piece, index) => ({ name: `${name}__${index}`, piece }));
    for (const { name: own, piece } of pieces) fields[own] = piece;
    text = text.replace(
      new RegExp(`\\{\\s*${name}\\s*:([^}]*)\\}`, "g"),
      (_match, type: string) => {
        return `arrayConcat(${pieces.map(({ name: own }) => `{${own}:${type}}`).join(", ")})`;
      },
    );
  }
  return { sql: text, fields };
}

type List = readonly (string | number)[];

function isList(value: Param): value is List {
  return Array.isArray(value);
}

function cut(name: string, list: List): List[] {
  const pieces: (string | number)[][] = [];
  let bytes = Infinity;
  for (const item of list) {
    const own = Buffer.byteLength(paramText(name, [item]));
    if (bytes + own > fieldBytesMax) {
      pieces.push([]);
      bytes = 0;
    }
    pieces.at(-1)?.push(item);
    bytes += own;
  }
  return pieces;
}
