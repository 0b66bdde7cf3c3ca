import { rank } from "../../schemas/clock.ts";
import { ownerKeyOf } from "../../schemas/mapping.ts";
import { decodeRecord, ownerKey, recordEncoder } from "../../schemas/records.ts";
import type { LooseBody, RecordHeader } from "../../schemas/records.ts";
import type { LogEntry } from "../runtime/event-log/port.ts";
import { placeOf } from "./entity-cache.ts";
import type { Stored } from "./entity-cache.ts";
import type { LooseRecord, MappedBatch, MappedRecord, Source } from "./map-batch.ts";
import { endRows, keyOfPlace } from "./end-rows.ts";
import { entityKey, isLoose, leftOf, touch } from "./plan.ts";
import type { Change, Needed } from "./plan.ts";
import { loadBases } from "./store.ts";
import type { StoreDeps } from "./store.ts";

/**
 * Where several partitions are, a row is written from one of them only: that of its trace, which is how the log is keyed.
 *
 * A record that names no trace may be about a row that lives in one, and only the stored row can tell. So such a record
 * is appended again under the key of the row's trace; or, while there is no row, under that of the trace which its
 * observation gets for want of another. Whoever then writes a row on such a record's word tells all partitions of it
 * afterwards. One that has made, or will make, a row of the same entity in the trace that the client named finds both:
 * it joins what they say into its own, and has the other one ended by the partition that wrote it. However the writers
 * overlap, one of the two comes second, and sees what the first has written.
 */
export interface Routing {
  /** What is to be stored from here. */
  readonly here: readonly MappedRecord[];
  /** What is to be appended under other keys, before the batch is committed. */
  readonly away: readonly Rerouted[];
  /** Entities that another partition may have written. */
  readonly fresh: ReadonlySet<string>;
  /** What all partitions are to be told of, once it is stored and before the batch is committed. */
  readonly announced: readonly Needed[];
}

export interface Rerouted extends LogEntry {
  readonly source: Source;
}

/** Sorts the records of a batch into those that are stored from this partition and those that another one owns. */
export async function route(deps: StoreDeps, batch: MappedBatch): Promise<Routing> {
  const toldOf = hearLoose(deps, batch.loose);
  const asked = new Map<string, Needed>();
  const ask = (one: Needed): Needed => {
    asked.set(one.key, one);
    return one;
  };
  const loose = new Map(
    batch.stated.flatMap((record) => {
      const statement = record.statements.find(isLoose);
      return statement ? [[record, ask(needOf(statement))]] : [];
    }),
  );
  for (const { entities } of toldOf) for (const one of entities) ask(one);
  const fresh = new Set(asked.keys());
  const bases = await loadBases({ ...deps, fresh }, [...asked.values()]);

  const here: MappedRecord[] = [];
  const away: Rerouted[] = [];
  const announced = new Map<string, Needed>();
  for (const record of batch.stated) {
    const one = loose.get(record);
    const base = one && (bases.get(one.key) ?? null);
    const home = one ? homeOf(one, base ?? null, record) : null;
    if (home !== null && home !== ownerKeyOf(record.source.value)) {
      away.push(rerouted(record.source, home));
      continue;
    }
    here.push(record);
    if (one && !isInNamedTrace(base ?? null)) announced.set(one.key, one);
  }
  for (const { source, routed, entities } of toldOf) {
    const { position } = source;
    for (const one of entities) {
      const base = bases.get(one.key);
      if (!base || base.strays.length === 0) continue;
      const home = keyOfPlace(one, placeOf(base.entity));
      if (routed === home) here.push({ position, statements: [touch(one)], source });
      else if (routed === null || !(await endRows(deps.db, one, { own: routed, home, position })))
        away.push({ ...looseEntry([one], home), source });
    }
  }
  return { here, away, fresh, announced: [...announced.values()] };
}

/** The record that tells of entities, for one project; routed when it is meant for one key. */
function looseEntry(entities: readonly Needed[], routed: string | null): LogEntry {
  const body: LooseBody = {
    entities: entities.flatMap(({ kind, id }) => (kind === "trace" ? [] : [{ kind, id }])),
  };
  const header: RecordHeader = {
    project: entities[0]?.project ?? "",
    dialect: "loose",
    receivedAt: 0,
    keyId: "",
    sdkName: "sluice",
    sdkVersion: "",
    registry: "0",
    ...(routed !== null && { routed }),
  };
  return { key: routed ?? "", value: recordEncoder(header)(JSON.stringify(body), true) };
}

/** One record a project that tells all partitions of entities. */
export function looseValues(entities: readonly Needed[]): Buffer[] {
  const byProject = new Map<string, Needed[]>();
  for (const one of entities) {
    const held = byProject.get(one.project);
    if (held) held.push(one);
    else byProject.set(one.project, [one]);
  }
  return [...byProject.values()].map((own) => looseEntry(own, null).value);
}

interface ToldOf {
  readonly source: Source;
  readonly routed: string | null;
  readonly entities: readonly Needed[];
}

/** From here on they may have rows. Gives those that may have had one in this partition before. */
function hearLoose({ filter, cache }: StoreDeps, records: readonly LooseRecord[]): ToldOf[] {
  return records.map(({ source, project, routed, entities }) => {
    const all = entities.map(({ kind, id }) => needOf({ kind, project, id }));
    const doubtful = all.filter(({ key }) => routed !== null || filter.mayHave(key));
    for (const { key } of all) {
      filter.add(key);
      cache.drop(key);
    }
    return { source, routed, entities: doubtful };
  });
}

function needOf({ kind, project, id }: Omit<Needed, "key">): Needed {
  return { key: entityKey(kind, project, id), kind, project, id };
}

/** The key of the partition that writes the row. */
function homeOf(one: Needed, base: Stored, record: MappedRecord): string {
  if (base) return keyOfPlace(one, placeOf(base.entity));
  const statement = record.statements.find(isLoose);
  const isObservation = one.kind === "observation" && statement && "columns" in statement;
  if (!isObservation) return ownerKeyOf(record.source.value);
  return ownerKey(one.project, { traceId: textOf(statement.columns["trace_id"]), id: one.id });
}

/** Tells the partitions that have written a row of these entities elsewhere to end it. */
export function endingEntries(changes: readonly Change[]): LogEntry[] {
  return changes.flatMap((change) => {
    const { project, id } = change.stored.entity;
    const one = { key: change.key, kind: change.kind, project, id };
    return leftOf(change).others.map((place) => looseEntry([one], keyOfPlace(one, place)));
  });
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function isInNamedTrace(base: Stored): boolean {
  const clock = base?.entity.clocks.units["a"];
  return clock !== undefined && clock.rank !== rank.defaulted;
}

/** The record as it was received, for the partition of another key. */
function rerouted(source: Source, routed: string): Rerouted {
  const { header, body, isPlain } = decodeRecord(source.value);
  return { key: routed, value: recordEncoder({ ...header, routed })(body, isPlain), source };
}
