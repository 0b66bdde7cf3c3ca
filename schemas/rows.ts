/**
 * The rows of ClickHouse as JSON carries them, one type a table; what each column means stands in
 * clickhouse/migrations. Times of DateTime64(3) columns go in as epoch milliseconds. Empty text means none.
 */

export interface MergedRow {
  project_id: string;
  /** Seconds since the epoch, a whole hour. */
  key_hour: number;
  id: string;
  environment: string;
  metadata: Readonly<Record<string, string>>;
  key_id: string;
  sdk_name: string;
  sdk_version: string;
  created_at: number;
  updated_at: number;
  clocks: string;
  deleted_at: number;
  /** A decimal integer: 64 bits do not fit a JSON number. */
  ver: string;
  is_deleted: 0 | 1;
}

export interface TraceRow extends MergedRow {
  timestamp: number;
  name: string;
  user_id: string;
  session_id: string;
  release: string;
  version: string;
  tags: readonly string[];
  public: boolean;
  bookmarked: boolean;
  input: string;
  output: string;
}

export interface ObservationRow extends MergedRow {
  trace_id: string;
  parent_id: string;
  marked_root: boolean;
  type: string;
  name: string;
  start_time: number;
  end_time: number | null;
  completion_start_time: number | null;
  version: string;
  level: string;
  status_message: string;
  input: string;
  output: string;
  model: string;
  model_params: string;
  prompt_name: string;
  prompt_version: number | null;
  provided_usage: Record<string, number>;
  /** Of the event that brought the usage; see `attributeName`. */
  usage_attributes: Record<string, string>;
  /** USD, decimal text. */
  provided_cost: Record<string, string>;
  registry_position: number;
  /** The span that it came as, JSON of `OtelSpan`. */
  otel: string;
  model_id: string;
  prompt_id: string;
  pricing: string;
  usage_details: Record<string, number>;
  cost_details: Record<string, string>;
  tok_in: number;
  tok_out: number;
  tok_total: number;
  total_cost: string | null;
}

export interface ScoreRow extends MergedRow {
  trace_id: string;
  timestamp: number;
  observation_id: string;
  session_id: string;
  dataset_run_id: string;
  name: string;
  source: string;
  data_type: string;
  value: number;
  string_value: string;
  comment: string;
  config_id: string;
  queue_id: string;
  execution_trace_id: string;
  author_user_id: string;
}
