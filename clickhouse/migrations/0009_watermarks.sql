-- How far the writer has stored each partition of the event log, for readers in other processes.
CREATE TABLE IF NOT EXISTS sluice.watermarks{{local}} (
  partition    UInt32,
  generation   UInt64 CODEC(ZSTD(1)),                      -- of the log, within which offsets mean something
  next         UInt64 CODEC(ZSTD(1)),                      -- everything before this offset is in the tables above
  ver          UInt64 CODEC(ZSTD(1)),                      -- generation * 2^48 + next: a writer that lags behind another cannot take it back
  published_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = {{Replicated}}ReplacingMergeTree(ver)
ORDER BY partition
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
