import { promisify } from "node:util";
import { brotliDecompress, gunzip, inflate } from "node:zlib";
import { DbError } from "../engine.ts";
import { asSqlText } from "../params.ts";

/** One statement as it came over HTTP. */
export interface Statement {
  /** Without the rows of an insert. */
  readonly sql: string;
  /** Where the statement is an insert of rows that came with it. */
  readonly insert: InsertTarget | null;
  /** Values of `{name:Type}`, escaped as ClickHouse wants them. */
  readonly params: ReadonlyMap<string, string>;
  readonly settings: ReadonlyMap<string, string>;
  readonly database: string | null;
  /** The client's, or empty. */
  readonly queryId: string;
  /** For statements that name no format. */
  readonly format: string;
  /** The answer is held back until it is whole. */
  readonly waitsForEnd: boolean;
}

export interface InsertTarget {
  readonly table: string;
  readonly columns: readonly string[] | null;
  readonly format: string;
  readonly rows: Buffer;
}

export interface StatementRequest {
  readonly method: string;
  readonly query: URLSearchParams;
  readonly contentType: string;
  /** Inflated. */
  readonly body: Buffer;
}

/** What ClickHouse takes in one field of a request unless configured otherwise (`http_max_field_value_size`). */
const fieldBytesMax = 131_072;

/** Fields that are no settings. */
const reserved = new Set([
  "query",
  "database",
  "default_format",
  "query_id",
  "user",
  "password",
  "quota_key",
  "role",
  "compress",
  "decompress",
  "buffer_size",
  "wait_end_of_query",
  "stacktrace",
]);

const insertWithRows =
  /^\s*INSERT\s+INTO\s+(?:TABLE\s+)?([\w.`]+)\s*(?:\(([^)]*)\))?\s*FORMAT\s+(\w+)[ \t\r]*(?:\n|$)/i;
const killById = /^\s*KILL\s+QUERY\s+WHERE\s+query_id\s*=\s*'((?:[^'\\]|\\.)*)'[^]*$/i;

/** What a request asks for. Throws {@link DbError} with the code that ClickHouse would give. */
export function statementOf(request: StatementRequest): Statement {
  const { query, method } = request;
  const isForm = request.contentType.startsWith("multipart/form-data");
  const fields = isForm ? formFields(request) : query;
  if (isForm) for (const [name, value] of query) fields.append(name, value);
  if (fields.has("session_id")) {
    throw new DbError("unknown", 48, "Sessions are not emulated. (NOT_IMPLEMENTED)");
  }
  const params = new Map<string, string>();
  const settings = new Map<string, string>();
  for (const [name, value] of fields) {
    if (Buffer.byteLength(value) > fieldBytesMax && name !== "query") {
      throw new DbError("unknown", 1000, "HTML Form Exception: Field value too long");
    }
    if (name.startsWith("param_")) params.set(name.slice("param_".length), value);
    else if (!reserved.has(name)) settings.set(name, value);
  }
  if (method === "GET" && !settings.has("readonly")) settings.set("readonly", "2");
  const { sql, insert } = textOf(
    fields.get("query") ?? "",
    isForm ? Buffer.alloc(0) : request.body,
  );
  return {
    sql: sql.replace(killById, "KILL QUERY WHERE Settings['log_comment'] = '$1' ASYNC"),
    insert,
    params,
    settings,
    database: fields.get("database"),
    queryId: fields.get("query_id") ?? "",
    format: fields.get("default_format") ?? "TabSeparated",
    waitsForEnd: fields.get("wait_end_of_query") === "1",
  };
}

/** A body as its `Content-Encoding` says. */
export async function inflated(body: Buffer, encoding: string | undefined): Promise<Buffer> {
  switch (encoding ?? "identity") {
    case "gzip":
      return await promisify(gunzip)(body);
    case "deflate":
      return await promisify(inflate)(body);
    case "br":
      return await promisify(brotliDecompress)(body);
    case "identity":
      return body;
    default:
      throw new DbError("unknown", 73, `Unknown compression ${encoding}. (UNKNOWN_FORMAT)`);
  }
}

/** What has to be said before the statement, in one string with it or in its session. */
export function preambleOf(statement: Statement, comment: string): string {
  const { settings, params, database } = statement;
  const own = new Map([["log_comment", comment], ...settings]);
  // From then on nothing else could be set.
  const readonly = own.get("readonly");
  own.delete("readonly");
  if (readonly !== undefined) own.set("readonly", readonly);
  for (const name of [...own.keys(), ...params.keys()]) {
    if (!/^\w+$/.test(name)) throw new DbError("unknown", 115, `Unknown setting ${name}`);
  }
  const sets = [
    ...Array.from(params, ([name, value]) => `param_${name} = '${asSqlText(value)}'`),
    ...Array.from(own, ([name, value]) => `${name} = '${asSqlText(value)}'`),
  ];
  const use = database === null ? "" : `USE \`${database.replace(/[\\`]/g, "\\$&")}\`; `;
  return `${use}SET ${sets.join(", ")}; `;
}

/** The statement is what the address says, then the body; the rows of an insert follow it. */
function textOf(query: string, body: Buffer): Pick<Statement, "sql" | "insert"> {
  const isAll = query === "";
  const start = isAll ? body.subarray(0, 65_536).toString("latin1") : `${query}\n`;
  const match = insertWithRows.exec(start);
  if (match === null) {
    const rest = body.toString("utf8");
    return { sql: isAll ? rest : query + (rest === "" ? "" : `\n${rest}`), insert: null };
  }
  const [whole, table = "", columns, format = ""] = match;
  return {
    sql: whole,
    insert: {
      table,
      columns: columns?.split(",").map((name) => name.trim().replaceAll("`", "")) ?? null,
      format,
      rows: isAll ? body.subarray(whole.length) : body,
    },
  };
}

/** By hand, as the form data of the platform drop a byte order mark that a value begins with. */
function formFields({ body, contentType }: StatementRequest): URLSearchParams {
  const boundary = /\bboundary="?([^";]+)/.exec(contentType)?.[1] ?? "";
  const fields = new URLSearchParams();
  for (const part of body.toString("utf8").split(`--${boundary}`).slice(1, -1)) {
    const start = part.indexOf("\r\n\r\n");
    const name = /\bname="([^"]*)"/.exec(part.slice(0, start))?.[1] ?? "";
    fields.append(name, part.slice(start + 4, -2));
  }
  return fields;
}
