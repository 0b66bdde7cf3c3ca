/**
 * The thin port to ClickHouse, behind which the embedded engine and a real server both stand.
 *
 * Values reach SQL only as bound parameters (`{name:Type}`), identifiers only from our own code.
 * 64-bit integers and decimals come back as strings, dates as ClickHouse prints them.
 */
export interface Db {
  /** One read; the rows as objects. Bounded by the budget (default: the engine's own). */
  query<Row>(sql: string, params?: Params, budget?: ReadBudget): Promise<Row[]>;
  /** One read that ends with LIMIT: its rows, and how many there are without the limit, exactly. */
  page<Row>(sql: string, params?: Params, budget?: ReadBudget): Promise<Page<Row>>;
  /** One read of any size, row by row. Stops the engine when the consumer stops. */
  stream<Row>(sql: string, params?: Params): AsyncIterable<Row>;
  /** Inserts newline-separated JSON rows (JSONEachRow). Durable and readable when resolved. */
  insert(table: string, rows: Buffer): Promise<void>;
  /** DDL and the like: no rows come back. */
  exec(sql: string): Promise<void>;
  close(): Promise<void>;
}

export type Param = string | number | bigint | boolean | null | readonly (string | number)[];
export type Params = Readonly<Record<string, Param>>;

export interface Page<Row> {
  readonly rows: Row[];
  readonly total: number;
}

export interface ReadBudget {
  readonly timeMs?: number;
  readonly memoryBytes?: number;
  readonly rowsToRead?: number;
  /** Told how many rows a read has looked at, once it has succeeded. */
  readonly onRowsRead?: (rows: number) => void;
}

/** What a refused statement means for its caller. */
export type DbErrorKind =
  /** The engine cannot now, but may later: network, memory, too many parts, read-only, disk. */
  | "transient"
  /** These rows can never be stored. */
  | "data"
  /** The read went over its budget of time, memory or rows. */
  | "budget"
  /** Anything else: our own mistake, or a code not seen before. */
  | "unknown";

export class DbError extends Error {
  override readonly name = "DbError";
  readonly kind: DbErrorKind;
  /** ClickHouse's numeric error code; 0 when the failure came from elsewhere. */
  readonly code: number;
  /** The engine's own words. Not enumerable: they can quote a customer's row, which must not reach a log line. */
  declare readonly detail: string;

  constructor(kind: DbErrorKind, code: number, detail: string) {
    super(`ClickHouse error ${code} (${kind})`);
    this.kind = kind;
    this.code = code;
    Object.defineProperty(this, "detail", { value: detail, enumerable: false });
  }
}
