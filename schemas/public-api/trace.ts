import { addDecimals } from "../decimal.ts";
import type { Observation } from "./observation.ts";
import type { ScoreV1 } from "./score.ts";
import {
  isoOfColumn,
  millisOfColumn,
  orNull,
  parseMetadata,
  parsePayload,
  type JsonValue,
  type StoredMetadata,
} from "./stored-value.ts";

/** A row of `traces` as a read brings it. */
export interface StoredTrace {
  readonly project_id: string;
  readonly id: string;
  readonly timestamp: string;
  readonly name: string;
  readonly user_id: string;
  readonly session_id: string;
  readonly environment: string;
  readonly release: string;
  readonly version: string;
  readonly tags: readonly string[];
  readonly public: boolean;
  readonly bookmarked: boolean;
  readonly metadata: StoredMetadata;
  readonly input: string;
  readonly output: string;
  readonly created_at: string;
  readonly updated_at: string;
}

/** What the observations of one trace add up to. Moments as ClickHouse prints them. */
export interface StoredTraceTotals {
  readonly trace_id: string;
  readonly min_start: string;
  readonly max_start: string;
  /** Null when none of them has ended. */
  readonly max_end: string | null;
  /** USD; null when no cost is known. */
  readonly cost: string | null;
}

export const traceGroups = ["core", "io", "scores", "observations", "metrics"] as const;

/** A trace as a session shows it (read-api §6): the fields that need no other table. */
export interface Trace {
  id: string;
  projectId: string;
  timestamp: string;
  createdAt: string;
  updatedAt: string;
  name: string | null;
  release: string | null;
  version: string | null;
  userId: string | null;
  sessionId: string | null;
  externalId: null;
  environment: string;
  public: boolean;
  bookmarked: boolean;
  tags: readonly string[];
  input: JsonValue;
  output: JsonValue;
  metadata: Record<string, JsonValue>;
}

/** A trace in a list (read-api §3.1); a group that was not asked for shows `[]` or -1. */
export interface TraceListItem extends Trace {
  observations: readonly string[];
  scores: readonly string[];
  /** USD. */
  totalCost: number;
  /** Seconds. */
  latency: number;
  htmlPath: string;
}

/** One trace with its observations and scores in full (read-api §3.2). */
export interface TraceDetail extends Trace {
  observations: readonly Observation[];
  scores: readonly ScoreV1[];
  totalCost: number;
  latency: number;
  htmlPath: string;
}

/** Stands for cost and latency when the `metrics` group was not asked for. */
export const notAsked = -1;

export function traceOf(row: StoredTrace): Trace {
  return {
    id: row.id,
    projectId: row.project_id,
    timestamp: isoOfColumn(row.timestamp),
    createdAt: isoOfColumn(row.created_at),
    updatedAt: isoOfColumn(row.updated_at),
    name: orNull(row.name),
    release: orNull(row.release),
    version: orNull(row.version),
    userId: orNull(row.user_id),
    sessionId: orNull(row.session_id),
    externalId: null,
    environment: row.environment || "default",
    public: row.public,
    bookmarked: row.bookmarked,
    tags: row.tags,
    input: parsePayload(row.input),
    output: parsePayload(row.output),
    metadata: parseMetadata(row.metadata),
  };
}

/** The trace's page in the web interface, without a host. */
export function htmlPathOf(row: { readonly project_id: string; readonly id: string }): string {
  return `/project/${row.project_id}/traces/${encodeURIComponent(row.id)}`;
}

/** What these observations of one trace add up to; undefined when there are none. */
export function totalsOf(
  trace_id: string,
  observations: readonly {
    readonly start_time: string;
    readonly end_time: string | null;
    readonly total_cost: string | null;
  }[],
): StoredTraceTotals | undefined {
  const [first] = observations;
  if (!first) return undefined;
  let { start_time: min_start, start_time: max_start } = first;
  let max_end: string | null = null;
  const costs: string[] = [];
  // Moments as ClickHouse prints them are all of one length, so texts compare as they do.
  for (const { start_time, end_time, total_cost } of observations) {
    if (start_time < min_start) min_start = start_time;
    if (start_time > max_start) max_start = start_time;
    const end = end_time !== null && end_time < start_time ? start_time : end_time;
    if (end !== null && (max_end === null || end > max_end)) max_end = end;
    if (total_cost !== null) costs.push(total_cost);
  }
  const cost = costs.length === 0 ? null : addDecimals(costs);
  return { trace_id, min_start, max_start, max_end, cost };
}

export function totalCostOf(totals: StoredTraceTotals | undefined): number {
  return Number(totals?.cost ?? 0);
}

/** Seconds from the first to the last moment of the observations, starts and ends alike: what lists show. */
export function listLatencyOf(totals: StoredTraceTotals | undefined): number {
  if (!totals) return 0;
  const lastStart = millisOfColumn(totals.max_start);
  const lastEnd = totals.max_end === null ? lastStart : millisOfColumn(totals.max_end);
  return (Math.max(lastStart, lastEnd) - millisOfColumn(totals.min_start)) / 1000;
}

/** Seconds from the first start to the last end; to the last start when nothing has ended: what one trace shows. */
export function detailLatencyOf(totals: StoredTraceTotals | undefined): number {
  if (!totals) return 0;
  const last = totals.max_end ?? totals.max_start;
  return (millisOfColumn(last) - millisOfColumn(totals.min_start)) / 1000;
}
