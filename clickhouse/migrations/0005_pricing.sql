-- What a cost rests on beside the usage: definitions of models change, and a merged row must come out the same again.
ALTER TABLE sluice.observations{{local}}
  ADD COLUMN IF NOT EXISTS usage_attributes Map(String, String) CODEC(ZSTD(1)) AFTER provided_usage, -- what pricing tiers ask of the event that brought the usage
  ADD COLUMN IF NOT EXISTS registry_position UInt64 CODEC(ZSTD(1)) AFTER provided_cost                               -- the models of this registry position priced it; 0 when nothing was to be priced
