import { DbError } from "./engine.ts";

/** Statements that may wait for a session: beyond, the engine is behind by minutes, and waiting longer helps nobody. */
const waitingMax = 1000;

/**
 * Lends sessions, each to one statement at a time, in the order of asking.
 *
 * The engine itself would queue on a busy session, but with a thread of libuv's pool for each statement that waits:
 * a burst of reads would then hold up inserts and the log's fsyncs too.
 */
export interface SessionPool<Session> {
  run<Result>(work: (session: Session) => Promise<Result>): Promise<Result>;
  /** Resolves when no statement runs or waits. */
  idle(): Promise<void>;
}

export function sessionPool<Session>(sessions: readonly Session[]): SessionPool<Session> {
  const free = [...sessions];
  const waiting: ((session: Session) => void)[] = [];
  const running = new Set<Promise<unknown>>();

  function lend(): Session | Promise<Session> {
    const session = free.pop();
    if (session !== undefined) return session;
    if (waiting.length >= waitingMax) {
      throw new DbError("transient", 202, `${waitingMax} statements wait for a session already`);
    }
    return new Promise((resolve) => waiting.push(resolve));
  }

  function giveBack(session: Session): void {
    const next = waiting.shift();
    if (next) next(session);
    else free.push(session);
  }

  async function borrow<Result>(work: (session: Session) => Promise<Result>): Promise<Result> {
    const session = await lend();
    try {
      return await work(session);
    } finally {
      giveBack(session);
    }
  }

  return {
    async run(work) {
      const result = borrow(work);
      running.add(result);
      try {
        return await result;
      } finally {
        running.delete(result);
      }
    },
    async idle() {
      while (running.size > 0) await Promise.allSettled(running);
    },
  };
}
