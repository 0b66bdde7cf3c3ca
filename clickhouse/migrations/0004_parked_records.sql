-- Records of the log that could not become rows, kept whole with their reason: nothing accepted is dropped.
-- The position is the identity, so that a replay parks a record once.
CREATE TABLE IF NOT EXISTS sluice.parked_records{{local}} (
  project_id   LowCardinality(String),
  partition    UInt32,
  ver          UInt64 CODEC(Delta, ZSTD(1)),               -- position in the log: generation * 2^48 + offset
  received_at  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  parked_at    DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  reason       LowCardinality(String),                     -- a code of schemas/parked.ts
  detail       String CODEC(ZSTD(1)),
  record       String CODEC(ZSTD(3)),                      -- the record's bytes, base64
  redriven_at  DateTime64(3, 'UTC') CODEC(ZSTD(1))         -- when it was put into the log again; 1970 while it waits
)
-- Once redriven it stays so, also when a replay parks it again.
ENGINE = {{Replicated}}ReplacingMergeTree(redriven_at)
PARTITION BY toYYYYMM(received_at)
ORDER BY (project_id, partition, ver)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
