import { isoOfColumn } from "./stored-value.ts";
import type { Trace } from "./trace.ts";

/** A session as its traces tell of it. */
export interface StoredSession {
  readonly session_id: string;
  /** When the first of its traces was received. */
  readonly session_created_at: string;
  /** That of the same trace. */
  readonly session_environment: string;
}

/** A session in a list (read-api §6): these keys and no more. */
export interface Session {
  id: string;
  createdAt: string;
  projectId: string;
  environment: string;
}

export interface SessionDetail extends Session {
  traces: readonly Trace[];
}

export function sessionOf(projectId: string, row: StoredSession): Session {
  return {
    id: row.session_id,
    createdAt: isoOfColumn(row.session_created_at),
    projectId,
    environment: row.session_environment || "default",
  };
}
