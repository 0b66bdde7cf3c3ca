-- One full row per score, of a trace, an observation, a session or a dataset run.
CREATE TABLE IF NOT EXISTS sluice.scores{{local}} (
  -- identity and place
  project_id         LowCardinality(String),
  key_hour           DateTime('UTC') CODEC(Delta, ZSTD(1)),      -- chosen once, like that of a trace
  trace_id           String CODEC(ZSTD(1)),                      -- empty for scores of sessions and dataset runs
  id                 String CODEC(ZSTD(1)),

  -- what the client said
  timestamp          DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)), -- earliest event time
  observation_id     String CODEC(ZSTD(1)),
  session_id         String CODEC(ZSTD(1)),
  dataset_run_id     String CODEC(ZSTD(1)),
  name               LowCardinality(String),
  source             LowCardinality(String),                     -- API, EVAL, ANNOTATION
  data_type          LowCardinality(String),                     -- NUMERIC, BOOLEAN, CATEGORICAL, TEXT, CORRECTION
  value              Float64 CODEC(ZSTD(1)),                     -- 0 where the type has no number
  string_value       String CODEC(ZSTD(1)),                      -- the label, text or correction; True or False for BOOLEAN
  comment            String CODEC(ZSTD(1)),
  environment        LowCardinality(String),
  metadata           Map(String, String) CODEC(ZSTD(1)),
  config_id          String CODEC(ZSTD(1)),
  queue_id           String CODEC(ZSTD(1)),
  execution_trace_id String CODEC(ZSTD(1)),
  author_user_id     String CODEC(ZSTD(1)),

  -- who sent the newest part of it
  key_id             LowCardinality(String),
  sdk_name           LowCardinality(String),
  sdk_version        LowCardinality(String),

  -- bookkeeping of the merge, as in traces
  created_at         DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  updated_at         DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  clocks             String CODEC(ZSTD(1)),
  deleted_at         DateTime64(3, 'UTC') CODEC(ZSTD(1)),
  ver                UInt64 CODEC(Delta, ZSTD(1)),
  is_deleted         UInt8,

  INDEX ix_id      id         TYPE bloom_filter(0.001) GRANULARITY 1,
  INDEX ix_trace   trace_id   TYPE bloom_filter(0.001) GRANULARITY 1,
  INDEX ix_session session_id TYPE bloom_filter(0.01)  GRANULARITY 1,
  INDEX ix_time    timestamp  TYPE minmax              GRANULARITY 1
)
ENGINE = {{Replicated}}ReplacingMergeTree(ver, is_deleted)
PARTITION BY toYYYYMM(key_hour)
ORDER BY (project_id, key_hour, trace_id, id)
SETTINGS
  index_granularity = 2048,
  index_granularity_bytes = 1048576,       -- rows are large: a look-up should not unpack more than this
  min_bytes_for_wide_part = 268435456,     -- one file instead of two a column: inserts cost a third less
  fsync_after_insert = 1,
  fsync_part_directory = 1
