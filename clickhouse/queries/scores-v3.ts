import {
  isAnyOf,
  isWithin,
  whereOf,
  type Condition,
  type ProjectReader,
  type TimeRange,
} from "./conditions.ts";
import type { ScoreKey } from "./scores.ts";
import { newestUpTo } from "./windows.ts";

/** Each list: any of its values. */
export interface ScoreV3Filter extends TimeRange {
  readonly id?: readonly string[] | undefined;
  readonly name?: readonly string[] | undefined;
  readonly source?: readonly string[] | undefined;
  readonly dataType?: readonly string[] | undefined;
  readonly environment?: readonly string[] | undefined;
  readonly configId?: readonly string[] | undefined;
  readonly queueId?: readonly string[] | undefined;
  readonly authorUserId?: readonly string[] | undefined;
  readonly traceId?: readonly string[] | undefined;
  readonly sessionId?: readonly string[] | undefined;
  readonly observationId?: readonly string[] | undefined;
  readonly experimentId?: readonly string[] | undefined;
  readonly numbers?: readonly number[] | undefined;
  readonly texts?: readonly string[] | undefined;
  /** Both within. */
  readonly valueMin?: number | undefined;
  readonly valueMax?: number | undefined;
}

export interface ScoreV3Key extends ScoreKey {
  /** As ClickHouse prints it. */
  readonly timestamp: string;
}

/** A place in the list: rows behind it are older, or of the same moment and lower ids. */
export interface ScorePlace {
  /** Epoch milliseconds. */
  readonly timestamp: number;
  readonly id: string;
}

/** The keys of the first `limit` scores behind `after`, the newest first. */
export async function scoresBehind(
  reader: ProjectReader,
  filter: ScoreV3Filter,
  after: ScorePlace | undefined,
  limit: number,
): Promise<ScoreV3Key[]> {
  // Says of the sort key and the index of times what the condition on the place says of single rows.
  const to = Math.min(filter.to ?? Infinity, after ? after.timestamp + 1 : Infinity);
  const range = { from: filter.from, to: to === Infinity ? undefined : to };
  return await newestUpTo(range, reader.now, limit, (window, missing) => {
    const where = whereOf(reader, [
      ...conditionsOf(filter),
      isWithin("timestamp", window, reader.now),
      after && isBehind(after),
    ]);
    return reader.db.query<ScoreV3Key>(
      `SELECT id, trace_id, timestamp, toUnixTimestamp(key_hour) AS hour
       FROM sluice.scores FINAL
       WHERE ${where.sql}
       ORDER BY timestamp DESC, id DESC
       LIMIT {limit:UInt32}`,
      { ...where.params, limit: missing },
      reader.budget,
    );
  });
}

function conditionsOf(filter: ScoreV3Filter): readonly (Condition | undefined)[] {
  return [
    isAnyOf("id", filter.id, "ids"),
    isAnyOf("name", filter.name),
    isAnyOf("source", filter.source),
    isAnyOf("data_type", filter.dataType),
    isAnyOf("environment", filter.environment),
    isAnyOf("config_id", filter.configId),
    isAnyOf("queue_id", filter.queueId),
    isAnyOf("author_user_id", filter.authorUserId),
    isAnyOf("trace_id", filter.traceId),
    isAnyOf("session_id", filter.sessionId),
    isAnyOf("observation_id", filter.observationId),
    isAnyOf("dataset_run_id", filter.experimentId),
    isAnyOf("string_value", filter.texts),
    filter.numbers && {
      sql: "value IN {numbers:Array(Float64)}",
      params: { numbers: filter.numbers },
    },
    compares("value >= {value_min:Float64}", "value_min", filter.valueMin),
    compares("value <= {value_max:Float64}", "value_max", filter.valueMax),
  ];
}

function compares(sql: string, name: string, value: number | undefined): Condition | undefined {
  return value === undefined ? undefined : { sql, params: { [name]: value } };
}

function isBehind({ timestamp, id }: ScorePlace): Condition {
  return {
    sql: `(timestamp, id) < (fromUnixTimestamp64Milli({last_time:Int64}, 'UTC'), {last_id:String})`,
    params: { last_time: timestamp, last_id: id },
  };
}
