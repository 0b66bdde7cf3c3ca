-- One full row per trace, merged by the writer. A later write of the same key replaces the row: greatest `ver` wins.
-- Empty string means none: no column a client can leave out is Nullable, except where null and zero differ.
CREATE TABLE IF NOT EXISTS sluice.traces{{local}} (
  -- identity and place
  project_id    LowCardinality(String),
  key_hour      DateTime('UTC') CODEC(Delta, ZSTD(1)),      -- chosen once per trace, so that an update of `timestamp` leaves no second row behind
  id            String CODEC(ZSTD(1)),

  -- what the client said
  timestamp     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)), -- earliest stated one
  name          LowCardinality(String),
  user_id       String CODEC(ZSTD(1)),
  session_id    String CODEC(ZSTD(1)),
  environment   LowCardinality(String),
  release       LowCardinality(String),
  version       LowCardinality(String),
  tags          Array(LowCardinality(String)) CODEC(ZSTD(1)), -- sorted, without repeats
  public        Bool,
  bookmarked    Bool,
  metadata      Map(String, String) CODEC(ZSTD(1)), -- first-level values; text as is, anything else as JSON
  input         String CODEC(ZSTD(3)),                      -- text as is, anything else as JSON
  output        String CODEC(ZSTD(3)),

  -- who sent the newest part of it
  key_id        LowCardinality(String),
  sdk_name      LowCardinality(String),
  sdk_version   LowCardinality(String),

  -- bookkeeping of the merge
  created_at    DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)), -- earliest receipt of any of its facts
  updated_at    DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)), -- when the content last changed
  clocks        String CODEC(ZSTD(1)),                      -- which fact each field came from (schemas/clock.ts), so that replays and late facts merge alike
  deleted_at    DateTime64(3, 'UTC') CODEC(ZSTD(1)),        -- facts received until then are dead; 1970 when never deleted
  ver           UInt64 CODEC(Delta, ZSTD(1)),               -- position in the log: generation * 2^48 + offset
  is_deleted    UInt8,                                      -- 1: deleted, or moved to another key

  INDEX ix_id      id         TYPE bloom_filter(0.001) GRANULARITY 1,
  INDEX ix_user    user_id    TYPE bloom_filter(0.01)  GRANULARITY 1,
  INDEX ix_session session_id TYPE bloom_filter(0.01)  GRANULARITY 1,
  INDEX ix_time    timestamp  TYPE minmax              GRANULARITY 1
)
ENGINE = {{Replicated}}ReplacingMergeTree(ver, is_deleted)
-- Monthly: daily partitions were 2-6 times slower to read. The hour leads the key because lists ask for recent time.
PARTITION BY toYYYYMM(key_hour)
ORDER BY (project_id, key_hour, id)
SETTINGS
  index_granularity = 2048,
  index_granularity_bytes = 1048576,       -- rows are large: a look-up should not unpack more than this
  min_bytes_for_wide_part = 268435456,     -- one file instead of two a column: inserts cost a third less
  fsync_after_insert = 1,
  fsync_part_directory = 1
