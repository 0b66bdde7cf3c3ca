-- One full row per observation: spans, generations, events, agents, tools and the rest.
CREATE TABLE IF NOT EXISTS sluice.observations{{local}} (
  -- identity and place
  project_id            LowCardinality(String),
  key_hour              DateTime('UTC') CODEC(Delta, ZSTD(1)),      -- chosen once, like that of a trace
  trace_id              String CODEC(ZSTD(1)),
  id                    String CODEC(ZSTD(1)),

  -- what the client said
  parent_id             String CODEC(ZSTD(1)),
  type                  LowCardinality(String),                     -- SPAN, GENERATION, EVENT, AGENT, TOOL, CHAIN, RETRIEVER, EVALUATOR, EMBEDDING, GUARDRAIL
  name                  LowCardinality(String),
  start_time            DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)), -- earliest stated one
  end_time              Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)), -- as stated; readers show it no earlier than start_time
  completion_start_time Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
  environment           LowCardinality(String),
  version               LowCardinality(String),
  level                 LowCardinality(String),                     -- DEBUG, DEFAULT, WARNING, ERROR
  status_message        String CODEC(ZSTD(1)),
  metadata              Map(String, String) CODEC(ZSTD(1)),
  input                 String CODEC(ZSTD(3)),
  output                String CODEC(ZSTD(3)),

  -- generations
  model                 LowCardinality(String),                     -- as the client named it
  model_params          String CODEC(ZSTD(1)),                      -- JSON
  prompt_name           LowCardinality(String),
  prompt_version        Nullable(Int64),
  provided_usage        Map(String, UInt64) CODEC(ZSTD(1)),
  provided_cost         Map(String, Decimal(38, 12)) CODEC(ZSTD(1)), -- USD

  -- computed from the merged row by the writer
  model_id              LowCardinality(String),                     -- the model definition that matched
  prompt_id             String CODEC(ZSTD(1)),
  pricing               String CODEC(ZSTD(1)),                      -- JSON: which entry, tier and price gave each cost
  usage_details         Map(String, UInt64) CODEC(ZSTD(1)),
  cost_details          Map(String, Decimal(38, 12)) CODEC(ZSTD(1)), -- USD
  tok_in                UInt64 CODEC(ZSTD(1)),                      -- plain columns beside the maps: twice as fast to add up
  tok_out               UInt64 CODEC(ZSTD(1)),
  tok_total             UInt64 CODEC(ZSTD(1)),
  total_cost            Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),   -- USD
  latency_ms            Nullable(UInt64) MATERIALIZED if(end_time IS NULL, NULL, toUInt64(greatest(0, dateDiff('millisecond', start_time, assumeNotNull(end_time))))),

  -- who sent the newest part of it
  key_id                LowCardinality(String),
  sdk_name              LowCardinality(String),
  sdk_version           LowCardinality(String),

  -- bookkeeping of the merge, as in traces
  created_at            DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  updated_at            DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  clocks                String CODEC(ZSTD(1)),
  deleted_at            DateTime64(3, 'UTC') CODEC(ZSTD(1)),
  ver                   UInt64 CODEC(Delta, ZSTD(1)),
  is_deleted            UInt8,

  INDEX ix_id    id         TYPE bloom_filter(0.001) GRANULARITY 1,
  INDEX ix_trace trace_id   TYPE bloom_filter(0.001) GRANULARITY 1,
  INDEX ix_time  start_time TYPE minmax              GRANULARITY 1
)
ENGINE = {{Replicated}}ReplacingMergeTree(ver, is_deleted)
PARTITION BY toYYYYMM(key_hour)
-- trace_id before id: the observations of a trace lie together, and trace_id compresses elevenfold.
ORDER BY (project_id, key_hour, trace_id, id)
SETTINGS
  index_granularity = 2048,
  index_granularity_bytes = 1048576,       -- rows are large: a look-up should not unpack more than this
  min_bytes_for_wide_part = 268435456,     -- one file instead of two a column: inserts cost a third less
  fsync_after_insert = 1,
  fsync_part_directory = 1
