-- Indexes for lists. Nobody waits for parts that are there already: they get theirs in the background, and are read without until then.

-- Under FINAL a granule read by mistake brings along those of other parts with the same keys: one in a hundred was too many.
ALTER TABLE sluice.traces{{local}}
  ADD INDEX IF NOT EXISTS ix_user_id    user_id             TYPE bloom_filter(0.001) GRANULARITY 1,
  ADD INDEX IF NOT EXISTS ix_session_id session_id          TYPE bloom_filter(0.001) GRANULARITY 1,
  ADD INDEX IF NOT EXISTS ix_tags       tags                TYPE bloom_filter(0.001) GRANULARITY 1,
  ADD INDEX IF NOT EXISTS ix_metadata   mapValues(metadata) TYPE bloom_filter(0.001) GRANULARITY 1, -- of a key and its value, the value tells more
  DROP INDEX IF EXISTS ix_user,
  DROP INDEX IF EXISTS ix_session
SETTINGS alter_sync = {{alter_sync}}, mutations_sync = 0;
ALTER TABLE sluice.traces{{local}}
  MATERIALIZE INDEX ix_user_id, MATERIALIZE INDEX ix_session_id, MATERIALIZE INDEX ix_tags, MATERIALIZE INDEX ix_metadata
SETTINGS mutations_sync = 0;

-- A page asks for the parts of up to a hundred traces: one granule in a thousand for each would be one in ten.
ALTER TABLE sluice.observations{{local}}
  ADD INDEX IF NOT EXISTS ix_trace_id trace_id            TYPE bloom_filter(0.0001) GRANULARITY 1,
  ADD INDEX IF NOT EXISTS ix_metadata mapValues(metadata) TYPE bloom_filter(0.001)  GRANULARITY 1,
  DROP INDEX IF EXISTS ix_trace
SETTINGS alter_sync = {{alter_sync}}, mutations_sync = 0;
ALTER TABLE sluice.observations{{local}} MATERIALIZE INDEX ix_trace_id, MATERIALIZE INDEX ix_metadata SETTINGS mutations_sync = 0;

ALTER TABLE sluice.scores{{local}}
  ADD INDEX IF NOT EXISTS ix_trace_id trace_id TYPE bloom_filter(0.0001) GRANULARITY 1,
  DROP INDEX IF EXISTS ix_trace
SETTINGS alter_sync = {{alter_sync}}, mutations_sync = 0;
ALTER TABLE sluice.scores{{local}} MATERIALIZE INDEX ix_trace_id SETTINGS mutations_sync = 0;
