import { DbError, type DbErrorKind } from "./engine.ts";

/** What a statement was doing when it was refused: the same code means different things to a read and to an insert. */
export type StatementPurpose = "read" | "insert" | "exec";

/** The read went over a limit that its own SETTINGS state. Codes: ClickHouse, src/Common/ErrorCodes.cpp. */
export const budgetCodes: ReadonlyMap<number, string> = new Map([
  [158, "TOO_MANY_ROWS"],
  [159, "TIMEOUT_EXCEEDED"],
  [160, "TOO_SLOW"],
  [241, "MEMORY_LIMIT_EXCEEDED"],
  [307, "TOO_MANY_BYTES"],
  [396, "TOO_MANY_ROWS_OR_BYTES"],
]);

/** The rows themselves are at fault: sending them again gives the same answer. */
export const dataCodes: ReadonlyMap<number, string> = new Map([
  [6, "CANNOT_PARSE_TEXT"],
  [25, "CANNOT_PARSE_ESCAPE_SEQUENCE"],
  [26, "CANNOT_PARSE_QUOTED_STRING"],
  [27, "CANNOT_PARSE_INPUT_ASSERTION_FAILED"],
  [33, "CANNOT_READ_ALL_DATA"],
  [38, "CANNOT_PARSE_DATE"],
  [41, "CANNOT_PARSE_DATETIME"],
  [53, "TYPE_MISMATCH"],
  [69, "ARGUMENT_OUT_OF_BOUND"],
  [70, "CANNOT_CONVERT_TYPE"],
  [72, "CANNOT_PARSE_NUMBER"],
  [117, "INCORRECT_DATA"],
  [130, "CANNOT_READ_ARRAY_FROM_TEXT"],
  [131, "TOO_LARGE_STRING_SIZE"],
  [306, "TOO_DEEP_RECURSION"],
  [321, "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE"],
  [349, "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN"],
  [407, "DECIMAL_OVERFLOW"],
  [467, "CANNOT_PARSE_BOOL"],
]);

/** The engine's state is at fault, and may pass. */
export const transientCodes: ReadonlyMap<number, string> = new Map([
  [74, "CANNOT_READ_FROM_FILE_DESCRIPTOR"],
  [75, "CANNOT_WRITE_TO_FILE_DESCRIPTOR"],
  [159, "TIMEOUT_EXCEEDED"],
  [160, "TOO_SLOW"],
  [198, "DNS_ERROR"],
  [202, "TOO_MANY_SIMULTANEOUS_QUERIES"],
  [203, "NO_FREE_CONNECTION"],
  [209, "SOCKET_TIMEOUT"],
  [210, "NETWORK_ERROR"],
  [225, "NO_ZOOKEEPER"],
  [236, "ABORTED"],
  [241, "MEMORY_LIMIT_EXCEEDED"],
  [242, "TABLE_IS_READ_ONLY"],
  [243, "NOT_ENOUGH_SPACE"],
  [252, "TOO_MANY_PARTS"],
  [279, "ALL_CONNECTION_TRIES_FAILED"],
  [285, "TOO_FEW_LIVE_REPLICAS"],
  [286, "UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE"],
  [289, "REPLICA_IS_NOT_IN_QUORUM"],
  [319, "UNKNOWN_STATUS_OF_INSERT"],
  [394, "QUERY_WAS_CANCELLED"],
  [745, "SERVER_OVERLOADED"],
  [999, "KEEPER_EXCEPTION"],
]);

/** The code that opens the engine's own words, `Code: 241. DB::Exception: …`; 0 when they open otherwise. */
export function errorCodeIn(message: string): number {
  // Only at the start: further in, the message may quote a customer's row.
  const match = /^Code: (\d+)\./.exec(message);
  return match ? Number(match[1]) : 0;
}

/** Does the work, and turns the engine's refusal into a {@link DbError} that says what the caller may do about it. */
export async function explained<Result>(
  purpose: StatementPurpose,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    const code = errorCodeIn(detail);
    throw new DbError(kindOf(code, purpose), code, detail);
  }
}

/** What a refusal with this code means to a statement of this purpose. */
export function kindOf(code: number, purpose: StatementPurpose): DbErrorKind {
  if (purpose === "read" && budgetCodes.has(code)) return "budget";
  if (purpose === "insert" && dataCodes.has(code)) return "data";
  return transientCodes.has(code) ? "transient" : "unknown";
}
