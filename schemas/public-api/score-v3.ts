import { z } from "zod";

import { lenientMillisOf } from "../lenient-time.ts";
import { isContractDateTime } from "../time.ts";
import { namesOf } from "./params.ts";
import { scoreDataTypes, scoreSources, type StoredScore } from "./score.ts";
import { isoOfColumn, orNull, parseMetadata, type JsonValue } from "./stored-value.ts";

export const scoreGroups = ["core", "details", "subject", "annotation"] as const;
export type ScoreGroup = (typeof scoreGroups)[number];

/** The last row of a page. */
export const scoreCursor = z.object({
  v: z.literal(1),
  lastTimestamp: z.string().refine(isContractDateTime, "Expected an ISO 8601 datetime"),
  lastId: z.string(),
});
export type ScoreCursor = z.output<typeof scoreCursor>;

/** What a score is about. */
export type ScoreSubject =
  | { kind: "trace" | "session" | "experiment"; id: string }
  | { kind: "observation"; id: string; traceId?: string };

/** A score of the third API version (read-api §7.5). Keys beyond the core are there when their group is asked for. */
export interface ScoreV3 {
  id: string;
  projectId: string;
  name: string;
  dataType: StoredScore["data_type"];
  /** A number, `true` or `false`, or text, by the data type. */
  value: number | boolean | string;
  source: string;
  timestamp: string;
  environment: string;
  createdAt: string;
  updatedAt: string;
  comment?: string | null;
  configId?: string | null;
  metadata?: Record<string, JsonValue>;
  subject?: ScoreSubject | null;
  authorUserId?: string | null;
  queueId?: string | null;
}

/** The values in comma lists, trimmed; undefined when there are none. */
const commaList = z
  .union([z.string(), z.array(z.string())])
  .optional()
  .transform((given) => someOf([given ?? []].flat().flatMap(namesOf)));

/** As {@link commaList}, of known names only. */
const groupList = z
  .string()
  .transform(namesOf)
  .pipe(z.array(z.enum(scoreGroups)))
  .optional();

/** As {@link commaList}, of names that may be written in any case. */
function nameList<Name extends string>(names: readonly Name[]) {
  return commaList
    .transform((given) => given?.map((name) => name.toUpperCase()))
    .pipe(z.array(z.enum(names)).optional());
}

/** Any moment that JavaScript reads; without an offset it is UTC, whatever the machine's zone. Empty: not given. */
const lenientDate = z
  .string()
  .optional()
  .transform((text, context) => {
    if (!text) return undefined;
    const ms = lenientMillisOf(text);
    if (!Number.isNaN(ms)) return ms;
    context.addIssue({ code: "custom", message: "Expected a date, such as 2026-01-31T12:00:00Z" });
    return z.NEVER;
  });

const absent = (advice: string) => z.literal("", advice).optional();

const bound = z
  .string()
  .optional()
  .transform((text) => (text ? Number(text) : undefined))
  .pipe(z.number().optional());

/** The parameters of GET /v3/scores: unlike elsewhere, what is not among them is refused. */
export const scoresV3Query = z
  .strictObject({
    limit: z.preprocess(
      (value) => (value === "" ? undefined : value),
      z.coerce.number().int().min(1).max(100).default(50),
    ),
    cursor: z.string().optional(),
    fields: groupList,
    id: commaList,
    name: commaList,
    source: nameList(scoreSources),
    dataType: nameList(scoreDataTypes),
    environment: commaList,
    configId: commaList,
    queueId: commaList,
    authorUserId: commaList,
    value: commaList,
    valueMin: bound,
    valueMax: bound,
    traceId: commaList,
    sessionId: commaList,
    observationId: commaList,
    experimentId: commaList,
    fromTimestamp: lenientDate,
    toTimestamp: lenientDate,
    userId: absent("Scores cannot be asked for by user here: use GET /v2/scores."),
    traceTags: absent("Scores cannot be asked for by tag here: use GET /v2/scores."),
  })
  .superRefine((asked, context) => {
    for (const [path, message] of contradictions(asked)) {
      context.addIssue({ code: "custom", path: [path], message });
    }
  });

export function scoreV3Of(row: StoredScore, groups: ReadonlySet<ScoreGroup>): ScoreV3 {
  return {
    id: row.id,
    projectId: row.project_id,
    name: row.name,
    dataType: row.data_type,
    value: valueOf(row),
    source: row.source,
    timestamp: isoOfColumn(row.timestamp),
    environment: row.environment || "default",
    createdAt: isoOfColumn(row.created_at),
    updatedAt: isoOfColumn(row.updated_at),
    ...(groups.has("details") && {
      comment: orNull(row.comment),
      configId: orNull(row.config_id),
      metadata: parseMetadata(row.metadata),
    }),
    ...(groups.has("subject") && { subject: subjectOf(row) }),
    ...(groups.has("annotation") && {
      authorUserId: orNull(row.author_user_id),
      queueId: orNull(row.queue_id),
    }),
  };
}

function valueOf({ data_type, value, string_value }: StoredScore): number | boolean | string {
  if (data_type === "NUMERIC") return value;
  return data_type === "BOOLEAN" ? value === 1 : string_value;
}

function subjectOf(row: StoredScore): ScoreSubject | null {
  if (row.dataset_run_id) return { kind: "experiment", id: row.dataset_run_id };
  if (row.observation_id) {
    const trace = row.trace_id ? { traceId: row.trace_id } : {};
    return { kind: "observation", id: row.observation_id, ...trace };
  }
  if (row.session_id) return { kind: "session", id: row.session_id };
  return row.trace_id ? { kind: "trace", id: row.trace_id } : null;
}

interface Asked {
  readonly dataType?: readonly string[] | undefined;
  readonly value?: readonly string[] | undefined;
  readonly valueMin?: number | undefined;
  readonly valueMax?: number | undefined;
  readonly traceId?: readonly string[] | undefined;
  readonly sessionId?: readonly string[] | undefined;
  readonly observationId?: readonly string[] | undefined;
  readonly experimentId?: readonly string[] | undefined;
}

/** What no parameter can tell by itself: its path, and what to do. */
function contradictions(asked: Asked): [string, string][] {
  const found: [string, string][] = [];
  const [type, ...others] = asked.dataType ?? [];
  const only = others.length === 0 ? type : undefined;
  if (asked.value) {
    if (only !== "NUMERIC" && only !== "BOOLEAN" && only !== "CATEGORICAL") {
      found.push(["value", "Needs one dataType: NUMERIC, BOOLEAN or CATEGORICAL"]);
    } else if (only === "NUMERIC" && !asked.value.every((text) => Number.isFinite(Number(text)))) {
      found.push(["value", "Expected finite numbers, as dataType is NUMERIC"]);
    } else if (only === "BOOLEAN" && !asked.value.every((text) => /^(true|false)$/.test(text))) {
      found.push(["value", "Expected true or false, as dataType is BOOLEAN"]);
    }
  }
  for (const key of ["valueMin", "valueMax"] as const) {
    if (asked[key] !== undefined && only !== "NUMERIC")
      found.push([key, "Needs dataType=NUMERIC and no other"]);
  }
  if (asked.observationId && !asked.traceId)
    found.push(["observationId", "Needs traceId: an observation is known within its trace"]);
  const subjects = (["traceId", "sessionId", "experimentId"] as const).filter((key) => asked[key]);
  if (subjects.length > 1) found.push([subjects[1] ?? "", `Cannot go with ${subjects[0]}`]);
  return found;
}

function someOf(values: readonly string[]): readonly string[] | undefined {
  return values.length > 0 ? values : undefined;
}
