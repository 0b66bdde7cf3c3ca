import type { RawInsertFormat, Session } from "chdb";
import { DbError } from "../engine.ts";
import { ReaderGone } from "./answer.ts";
import type { Answer } from "./answer.ts";
import { preambleOf } from "./statement.ts";
import type { Statement } from "./statement.ts";

/** Formats in which each block of rows stands for itself, so that an answer can be sent as it comes. */
const streamed = /\bFORMAT\s+JSONEachRow\s*;?\s*$/i;

/**
 * Runs a statement in a session of its own and writes its answer. `comment` is what it can be found and killed by.
 * Rejects when it failed; what is written by then cannot be taken back.
 */
export async function execute(
  session: Session,
  statement: Statement,
  comment: string,
  answer: Answer,
): Promise<void> {
  const { sql, insert, queryId } = statement;
  const preamble = preambleOf(statement, comment);
  if (insert !== null) {
    await session.queryAsync(preamble);
    const { rowsWritten, bytesWritten } = await session.insert({
      table: insert.table,
      values: insert.rows,
      // Whatever is no format is refused.
      format: insert.format as RawInsertFormat,
      ...(insert.columns && { columns: insert.columns }),
    });
    answer.begin(insert.format, queryId, { rowsWritten, bytesWritten });
    answer.end();
    return;
  }
  if (streamed.test(sql) && !statement.waitsForEnd) {
    await session.queryAsync(preamble);
    await stream(session, sql, queryId, answer);
    return;
  }
  const result = await session.queryAsync(preamble + sql, { format: statement.format });
  const { rowsRead, bytesRead } = result;
  const format = /\bFORMAT\s+(\w+)/i.exec(sql)?.[1] ?? statement.format;
  answer.begin(format, queryId, { rowsRead, bytesRead });
  await answer.write(result.bytes());
  answer.end();
}

/** Block by block, none before the reader has taken the one before. */
async function stream(
  session: Session,
  sql: string,
  queryId: string,
  answer: Answer,
): Promise<void> {
  const blocks = session.queryStream(sql)[Symbol.asyncIterator]();
  let next = await blocks.next();
  answer.begin("JSONEachRow", queryId);
  while (!next.done) {
    if (answer.isGone) throw new ReaderGone();
    await answer.write(Buffer.from(next.value.text()));
    next = await blocks.next();
  }
  answer.end();
}

/** What the engine says of a failure, as ClickHouse would. */
export function failureOf(error: unknown): { code: number; words: string } {
  if (error instanceof DbError) {
    return { code: error.code, words: `Code: ${error.code}. DB::Exception: ${error.detail}` };
  }
  const words = error instanceof Error ? error.message : String(error);
  const code = Number(/^Code: (\d+)\./.exec(words)?.[1] ?? 0);
  if (code > 0) return { code, words };
  return { code: 1001, words: `Code: 1001. DB::Exception: ${words} (STD_EXCEPTION)` };
}
