-- A span that an SDK marks as the root of its application although it has a parent (otlp.md §2.3).
ALTER TABLE sluice.observations{{local}}
  ADD COLUMN IF NOT EXISTS marked_root Bool AFTER parent_id -- the parent is another service's, or was left out
