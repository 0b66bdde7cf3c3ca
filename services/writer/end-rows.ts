import type { Db } from "../../clickhouse/engine.ts";
import { insertRows } from "../../clickhouse/insert.ts";
import { lookupRows } from "../../clickhouse/lookup.ts";
import { entityOf, movedRow, tableOf } from "../../schemas/entity-row.ts";
import { ownerKey } from "../../schemas/records.ts";
import { placeOf } from "./entity-cache.ts";
import type { Place } from "./entity-cache.ts";
import { joined } from "./join.ts";
import type { Needed } from "./plan.ts";

export interface Ending {
  /** The key of the partition that asks: it ends its own rows alone. */
  readonly own: string;
  /** The key of the partition whose row stays. */
  readonly home: string;
  /** Of the record that asks for it. */
  readonly position: bigint;
}

/**
 * Ends the rows that one partition has written of an entity which lives in another, now that they say nothing more than
 * the row there. False, and nothing is done, while they do: then that row has to take it in first.
 */
export async function endRows(
  db: Db,
  one: Needed,
  { own, home, position }: Ending,
): Promise<boolean> {
  const table = tableOf[one.kind];
  const found = (await lookupRows(db, table, [one]))
    .filter((row) => row.is_deleted === 0 || row.deleted_at > 0)
    .map((row) => ({ entity: entityOf(one.kind, row), ver: BigInt(row.ver) }));
  const at = (key: string) =>
    found.filter(({ entity }) => keyOfPlace(one, placeOf(entity)) === key);
  const [kept, ...more] = at(home).map(({ entity }) => entity);
  if (!kept) return true;
  const whole = more.reduce(joined, kept);
  const ending = at(own).filter(({ entity }) => entity.live);
  if (ending.some(({ entity }) => joined(whole, entity) !== whole)) return false;
  const tombstones = ending.map(({ entity, ver }) => {
    const next = ver >= position ? ver + 1n : position;
    return movedRow(entity, placeOf(entity), next, Date.now());
  });
  await insertRows(db, table, tombstones);
  return true;
}

/** The key of the partition that writes a row which lies there. */
export function keyOfPlace({ project, id }: Needed, { traceId, sessionId }: Place): string {
  return ownerKey(project, { traceId, sessionId, id });
}
