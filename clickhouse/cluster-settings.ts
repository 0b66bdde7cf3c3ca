import type { Settings } from "./read-settings.ts";

/**
 * What statements say on a cluster besides. The tables that they name are `Distributed`; the rows lie in a
 * `Replicated…` table of each shard (templates.ts).
 */
export const clusterReads: Settings = {
  // A list of ids comes from all shards, not from the one that compares it.
  distributed_product_mode: "global",
  // Part of the rows is no answer.
  skip_unavailable_shards: 0,
};

/** With {@link clusterInserts}: a replica that lacks an acknowledged insert refuses the read instead of answering. */
export const acknowledgedReads: Settings = { select_sequential_consistency: 1 };

export const clusterInserts: Settings = {
  // Acknowledged only when the shards have the rows, not when a host has queued them.
  distributed_foreground_insert: 1,
  // Most replicas of a shard have them, and the same ones for all inserts: what sequential reads rest on.
  insert_quorum: "auto",
  insert_quorum_parallel: 0,
  insert_quorum_timeout: 10_000,
};

export const clusterChanges: Settings = {
  // What follows relies on the change, on whichever replica it comes to.
  alter_sync: 2,
  distributed_ddl_task_timeout: 180,
  distributed_ddl_output_mode: "throw",
};
