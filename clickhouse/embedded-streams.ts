import type { Session, StreamChunk } from "chdb";
import { DbError } from "./engine.ts";
import type { Params, ReadBudget } from "./engine.ts";
import { explained } from "./error-codes.ts";
import { bindParams } from "./params.ts";
import {
  budgetSettings,
  readSettings,
  settingsClause,
  streamSettings,
  streamTimeMsMax,
} from "./read-settings.ts";

/** Streams under way at the same time: each holds a session and a block of rows. */
const streamsMax = 4;

export interface EmbeddedStreams {
  /** The rows of one statement, row by row. Ends the statement in the engine when the consumer stops. */
  open<Row>(sql: string, params: Params): AsyncGenerator<Row, void, void>;
  /** Ends all statements; their consumers get an error. */
  stopAll(): void;
}

type Chunks = AsyncIterator<StreamChunk>;

/** Reads of any size. Each has a session of its own, because it keeps that busy for as long as its consumer likes. */
export function embeddedStreams(
  connect: () => Promise<Session>,
  { memoryBytes }: ReadBudget,
): EmbeddedStreams {
  const settings = settingsClause({
    ...readSettings,
    ...budgetSettings({ timeMs: streamTimeMsMax, ...(memoryBytes && { memoryBytes }) }),
    ...streamSettings,
  });
  const sessions = new Set<Session>();
  let underWay = 0;
  let stopped = false;

  function refuseWhenStopped(): void {
    if (stopped) throw new Error("The ClickHouse engine is closed: end streams before close().");
  }

  async function start(session: Session, sql: string, params: Params): Promise<Chunks> {
    // The engine streams a single statement only, so the values are set before; the session is nobody else's.
    const binding = bindParams(sql, params);
    const chunks = await explained("read", async () => {
      if (binding !== "") await session.queryAsync(binding);
      return session.queryStream(`${sql}\nFORMAT JSONEachRow SETTINGS ${settings}`);
    });
    return chunks[Symbol.asyncIterator]();
  }

  return {
    // One generator on purpose: each one more between the engine and the consumer costs a microsecond a row.
    async *open<Row>(sql: string, params: Params) {
      refuseWhenStopped();
      if (underWay >= streamsMax) {
        throw new DbError("transient", 202, `${streamsMax} streams are under way already`);
      }
      underWay++;
      let session: Session | null = null;
      try {
        session = await connect();
        sessions.add(session);
        refuseWhenStopped();
        const chunks = await start(session, sql, params);
        for (;;) {
          const next = await explained("read", () => chunks.next());
          // A statement that was stopped ends like one that is complete.
          refuseWhenStopped();
          if (next.done) return;
          for (const row of rowsIn<Row>(next.value.text())) yield row;
        }
      } finally {
        underWay--;
        if (session) sessions.delete(session);
        // Ends its statement too.
        session?.close();
      }
    },
    stopAll() {
      stopped = true;
      for (const session of sessions) session.close();
    },
  };
}

/** A line break within a text is escaped, so each one ends a row. */
function rowsIn<Row>(lines: string): Row[] {
  const rows: Row[] = JSON.parse(`[${lines.trimEnd().replaceAll("\n", ",")}]`);
  return rows;
}
