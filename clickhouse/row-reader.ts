import { DbError } from "./engine.ts";
import { errorCodeIn, kindOf } from "./error-codes.ts";

/** Kept of the words of a failed statement. */
const failureCharactersMax = 64 * 1024;

/** What newer servers (25.11) put before the words of a failure in the midst of an answer. */
const failureMarker = /^\s*__exception__\s+\S+\s+/;

/**
 * Cuts an answer in JSONEachRow into its rows. Once its first bytes are on their way, a server can tell a failure only
 * in the midst of them: so the first line that is no row, and a last one without an end, is a failure.
 */
export class RowReader<Row> {
  /** Of a line that has not ended yet. */
  #pieces: Buffer[] = [];
  #failure: string | null = null;

  /** The rows that have ended with this chunk. */
  push(chunk: Buffer): Row[] {
    if (this.#failure !== null) {
      this.#fail(this.#failure + chunk.toString("utf8"));
      return [];
    }
    // A line break within a text is escaped, so each one ends a row.
    const end = chunk.lastIndexOf("\n");
    if (end < 0) {
      this.#pieces.push(chunk);
      return [];
    }
    const lines = Buffer.concat([...this.#pieces, chunk.subarray(0, end)]).toString("utf8");
    const rest = chunk.subarray(end + 1);
    this.#pieces = rest.length > 0 ? [rest] : [];
    try {
      return JSON.parse(`[${lines.replaceAll("\n", ",")}]`);
    } catch {
      return this.#rowsBeforeFailure(lines.split("\n"));
    }
  }

  /** To be called at the end of the answer: throws a {@link DbError} unless it was whole. */
  end(): void {
    const failure = this.#failure ?? Buffer.concat(this.#pieces).toString("utf8");
    if (failure === "") return;
    const code = errorCodeIn(failure.replace(failureMarker, ""));
    throw new DbError(code === 0 ? "transient" : kindOf(code, "read"), code, failure);
  }

  #rowsBeforeFailure(lines: readonly string[]): Row[] {
    const rows: Row[] = [];
    for (const [index, line] of lines.entries()) {
      try {
        rows.push(JSON.parse(line));
      } catch {
        this.#fail(
          [...lines.slice(index), Buffer.concat(this.#pieces).toString("utf8")].join("\n"),
        );
        break;
      }
    }
    return rows;
  }

  #fail(text: string): void {
    this.#failure = text.slice(0, failureCharactersMax);
  }
}
