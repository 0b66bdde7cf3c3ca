import { DbError } from "./engine.ts";

/** Statements that may wait for a session: beyond, the engine is far behind, and one more helps nobody. */
const waitingMax = 1000;

/**
 * Lends sessions, each to one statement at a time, in the order of asking.
 *
 * The engine itself would queue on a busy session, but with a thread of libuv's pool for each statement that waits:
 * a burst of reads would then hold up inserts and the log's fsyncs too.
 */
export interface SessionPool<Session> {
  run<Result>(work: (session: Session) => Promise<Result>): Promise<Result>;
  /** Waits for all statements, those that queue included, then closes the sessions. */
  close(): Promise<void>;
}

export function sessionPool<Session extends { close(): void }>(
  connect: () => Promise<Session>,
  sessionsMax: number,
): SessionPool<Session> {
  const idle: Session[] = [];
  const waiting: (() => void)[] = [];
  const running = new Set<Promise<unknown>>();
  let places = sessionsMax;

  async function takePlace(): Promise<void> {
    if (places > 0) {
      places--;
      return;
    }
    if (waiting.length >= waitingMax) {
      throw new DbError("transient", 202, `${waitingMax} statements wait for a session already`);
    }
    await new Promise<void>((resolve) => waiting.push(resolve));
  }

  function leavePlace(): void {
    const next = waiting.shift();
    if (next) next();
    else places++;
  }

  async function inTurn<Result>(work: (session: Session) => Promise<Result>): Promise<Result> {
    await takePlace();
    try {
      const session = idle.pop() ?? (await connect());
      const result = await work(session).catch((error: unknown) => {
        // The engine puts the rows that a failed statement had already written before the answer of the session's
        // next statement, which may be another project's: no session outlives a failure.
        session.close();
        throw error;
      });
      idle.push(session);
      return result;
    } finally {
      leavePlace();
    }
  }

  return {
    async run(work) {
      const result = inTurn(work);
      running.add(result);
      try {
        return await result;
      } finally {
        running.delete(result);
      }
    },
    async close() {
      while (running.size > 0) await Promise.allSettled(running);
      for (const session of idle.splice(0)) session.close();
    },
  };
}
