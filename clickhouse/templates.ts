/**
 * The migrations are written once, for a single node and for a cluster. What differs stands in double braces:
 *
 *     sluice.traces{{local}}          one node: the table. A cluster: the table of each shard, which is made on all hosts;
 *                                     a Distributed table over these has the plain name, which is what queries ask.
 *     {{Replicated}}ReplacingMergeTree(…)
 *     alter_sync = {{alter_sync}}     whether a change is waited for, on a cluster on all replicas
 *     DATABASE sluice{{on_cluster}}
 */
const variable = /\{\{(\w+)\}\}/g;

/** What decides the shard: all rows of a trace lie in one, and all versions of a row. */
const shardingKeys: Readonly<Record<string, string>> = {
  traces: "cityHash64(project_id, id)",
  observations: "cityHash64(project_id, trace_id)",
  scores: "cityHash64(project_id, trace_id)",
  parked_records: "cityHash64(project_id, ver)",
  watermarks: "cityHash64(partition)",
  schema_migrations: "cityHash64(file)",
};

/** The statements for one node, or for the cluster of this name, as the server's configuration has it. */
export function rendered(template: string, cluster: string | null): string {
  return template.replace(variable, (_match, name: string) => {
    const value = (cluster === null ? singleNode : clusterValues(cluster))[name];
    if (value === undefined) throw new Error(`A migration names {{${name}}}: there is none.`);
    return value;
  });
}

/** For a cluster: the tables with the plain names, over those that the statements of a template make or change. */
export function distributedTables(template: string, cluster: string): string[] {
  const tables = new Set(
    Array.from(template.matchAll(/\bsluice\.(\w+)\{\{local\}\}/g), (match) => match[1] ?? ""),
  );
  return Array.from(tables, (table) => distributedTable(table, cluster));
}

const singleNode: Readonly<Record<string, string>> = {
  local: "",
  Replicated: "",
  alter_sync: "0",
  on_cluster: "",
};

function clusterValues(cluster: string): Readonly<Record<string, string>> {
  const onCluster = ` ON CLUSTER ${quoted(cluster)}`;
  return {
    local: `_local${onCluster}`,
    // Path and replica name are the server's defaults, made of its macros {shard} and {replica}.
    Replicated: "Replicated",
    alter_sync: "2",
    on_cluster: onCluster,
  };
}

/** It holds no rows, so it is made anew rather than altered: its columns are those that the shards' table has then. */
function distributedTable(table: string, cluster: string): string {
  const key = shardingKeys[table];
  if (key === undefined) throw new Error(`The table ${table} has no sharding key: say one here.`);
  return `CREATE OR REPLACE TABLE sluice.${table} ON CLUSTER ${quoted(cluster)} AS sluice.${table}_local
ENGINE = Distributed(${quoted(cluster)}, sluice, ${table}_local, ${key})`;
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, (character) => `\\${character}`)}'`;
}
