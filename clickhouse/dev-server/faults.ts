/** What the server does wrong, to the statements that it concerns, until it is told otherwise. */
export interface Fault {
  /**
   * `down`: the connection is closed without an answer, and nothing is done.
   * `lost`: the statement is done, then the connection is closed without an answer.
   * `cut`: the connection is closed in the midst of the answer.
   * `slow`: everything takes `ms` longer; the statement is done after that.
   * `refuse`: nothing is done, and the answer is the error `code`.
   */
  readonly kind: "down" | "lost" | "cut" | "slow" | "refuse";
  readonly code?: number;
  readonly ms?: number;
  /** Only statements in whose text this stands, such as `INSERT INTO sluice.traces`; without it all. */
  readonly match?: string;
  /** So many statements, then no more; without it until the fault is taken away. */
  readonly times?: number;
}

export interface Faults {
  /** Null: nothing goes wrong any more. */
  set(fault: Fault | null): void;
  /** The fault of a statement, counted; null when there is none. */
  take(sql: string): Fault | null;
}

export function faultSwitch(): Faults {
  let current: Fault | null = null;
  let left = 0;
  return {
    set(fault) {
      current = fault;
      left = fault?.times ?? Infinity;
    },
    take(sql) {
      if (current === null || left <= 0 || !sql.includes(current.match ?? "")) return null;
      left--;
      return current;
    },
  };
}

/** A fault as it is told to the administration's path; throws when it is none. */
export function parseFault(text: string): Fault {
  const fault: unknown = JSON.parse(text);
  if (isFault(fault)) return fault;
  throw new Error(
    'A fault is {"kind": "down" | "lost" | "cut" | "slow" | "refuse", "code"?, "ms"?, "match"?, "times"?}.',
  );
}

const kinds: ReadonlySet<unknown> = new Set(["down", "lost", "cut", "slow", "refuse"]);

function isFault(value: unknown): value is Fault {
  if (typeof value !== "object" || value === null) return false;
  const { kind, code = 0, ms = 0, match = "", times = 0 } = value as Record<string, unknown>;
  const numbers = [code, ms, times];
  return kinds.has(kind) && numbers.every(Number.isSafeInteger) && typeof match === "string";
}
