-- The span that an observation came as, whole: what the mapping has no column for is kept, and what it mapped can be mapped again.
ALTER TABLE sluice.observations{{local}}
  ADD COLUMN IF NOT EXISTS otel String CODEC(ZSTD(3)) AFTER output -- JSON of OtelSpan (schemas/otlp/span.ts); empty for what came otherwise
